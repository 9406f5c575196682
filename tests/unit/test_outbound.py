"""The guarded client, against real servers on loopback: what it calls, and when it gives up.

Where a test says that nothing was sent, every socket of the process is a tripwire.
"""

import gzip
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from django_ciba.outbound import (
    AddressRefused,
    BadAnswer,
    ConnectionFailed,
    DeadlineExceeded,
    OutboundAnswer,
    OutboundError,
    TooLarge,
    address_problem,
    fetch_json,
    post_json,
)

# Above every deadline here; a client without one would hang until this ends it.
pytestmark = pytest.mark.timeout(30)

Handler = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"
PUBLIC = "93.184.215.14"
CAP = 65536


class Server:
    """Accepts on loopback and hands each connection to a function; keeps what it was sent."""

    def __init__(self, handler: Handler, host: str = "127.0.0.1") -> None:
        self.handler = handler
        self.requests: list[bytes] = []
        self.sent = 0
        self.over = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.port: int = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
                self.threads.append(thread)
                thread.start()

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        with connection, suppress(OSError):
            self.handler(connection)

    def read_request(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += self.receive(connection)
        self.requests.append(head + b"\r\n\r\n" + body)

    def receive(self, connection: socket.socket) -> bytes:
        if not (received := connection.recv(4096)):
            raise ConnectionResetError
        return received

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(15)


@contextmanager
def serving(handler: Handler, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(handler, host)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def answering(*pieces: bytes, pause: float = 0, host: str = "127.0.0.1") -> Iterator[Server]:
    """A server that reads one request and sends these pieces, pausing between them."""

    def handle(connection: socket.socket) -> None:
        server.read_request(connection)
        for piece in pieces:
            server.send(connection, piece)
            if pause and server.over.wait(pause):
                return

    with serving(handle, host) as server:
        yield server


def ok(body: bytes, *headers: bytes) -> bytes:
    head = [b"Content-Length: %d" % len(body), *headers]
    return OK + b"".join(line + b"\r\n" for line in head) + b"\r\n" + body


def url_of(server: Server, path: str = "/jwks", scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.port}{path}"


@pytest.fixture
def site(settings: Settings) -> Callable[..., None]:
    """Sets OUTBOUND_… settings; what is not named has its default."""

    def configure(**values: Any) -> None:
        settings.DJANGO_CIBA = {f"OUTBOUND_{name}": value for name, value in values.items()}

    configure()
    return configure


@pytest.fixture
def loopback(site: Callable[..., None]) -> None:
    site(ALLOW_LOOPBACK=True, DEADLINE=1.0)


@pytest.fixture
def no_packet_leaves(site: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A production site, in which any attempt to connect fails the test."""

    def tripped(*args: object) -> None:
        pytest.fail(f"connected to {args}")

    monkeypatch.setattr(socket.socket, "connect", tripped)
    monkeypatch.setattr(socket.socket, "connect_ex", tripped)
    monkeypatch.setattr(socket.socket, "sendto", tripped)


class Resolver:
    """Stands in for `socket.getaddrinfo`: gives its answers in turn, and the last one for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in answer
        ]


# --- what comes back -------------------------------------------------------------------------


@pytest.mark.usefixtures("loopback")
def test_json_is_fetched() -> None:
    with answering(ok(b'{"keys":[]}')) as server:
        assert fetch_json(url_of(server, "/jwks?a=b")) == {"keys": []}
    (request,) = server.requests
    lines = request.split(b"\r\n")
    assert lines[0] == b"GET /jwks?a=b HTTP/1.1"
    assert b"Host: 127.0.0.1:%d" % server.port in lines
    assert b"Accept-Encoding: identity" in lines
    assert b"Accept: application/json" in lines


@pytest.mark.usefixtures("loopback")
def test_an_ipv6_literal_is_called_by_its_name() -> None:
    with answering(ok(b"{}"), host="::1") as server:
        assert fetch_json(f"http://[::1]:{server.port}") == {}
    assert b"GET / HTTP/1.1\r\nHost: [::1]:%d\r\n" % server.port in _host_first(server)


def _host_first(server: Server) -> bytes:
    """The request with its Host header moved up: the order of headers is nobody's promise."""
    first, *lines = server.requests[0].split(b"\r\n")
    lines.sort(key=lambda line: not line.startswith(b"Host:"))
    return b"\r\n".join([first, *lines])


@pytest.mark.usefixtures("loopback")
def test_chunked_answers_are_read() -> None:
    chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    with answering(OK + chunks) as server:
        assert fetch_json(url_of(server)) == {}


@pytest.mark.usefixtures("loopback")
def test_the_connections_end_may_be_the_answers_end() -> None:
    with answering(OK + b"\r\n" + b"{}") as server:
        assert fetch_json(url_of(server)) == {}


@pytest.mark.requirement("CIBA Core", "10.2")
@pytest.mark.usefixtures("loopback")
def test_json_is_posted_with_the_callers_headers() -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        answer = post_json(
            url_of(server, "/cb"), {"auth_req_id": "abc"}, {"Authorization": "Bearer token"}
        )
    assert answer == OutboundAnswer(status=204, retry_after=None, body=b"")
    (request,) = server.requests
    assert request.startswith(b"POST /cb HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer token\r\n" in request
    assert b"\r\nContent-Type: application/json\r\n" in request
    assert request.endswith(b'\r\n\r\n{"auth_req_id":"abc"}')


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 410, 429, 500, 503])
def test_every_status_is_an_answer_to_a_callback(status: int) -> None:
    with answering(b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\nbody" % status) as server:
        answer = post_json(url_of(server), {})
    assert (answer.status, answer.body) == (status, b"body")


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [201, 204, 301, 304, 404, 500])
def test_only_200_is_an_answer_to_a_fetch(status: int) -> None:
    with (
        answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status) as server,
        pytest.raises(BadAnswer, match=str(status)),
    ):
        fetch_json(url_of(server))


