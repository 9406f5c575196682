"""The ways out that prompts take: octets by HTTP, and a connection for another protocol."""

import pytest

from django_ciba.outbound import AddressRefused, ConnectionFailed, connection, post_bytes
from tests.callback_server import CallbackServer, status
from tests.unit.prompts.conftest import Configure


def test_octets_are_posted_as_they_are_with_the_callers_headers() -> None:
    with CallbackServer(status(201, b"made", Retry_After="3")) as service:
        answer = post_bytes(service.url, b"\x00\xff", {"Content-Encoding": "aes128gcm", "TTL": "9"})
    (received,) = service.received
    assert received.octets == b"\x00\xff"
    assert (received.headers["content-encoding"], received.headers["ttl"]) == ("aes128gcm", "9")
    assert "content-type" not in received.headers
    assert received.headers["content-length"] == "2"
    assert (answer.status, answer.retry_after, answer.body) == (201, 3.0, b"made")


def test_octets_are_not_posted_to_where_nothing_is_called(site: Configure) -> None:
    with CallbackServer(status(201)) as service:
        site(OUTBOUND_ALLOW_LOOPBACK=False)
        with pytest.raises(AddressRefused):
            post_bytes(service.url, b"x", {})
    assert service.received == []


def test_a_protocol_is_agreed_upon_under_tls_alone() -> None:
    with (
        CallbackServer(status(201)) as service,
        pytest.raises(AddressRefused, match="must begin with https://"),
        connection(service.url, "h2"),
    ):
        raise AssertionError("no connection is given")


def test_a_connection_to_nobody_fails() -> None:
    with pytest.raises(ConnectionFailed), connection("https://127.0.0.1:9/", "h2"):
        raise AssertionError("no connection is given")
