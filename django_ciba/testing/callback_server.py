"""A relying party's notification endpoint on loopback: it answers by a script, and keeps it all."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeAlias

from django_ciba.testing.loopback_server import LoopbackServer, respond

Answer: TypeAlias = Callable[[BaseHTTPRequestHandler, threading.Event], None]


@dataclass(frozen=True)
class Received:
    """One call, as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    octets: bytes

    @property
    def body(self) -> dict[str, Any]:
        found = json.loads(self.octets)
        assert isinstance(found, dict)
        return found


class CallbackServer(LoopbackServer):
    """Answers each call by the next one of its answers, and from then on by the last.

    `meanwhile` is run with each call before it is answered, in the server's own thread.
    """

    path = "/callback"

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers) or [status(204)]
        self.received: list[Received] = []
        self.meanwhile: Callable[[Received], None] | None = None
        self.failures: list[BaseException] = []

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [each.body for each in self.received]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.path, headers, self.rfile.read(length))
                outer.received.append(received)
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                try:
                    if outer.meanwhile is not None:
                        outer.meanwhile(received)
                except BaseException as failure:  # noqa: BLE001 - the test looks at it
                    outer.failures.append(failure)
                answer(self, outer.over)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """A whole answer at once; a header's name is written with _ for -."""

    def answer(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        respond(handler, body, code, Content_Type="text/plain", **headers)

    return answer