@pytest.mark.requirement("RFC 9110", "10.2.3")
@pytest.mark.usefixtures("loopback")
def test_retry_after_is_a_number_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    for text, least, most in (
        ("120", 120, 120),
        (format_datetime(soon, usegmt=True), 90, 100),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
    ):
        head = f"HTTP/1.1 503 X\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n"
        with answering(head.encode()) as server:
            after = post_json(url_of(server), {}).retry_after
        assert after is not None
        assert least <= after <= most
    for text in (
        "",
        "soon",
        "-5",
        "1e9",
        "9" * 400,
        "Thu, 99 Foo 1970",
        "Thu, 01 Jan 1970 00:00:00 -0000",
    ):
        head = f"HTTP/1.1 503 X\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n"
        with answering(head.encode()) as server:
            assert post_json(url_of(server), {}).retry_after is None


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with answering(ok(b"{}")) as other:
        location = f"Location: {url_of(other)}\r\nContent-Length: 0\r\n\r\n"
        head = b"HTTP/1.1 %d X\r\n" % status + location.encode()
        with answering(head) as server:
            assert post_json(url_of(server), {}).status == status
            with pytest.raises(BadAnswer):
                fetch_json(url_of(server))
    assert other.requests == []


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b'{"a":1,"a":2}',
        b"NaN",
        b"[" * 30_000 + b"]" * 30_000,
        '{"a":"ä"}'.encode("latin-1"),
        b'{"a":"\\ud800"}',
        b"9" * 5000,
    ],
    ids=range(9),
)
def test_what_is_not_strict_json_is_a_bad_answer(body: bytes) -> None:
    with answering(ok(body)) as server, pytest.raises(BadAnswer):
        fetch_json(url_of(server))


@pytest.mark.usefixtures("loopback")
def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    for head in (b"Content-Length: 9\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n9\r\n{}"):
        with answering(OK + head) as server, pytest.raises(ConnectionFailed):
            fetch_json(url_of(server))


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    "noise", [b"", b"\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"]
)
def test_what_is_not_http_is_an_outbound_error(noise: bytes) -> None:
    with answering(noise) as server, pytest.raises((BadAnswer, ConnectionFailed)):
        fetch_json(url_of(server))


