"""RFC 9113: requests one after the other on one HTTP/2 connection, by h2 (`django-ciba[apns]`)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from django_ciba.outbound import BadAnswer, Connection, ConnectionFailed, OutboundAnswer, connection

CAN_SPEAK: Final = find_spec("h2") is not None

if TYPE_CHECKING or CAN_SPEAK:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import (
        ConnectionTerminated,
        DataReceived,
        Event,
        ResponseReceived,
        StreamEnded,
        StreamReset,
    )
    from h2.exceptions import H2Error


class Session:
    """A connection that has been opened; `post` waits for each answer before the next request."""

    def __init__(self, opened: Connection) -> None:
        self._connection = opened
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))

    def begin(self) -> None:
        self._h2.initiate_connection()
        self._flush()

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> OutboundAnswer:
        """RFC 9113 §8.1: one request, with a small body. Errors: `OutboundError`."""
        try:
            return self._post(path, headers, body)
        except H2Error as fault:
            raise BadAnswer("the answer is not HTTP/2") from fault

    def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> OutboundAnswer:
        stream = self._h2.get_next_available_stream_id()
        pseudo = {
            ":method": "POST",
            ":scheme": "https",
            ":authority": self._connection.authority,
            ":path": path,
        }
        self._h2.send_headers(stream, [*pseudo.items(), *headers.items()])
        self._h2.send_data(stream, body, end_stream=True)
        self._flush()
        status, retry_after, received = 0, None, b""
        while octets := self._connection.receive():
            over = False
            for event in self._h2.receive_data(octets):
                if isinstance(event, DataReceived):
                    self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
                    received += event.data
                elif isinstance(event, ResponseReceived):
                    status, retry_after = _head(event)
                over = over or isinstance(event, StreamEnded)
                if not over and _broken_off(event):
                    raise ConnectionFailed("the connection failed")
            if over:
                return OutboundAnswer(status, retry_after, received)
            self._flush()
        raise ConnectionFailed("the connection failed")

    def _flush(self) -> None:
        self._connection.send(self._h2.data_to_send())


@contextmanager
def session(url: str) -> Iterator[Session]:
    """A connection to an address. Errors: `OutboundError`, inside the `with` block too."""
    with connection(url, "h2") as opened:
        found = Session(opened)
        found.begin()
        yield found


def _broken_off(event: "Event") -> bool:
    return isinstance(event, StreamReset | ConnectionTerminated)


def _head(event: "ResponseReceived") -> tuple[int, float | None]:
    headers = {str(name): str(value) for name, value in event.headers or ()}
    status, later = headers.get(":status", ""), headers.get("retry-after", "")
    return (
        int(status) if re.fullmatch("[0-9]{3}", status) else 0,
        float(later) if re.fullmatch("[0-9]{1,9}", later) else None,
    )