@pytest.mark.usefixtures("loopback")
def test_a_reset_and_a_closed_port_are_connection_failures() -> None:
    def reset(connection: socket.socket) -> None:
        linger_for_nothing = b"\1\0\0\0\0\0\0\0"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)

    with serving(reset) as server, pytest.raises(ConnectionFailed):
        fetch_json(url_of(server))
    with pytest.raises(ConnectionFailed):  # it no longer listens
        fetch_json(url_of(server))


@pytest.mark.usefixtures("loopback")
def test_a_header_cannot_be_split() -> None:
    with answering(ok(b"")) as server, pytest.raises(ValueError, match="header"):
        post_json(url_of(server), {}, {"Authorization": "Bearer x\r\nEvil: yes"})
    assert server.requests == []


# --- time ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    "pieces",
    [
        [b""] * 100,
        [bytes([octet]) for octet in OK * 10],
        [OK, *[b"X-A: b\r\n"] * 100],
        [OK + b"\r\n", *[b" "] * 100],
        [OK + b"Content-Length: 100\r\n\r\n", *[b" "] * 100],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 100],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 100,
    ],
    ids=["silence", "status", "headers", "body", "length", "chunks", "continue"],
)
def test_a_slow_drip_ends_at_the_deadline(pieces: list[bytes]) -> None:
    """Each piece comes well within any timeout; only the whole is too slow."""
    with answering(*pieces, pause=0.1) as server, pytest.raises(DeadlineExceeded):
        fetch_json(url_of(server))


@pytest.mark.usefixtures("loopback")
def test_a_callback_that_drips_after_its_status_has_been_delivered() -> None:
    pieces = [OK + b"Content-Length: 100\r\n\r\n", *[b" "] * 100]
    with answering(*pieces, pause=0.1) as server:
        assert post_json(url_of(server), {}) == OutboundAnswer(200, None, b"")


@pytest.mark.usefixtures("loopback")
def test_a_reader_that_sips_ends_at_the_deadline() -> None:
    def sip(connection: socket.socket) -> None:
        while connection.recv(2**16) and not server.over.wait(0.02):
            pass

    with serving(sip) as server, pytest.raises(DeadlineExceeded):
        post_json(url_of(server), {"x": "y" * 100_000_000})


@pytest.mark.usefixtures("loopback")
def test_a_reader_that_does_not_read_ends_at_the_deadline() -> None:
    def deaf(connection: socket.socket) -> None:
        server.over.wait(10)

    with serving(deaf) as server, pytest.raises(DeadlineExceeded):
        post_json(url_of(server), {"x": "y" * 20_000_000})


@pytest.mark.usefixtures("loopback")
def test_a_server_that_accepts_and_never_speaks_tls_ends_at_the_deadline() -> None:
    def silent(connection: socket.socket) -> None:
        server.over.wait(10)

    with serving(silent) as server, pytest.raises(DeadlineExceeded):
        fetch_json(url_of(server, scheme="https"))


@pytest.mark.usefixtures("loopback")
def test_a_tls_handshake_that_drips_ends_at_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        hello = b"\x16\x03\x03\x20\x00" + b"\x02\x00\x1f\xfc" + bytes(100)
        for octet in hello:
            connection.sendall(bytes([octet]))
            if server.over.wait(0.1):
                return

    with serving(drip) as server, pytest.raises(DeadlineExceeded):
        fetch_json(url_of(server, scheme="https"))


@pytest.mark.usefixtures("loopback")
def test_name_resolution_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def stuck(*args: Any, **kwargs: Any) -> list[Any]:
        over.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    try:
        with pytest.raises(DeadlineExceeded):
            fetch_json("https://rp.example/jwks")
    finally:
        over.set()


def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    site: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address never accepts: its queue of one is full."""
    site(ALLOW_LOOPBACK=True, DEADLINE=3.0)
    with answering(ok(b"{}")) as server:
        full = socket.create_server(("127.0.0.2", server.port), backlog=0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.2", server.port))
        Resolver(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        try:
            assert fetch_json(f"http://rp.example:{server.port}/") == {}
        finally:
            for each in (full, *waiting):
                each.close()


# --- size ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("head", [b"Content-Length: 314572800\r\n\r\n", b"\r\n"])
def test_of_300_megabytes_only_the_cap_is_read(head: bytes) -> None:
    megabyte = b" " * 2**20
    with answering(OK + head, *[megabyte] * 300) as server:
        with pytest.raises(TooLarge):
            fetch_json(url_of(server))
        assert post_json(url_of(server), {}).body == b" " * CAP
    assert server.sent < 50 * 2**20  # what the kernels on both sides hold, and no more


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("excess", [0, 1])
def test_the_cap_is_exact(excess: int) -> None:
    body = b'"' + b"x" * (CAP - 2 + excess) + b'"'
    with answering(ok(body)) as server:
        if excess:
            with pytest.raises(TooLarge):
                fetch_json(url_of(server))
        else:
            assert len(fetch_json(url_of(server))) == CAP - 2


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize(
    "endless",
    [
        b"X-A: " + b"b" * 60_000 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\nX: " + b"y" * 60_000 + b"\r\n\r\n",
    ],
    ids=["headers", "continue"],
)
def test_heads_without_end_are_not_read(endless: bytes) -> None:
    start = b"" if endless.startswith(b"HTTP") else OK
    with answering(start, *[endless] * 5000) as server, pytest.raises(TooLarge):
        fetch_json(url_of(server))
    assert server.sent < 50 * 2**20


@pytest.mark.usefixtures("loopback")
def test_chunks_cannot_smuggle_more_than_the_cap() -> None:
    chunk = b"1;" + b"x" * 60_000 + b"\r\n \r\n"
    with (
        answering(OK + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 5000) as server,
        pytest.raises(TooLarge),
    ):
        fetch_json(url_of(server))
    assert server.sent < 50 * 2**20


@pytest.mark.usefixtures("loopback")
@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"br", b"identity, gzip"])
def test_encoded_answers_are_refused_unopened(encoding: bytes) -> None:
    bomb = gzip.compress(b" " * 10**7)
    with (
        answering(ok(bomb, b"Content-Encoding: " + encoding)) as server,
        pytest.raises(BadAnswer, match="encoded"),
    ):
        fetch_json(url_of(server))


# --- TLS -------------------------------------------------------------------------------------


class Authority:
    """A throw-away certificate authority."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(
            self.name,
            self.key.public_key(),
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(sign_certificates=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False),
        )
        self.bundle = folder / f"{name}.pem"
        self.bundle.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def server_context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            x509.Name([]),
            key.public_key(),
            (x509.SubjectAlternativeName([_general_name(each) for each in names]), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
            days=days,
        )
        path = self.folder / f"server-{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *extensions: tuple[x509.ExtensionType, bool],
        days: int = 1,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def trusting(site: Callable[..., None], authority: Authority) -> None:
    """A site that trusts the throw-away authority."""
    site(ALLOW_LOOPBACK=True, DEADLINE=3.0, CA_BUNDLE=str(authority.bundle))


@contextmanager
def tls_server(context: ssl.SSLContext, *pieces: bytes) -> Iterator[tuple[Server, list[Any]]]:
    """Serves under TLS; the list holds the names that callers asked for (SNI)."""
    asked: list[Any] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            server.read_request(encrypted)
            for piece in pieces:
                server.send(encrypted, piece)

    with serving(handle) as server:
        yield server, asked


@pytest.mark.usefixtures("trusting")
def test_tls_is_checked_against_the_name_and_sent_to_the_address(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = authority.server_context("rp.example")
    with tls_server(context, ok(b"{}")) as (server, asked):
        resolver = Resolver(monkeypatch, ["127.0.0.1"])
        assert fetch_json(f"https://RP.example:{server.port}/jwks") == {}
    assert asked == ["rp.example"]
    assert b"\r\nHost: rp.example:%d\r\n" % server.port in server.requests[0]
    assert resolver.asked == ["rp.example"]


@pytest.mark.usefixtures("trusting")
def test_a_certificate_may_be_for_an_address(authority: Authority) -> None:
    with tls_server(authority.server_context("127.0.0.1"), ok(b"{}")) as (server, _):
        assert fetch_json(url_of(server, scheme="https")) == {}


@pytest.mark.usefixtures("trusting")
def test_a_certificate_for_another_host_is_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for names in (["other.example"], ["127.0.0.1"], ["*.rp.example"]):
        context = authority.server_context(*names)
        with tls_server(context, ok(b"{}")) as (server, _):
            Resolver(monkeypatch, ["127.0.0.1"])
            with pytest.raises(ConnectionFailed, match="certificate"):
                post_json(f"https://rp.example:{server.port}/", {"secret": 1})
        assert server.requests == []


@pytest.mark.usefixtures("trusting")
def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1", days=-1)
    with (
        tls_server(context, ok(b"{}")) as (server, _),
        pytest.raises(ConnectionFailed, match="certificate"),
    ):
        fetch_json(url_of(server, scheme="https"))


def test_an_authority_that_we_do_not_know_is_refused(
    site: Callable[..., None], authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    for bundle in (None, str(stranger.bundle)):
        site(ALLOW_LOOPBACK=True, CA_BUNDLE=bundle)
        context = authority.server_context("127.0.0.1")
        with (
            tls_server(context, ok(b"{}")) as (server, _),
            pytest.raises(ConnectionFailed, match="certificate"),
        ):
            fetch_json(url_of(server, scheme="https"))
        assert server.requests == []


@pytest.mark.requirement("RFC 9325", "3.1.1")
@pytest.mark.usefixtures("trusting")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with tls_server(context, ok(b"{}")) as (server, _), pytest.raises(ConnectionFailed):
        fetch_json(url_of(server, scheme="https"))


@pytest.mark.usefixtures("trusting")
def test_of_300_encrypted_megabytes_only_the_cap_is_read(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    with (
        tls_server(context, OK + b"\r\n", *[b" " * 2**20] * 300) as (server, _),
        pytest.raises(TooLarge),
    ):
        fetch_json(url_of(server, scheme="https"))
    assert server.sent < 50 * 2**20


def test_an_encrypted_drip_ends_at_the_deadline(
    site: Callable[..., None], authority: Authority
) -> None:
    site(ALLOW_LOOPBACK=True, DEADLINE=1.0, CA_BUNDLE=str(authority.bundle))
    context = authority.server_context("127.0.0.1")

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            server.read_request(encrypted)
            for octet in OK * 10:
                encrypted.sendall(bytes([octet]))
                if server.over.wait(0.1):
                    return

    with serving(handle) as server, pytest.raises(DeadlineExceeded):
        fetch_json(url_of(server, scheme="https"))


# --- where we do not go ----------------------------------------------------------------------


NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.215.14",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
STILL_PUBLIC = [
    PUBLIC,
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "168.63.129.15",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.requirement("RFC 6890", "2.2")
@pytest.mark.usefixtures("no_packet_leaves")
@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_private_and_special_addresses_are_refused_before_connecting(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    literal = f"https://{bracketed(address)}/"
    assert address_problem(literal) is not None
    with pytest.raises(AddressRefused):
        fetch_json(literal)
    with pytest.raises(AddressRefused):
        post_json(literal, {})
    Resolver(monkeypatch, [address])
    assert address_problem("https://rp.example/") is None
    with pytest.raises(AddressRefused):
        fetch_json("https://rp.example/")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("address", STILL_PUBLIC)
def test_their_neighbours_are_public(address: str) -> None:
    assert address_problem(f"https://{bracketed(address)}:8443/cb?x=y") is None


@pytest.mark.parametrize("address", [a for a in NOT_PUBLIC if a[:4] != "127." and a != "::1"])
def test_opening_loopback_opens_nothing_else(
    address: str, site: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    site(ALLOW_LOOPBACK=True)
    Resolver(monkeypatch, [address])
    for scheme in ("http", "https"):
        assert address_problem(f"{scheme}://{bracketed(address)}/") is not None
        with pytest.raises(AddressRefused):
            fetch_json(f"{scheme}://rp.example/")


@pytest.mark.usefixtures("loopback")
def test_plain_http_goes_to_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_problem(f"http://{PUBLIC}/") is not None
    assert address_problem("http://127.0.0.1:8000/") is None
    assert address_problem("http://localhost:8000/") is None
    Resolver(monkeypatch, [PUBLIC])
    with pytest.raises(AddressRefused):
        fetch_json("http://rp.example/")


@pytest.mark.usefixtures("no_packet_leaves")
@pytest.mark.parametrize(
    "answer",
    [
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        [PUBLIC, "2606:4700::1", "fd00::1"],
        [*STILL_PUBLIC, "10.0.0.1"],
    ],
)
def test_one_private_address_among_public_ones_refuses_them_all(
    answer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, answer)
    with pytest.raises(AddressRefused):
        fetch_json("https://rp.example/")


@pytest.mark.usefixtures("site")
def test_a_name_that_changes_its_address_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public when it is checked, private when it is asked for once more."""
    called: list[Any] = []

    def connect(_: socket.socket, address: Any) -> None:
        called.append(address)
        raise ConnectionRefusedError

    resolver = Resolver(monkeypatch, [PUBLIC], ["127.0.0.1"])
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(ConnectionFailed):
        fetch_json("https://rp.example/")
    assert resolver.asked == ["rp.example"]
    assert called == [(PUBLIC, 443)]


@pytest.mark.usefixtures("no_packet_leaves")
def test_a_name_without_an_address_is_a_connection_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Resolver(monkeypatch, [])
    with pytest.raises(ConnectionFailed):
        fetch_json("https://rp.example/")

    def unknown(*args: Any, **kwargs: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionFailed):
        fetch_json("https://rp.example/")


BAD_URLS = [
    "",
    "https://",
    "https:///jwks",
    "rp.example",
    "//rp.example/",
    "http://rp.example/",
    "HTTP://rp.example/",
    "ftp://rp.example/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:application/json,{}",
    "https://user@rp.example/",
    "https://user:pw@rp.example/",
    "https://@rp.example/",
    "https://rp.example@127.0.0.1/",
    "https://rp.example/#",
    "https://rp.example/#keys",
    "https://rp.example:0/",
    "https://rp.example:99999/",
    "https://rp.example:x/",
    "https://rp.example:-1/",
    "https://[::1/",
    "https://::1/",
    "https://[rp.example]/",
    "https://[v1.x]/",
    "https://[fe80::1%25eth0]/",
    "https://[2606:4700::1%25eth0]/",
    "https://2130706433/",
    "https://0/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0X7F.1/",
    "https://017700000001/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://1.1.1.256/",
    "https://rp.123/",
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://rp.localhost/",
    "https://rp.example./",
    "https://.rp.example/",
    "https://rp..example/",
    "https://-rp.example/",
    "https://rp-.example/",
    "https://rp%2eexample/",
    "https://rp.example%00/",
    "https://" + "a" * 64 + ".example/",
    "https://" + "a." * 126 + "example/",
    "https://rp.example/ x",
    "https://rp.example/\n",
    "\thttps://rp.example/",
    "https://rp.exa\tmple/",
    "https://rp.example\\@127.0.0.1/",
    "https://127.0.0.1\\.rp.example/",
    "https://rp.example/\0",
    "https://rp.éxample/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://rp.example/é",
    "https://rp.example/\udc80",
    "https://rp.example/" + "x" * 2048,
]


@pytest.mark.usefixtures("no_packet_leaves")
@pytest.mark.parametrize("url", BAD_URLS, ids=range(len(BAD_URLS)))
def test_urls_that_are_refused_at_registration_and_again_at_the_call(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(monkeypatch, [PUBLIC])
    assert address_problem(url) is not None
    with pytest.raises(AddressRefused):
        fetch_json(url)
    with pytest.raises(AddressRefused):
        post_json(url, {})
    assert resolver.asked == []


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "url",
    [
        "https://rp.example",
        "https://rp.example?x",
        "HTTPS://RP.EXAMPLE/CB",
        "https://rp.example:8443/a/b;c?d=e&f=%20",
        "https://xn--bcher-kva.example/",
        "https://a_b.rp-1.example/",
        "https://1.example/",
        "https://intranet/",
        "https://rp.example:/",
        "https://rp.example/@x:y",
    ],
)
def test_urls_that_are_fine(url: str) -> None:
    assert address_problem(url) is None


@given(st.text() | st.text(alphabet="htps:/@[]#?%.0x1aé\\\n").map("https://".__add__))
def test_any_text_is_a_url_or_has_a_problem(url: str) -> None:
    problem = address_problem(url)
    assert problem is None or problem.startswith("must")


# --- the environment, and the site's own proxy -----------------------------------------------


@pytest.mark.usefixtures("loopback")
def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(ok(b"{}")) as proxy, answering(ok(b'{"direct":1}')) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, url_of(proxy, ""))
            monkeypatch.setenv(name.upper(), url_of(proxy, ""))
        assert fetch_json(url_of(server)) == {"direct": 1}
    assert proxy.requests == []


@pytest.mark.usefixtures("loopback")
def test_no_netrc_and_no_cookies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with answering(ok(b"{}", b"Set-Cookie: a=b; Path=/")) as server:
        for _ in range(2):
            fetch_json(url_of(server))
    for request in server.requests:
        assert b"authorization" not in request.lower()
        assert b"cookie" not in request.lower()


@pytest.mark.requirement("RFC 9110", "9.3.6")
def test_the_sites_proxy_resolves_and_decides(
    site: Callable[..., None], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No address is resolved here, and TLS reaches through the tunnel to the named host."""
    context = authority.server_context("rp.example")

    def tunnel(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as encrypted:
            server.read_request(encrypted)
            encrypted.sendall(ok(b"{}"))

    with serving(tunnel) as server:
        proxy = f"http://alice:p%40ss@127.0.0.1:{server.port}"
        site(PROXY=proxy, CA_BUNDLE=str(authority.bundle))
        resolver = Resolver(monkeypatch, ["127.0.0.1"])
        assert fetch_json("https://rp.example/jwks") == {}
        with pytest.raises(AddressRefused):
            fetch_json("https://10.0.0.1/jwks")
    connect, request = server.requests
    assert connect.startswith(b"CONNECT rp.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic YWxpY2U6cEBzcw==" in connect
    assert b"Proxy-Authorization" not in request
    assert request.startswith(b"GET /jwks HTTP/1.1")
    assert "rp.example" not in resolver.asked


def test_what_the_sites_proxy_refuses_is_a_connection_failure(site: Callable[..., None]) -> None:
    with answering(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") as server:
        site(PROXY=url_of(server, ""))
        with pytest.raises(ConnectionFailed):
            fetch_json("https://rp.example/jwks")
    site(PROXY="socks5://127.0.0.1:1080")
    with pytest.raises(ConnectionFailed, match="OUTBOUND_PROXY"):
        fetch_json("https://rp.example/jwks")


def test_errors_say_nothing_of_what_was_sent(site: Callable[..., None]) -> None:
    site()
    with pytest.raises(OutboundError) as refusal:
        post_json("https://127.0.0.1/secret-path", {"token": "secret"})
    assert "secret" not in refusal.value.reason


def test_threads_are_not_shared(site: Callable[..., None]) -> None:
    """Several calls at once, each with its own deadline and its own answer."""
    site(ALLOW_LOOPBACK=True, DEADLINE=5.0)
    found: list[Any] = []
    with answering(ok(b'{"a":1}')) as server:
        threads = [
            threading.Thread(target=lambda: found.append(fetch_json(url_of(server))))
            for _ in range(8)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert found == [{"a": 1}] * 8


def test_http_client_is_the_one_we_know() -> None:
    """We stand on two of its habits: a socket that is there is used, and read by makefile."""
    connection = http.client.HTTPConnection("never.example", 1)

    class Wire:
        sent = b""

        def sendall(self, data: bytes) -> None:
            self.sent += data

        def makefile(self, mode: str) -> Any:
            from io import BytesIO

            return BytesIO(ok(b"{}"))

        def close(self) -> None: ...

    connection.sock = Wire()
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"{}"
