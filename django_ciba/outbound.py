"""The only HTTP client for addresses that others gave us: a client's JWKS, its callbacks, pushes.

Whoever registers such an address chooses where our server sends requests, so: https only; the
name is resolved once, every address it has must be public, and the connection is made to the
address that was checked; TLS is verified against the name. Redirects are answers, never followed.
Proxies, credentials and cookies of the environment are not used. One deadline covers name
resolution, connecting, TLS and the last octet of the answer, and so does one limit of size.
Any port is allowed: an RP may listen where it likes, and a public host's other ports are as
reachable for everybody else.

It stands on `http.client` rather than on requests, since every single wait has to end at the
deadline and only the owner of the socket can say so. Settings: those named `OUTBOUND_…`.
"""

import functools
import http.client
import io
import json
import re
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote, urlsplit

from django_ciba.conf import ciba_settings
from django_ciba.jose import Malformed, parse_json

IPAddress: TypeAlias = IPv4Address | IPv6Address

MAX_ADDRESSES_TRIED: Final = 4
MAX_HEAD_BYTES: Final = 32 * 1024  # status line, headers and chunk framing, beside the body
WHOLE_URL: Final = re.compile(r"[\x21-\x5B\x5D-\x7E]{1,2048}")  # printable, without backslash
HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!\Z)|\Z))+")
LOOPBACK_NAME: Final = re.compile(r"(?:.*\.)?localhost")
# A last label like this makes resolvers read the name as an IPv4 address: 2130706433, 0x7f.1.
NUMERIC_LABEL: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# The IANA special-purpose registries (RFC 6890), multicast, and one cloud's own address. Written
# out, as the standard library's opinion differs between the Python versions that we support.
NOT_PUBLIC: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent, in a range that is otherwise public
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",  # Teredo and other special uses
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
)
# RFC 4291 §2.4: what is outside is not global unicast: loopback, mapped IPv4, NAT64, ULA, ...
GLOBAL_UNICAST: Final = ip_network("2000::/3")


class OutboundError(Exception):
    """A call that gave no answer we can use. `reason` says why, without quoting anybody."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AddressRefused(OutboundError):
    """We do not call this address. Nothing was sent."""


class ConnectionFailed(OutboundError):
    """Name resolution, connecting, TLS or the exchange broke off."""


class DeadlineExceeded(OutboundError):
    """The call took longer than OUTBOUND_DEADLINE in all."""


class TooLarge(OutboundError):
    """The answer is larger than OUTBOUND_MAX_BYTES."""


class BadAnswer(OutboundError):
    """An answer came, and is not what we asked for."""


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """An answer to a callback, of any status (a 3xx too: redirects are not followed).

    `retry_after`: RFC 9110 §10.2.3, in seconds. `body`: up to OUTBOUND_MAX_BYTES of it as they
    came, or nothing when they did not come in time; for an operator's eyes.
    """

    status: int
    retry_after: float | None
    body: bytes


def fetch_json(url: str, *, accept: str = "application/json") -> Any:
    """RFC 7517 §8.5 and others: the JSON value that is published at an address.

    Out: the parsed value, read strictly (see `jose.parse_json`). The media type is not looked
    at, as JWK Sets are served under many.
    Errors: `OutboundError` in all its kinds; `BadAnswer` for any status but 200.
    """
    with _exchange("GET", url, {"Accept": accept}) as answer:
        if answer.status != http.client.OK:
            raise BadAnswer(f"answered with status {answer.status}")
        if answer.getheader("Content-Encoding", "identity").strip().lower() != "identity":
            raise BadAnswer("answered with an encoded body, which we did not ask for")
        body = _whole_body(answer)
    try:
        return parse_json(body)
    except Malformed as fault:
        raise BadAnswer(f"the answer is {fault.reason}") from None


def post_json(
    url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> OutboundAnswer:
    """CIBA Core §10.2, §10.3: POST a JSON object to an address.

    In: the members of the body; headers beside ours, such as `Authorization`.
    Out: the answer, as soon as there is a status: what happens to its body changes nothing.
    Errors: as of `post_bytes`.
    """
    text = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    ours = {"Accept": "application/json", "Content-Type": "application/json"}
    return post_bytes(url, text, {**ours, **(headers or {})})


def post_bytes(url: str, body: bytes, headers: Mapping[str, str]) -> OutboundAnswer:
    """RFC 8030 §5 and others: POST octets to an address.

    In: the body; headers beside ours, `Content-Type` or `Content-Encoding` among them.
    Out: the answer, as soon as there is a status: what happens to its body changes nothing.
    Errors: `OutboundError` when there is none; the other side may have got the request even so.
    `ValueError` for a header that would break the request, which is a fault of ours.
    """
    with _exchange("POST", url, headers, body) as answer:
        received = b""
        with suppress(OSError, http.client.HTTPException, OutboundError):
            received = answer.read(ciba_settings.OUTBOUND_MAX_BYTES)
        return OutboundAnswer(answer.status, _retry_after(answer), received)


@dataclass(frozen=True, slots=True)
class Connection:
    """A checked connection under TLS, for a protocol that is not HTTP/1.1; one deadline for all."""

    wire: "_Wire"
    authority: str  # RFC 9110 §7.2
    path: str

    def send(self, octets: bytes) -> None:
        self.wire.sendall(octets)

    def receive(self) -> bytes:
        """What has come, or b"" at the end."""
        buffer = bytearray(16384)
        return bytes(buffer[: self.wire.readinto(buffer)])


@contextmanager
def connection(url: str, protocol: str) -> Iterator[Connection]:
    """RFC 7301: a connection to an address, on which `protocol` (as `h2`) has been agreed upon.

    Errors: `OutboundError` and nothing else, for what is sent and received inside the `with` block
    too; `BadAnswer` when the other side does not speak the protocol.
    """
    deadline = _Deadline(ciba_settings.OUTBOUND_DEADLINE)
    target = _target(url)
    if target.scheme != "https":
        raise AddressRefused("must begin with https://")
    with _faults(), closing(_connected(target, deadline, protocol)) as connected:
        if cast(ssl.SSLSocket, connected).selected_alpn_protocol() != protocol:
            raise BadAnswer(f"the other side does not speak {protocol}")
        limit = ciba_settings.OUTBOUND_MAX_BYTES + MAX_HEAD_BYTES
        yield Connection(_Wire(connected, deadline, limit), target.authority, target.path)


def address_problem(url: str) -> str | None:
    """CIBA Core §4, RFC 7591 §5: what is wrong with an address that someone registers.

    In: the URL, from any write path: admin, import, registration. Nothing is resolved or called;
    what its name leads to is checked at each call.
    Out: a sentence to show, or `None`.
    """
    try:
        _target(url)
    except AddressRefused as refusal:
        return refusal.reason
    return None


@dataclass(frozen=True, slots=True)
class _Target:
    """An address that has passed every check that needs no network."""

    scheme: str
    host: str
    port: int
    path: str
    literal: IPAddress | None

    @property
    def authority(self) -> str:
        """RFC 9110 §7.2: what the `Host` header says."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def _target(url: str) -> _Target:
    """RFC 3986 §3, read narrowly: parsers disagree about everything that is refused here."""
    if not WHOLE_URL.fullmatch(url):
        raise AddressRefused("must be 1 to 2048 printable ASCII characters without a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("must be a URL") from None
    schemes = ("https", "http") if ciba_settings.OUTBOUND_ALLOW_LOOPBACK else ("https",)
    if parts.scheme not in schemes:
        raise AddressRefused("must begin with https://")
    if "@" in parts.netloc:
        raise AddressRefused("must hold no user name or password")
    if "#" in url:
        raise AddressRefused("must have no fragment")
    if port == 0 or not parts.hostname:
        raise AddressRefused("must name a host, and no port 0")
    literal = _literal(parts.hostname)
    if ("[" in parts.netloc) != isinstance(literal, IPv6Address):
        raise AddressRefused("must put an IPv6 address, and nothing else, into brackets")
    if literal is None:
        _usable_name(parts.hostname)
    else:
        _reachable(literal, parts.scheme)
    return _Target(
        scheme=parts.scheme,
        host=parts.hostname if literal is None else str(literal),
        port=port or DEFAULT_PORTS[parts.scheme],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        literal=literal,
    )


def _literal(host: str) -> IPAddress | None:
    """RFC 3986 §3.2.2: the IP address that the host is, if it is one; zone ids are refused."""
    try:
        if "%" not in host:
            return ip_address(host)
    except ValueError:
        pass
    if ":" in host or "%" in host:
        raise AddressRefused("must name a host, or a plain IP address")
    return None


def _usable_name(host: str) -> None:
    """RFC 1123 §2.1, RFC 6761 §6.3: a DNS name that no resolver takes for something else."""
    if not HOST_NAME.fullmatch(host):
        raise AddressRefused("must name a host in ASCII (xn-- for other scripts)")
    if NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        raise AddressRefused("must write an IP address as four decimal numbers")
    if LOOPBACK_NAME.fullmatch(host) and not ciba_settings.OUTBOUND_ALLOW_LOOPBACK:
        raise AddressRefused("must not point to this machine")


def _reachable(address: IPAddress, scheme: str) -> None:
    """RFC 6890: a public address, or loopback where the site has opened it.

    Opening loopback opens nothing else: not other private networks, not plain http to the world.
    """
    if ciba_settings.OUTBOUND_ALLOW_LOOPBACK and _is_loopback(address):
        return
    if not _is_public(address):
        raise AddressRefused("must not point to a private or special address")
    if scheme != "https":
        raise AddressRefused("must begin with https:// unless it points to this machine")


def _is_loopback(address: IPAddress) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_loopback
    return address == IPv6Address("::1")  # not the mapped 127.0.0.1


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC)


class _Deadline:
    """The moment when a call is over. Asking what remains fails once nothing does."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("took too long")
        return left


class _Wire(io.RawIOBase):
    """What `http.client` takes for a socket: each wait ends at the deadline, octets are counted."""

    def __init__(self, connected: socket.socket, deadline: _Deadline, limit: int) -> None:
        self._socket = connected
        self._deadline = deadline
        self._left = limit

    def sendall(self, data: bytes) -> None:
        while data:
            self._socket.settimeout(self._deadline.remaining())
            data = data[self._socket.send(data) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise TooLarge("the answer is too large")
        self._socket.settimeout(self._deadline.remaining())
        count = self._socket.recv_into(buffer)
        self._left -= count
        return count

    def close(self) -> None:
        """Not ours to close: `http.client` lets go of a socket while it still reads from it."""


@contextmanager
def _exchange(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> Iterator[http.client.HTTPResponse]:
    """RFC 9112: one request on a connection of its own, and the answer while it may be read.

    Errors: `OutboundError` and nothing else, for reading inside the `with` block too.
    """
    deadline = _Deadline(ciba_settings.OUTBOUND_DEADLINE)
    target = _target(url)
    with _faults(), closing(_connected(target, deadline)) as connected:
        limit = ciba_settings.OUTBOUND_MAX_BYTES + MAX_HEAD_BYTES
        connection = http.client.HTTPConnection(target.host, target.port)
        # It connects by itself only where it finds no socket.
        connection.sock = cast(socket.socket, _Wire(connected, deadline, limit))
        ours = {
            "Host": target.authority,
            "User-Agent": "django_ciba",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        connection.request(method, target.path, body, {**headers, **ours})
        yield connection.getresponse()


@contextmanager
def _faults() -> Iterator[None]:
    """Whatever a socket, TLS or an answer comes to is an `OutboundError`."""
    try:
        yield
    except TimeoutError as fault:
        raise DeadlineExceeded("took too long") from fault
    except ssl.SSLCertVerificationError as fault:
        raise ConnectionFailed("the certificate is not valid for this host") from fault
    except (OSError, http.client.IncompleteRead) as fault:
        raise ConnectionFailed("the connection failed") from fault
    except http.client.HTTPException as fault:
        raise BadAnswer("the answer is not HTTP") from fault


def _connected(target: _Target, deadline: _Deadline, protocol: str | None = None) -> socket.socket:
    """A socket to the target, through the site's proxy if it has one, under TLS if it is https."""
    proxy = ciba_settings.OUTBOUND_PROXY
    plain = _tunnel(proxy, target, deadline) if proxy else _direct(target, deadline)
    if target.scheme == "http":
        return plain
    try:
        plain.settimeout(deadline.remaining())
        context = _tls(ciba_settings.OUTBOUND_CA_BUNDLE, protocol)
        return context.wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


@functools.lru_cache(maxsize=8)
def _tls(ca_bundle: str | None, protocol: str | None = None) -> ssl.SSLContext:
    """RFC 9325 §3.1.1, §6.1: TLS 1.2 or later, name and chain verified, by Python's defaults.

    Kept, as reading a bundle takes as long as a call: a changed file is seen after a restart.
    """
    context = ssl.create_default_context(cafile=ca_bundle)
    if protocol is not None:
        context.set_alpn_protocols([protocol])
    return context


def _direct(target: _Target, deadline: _Deadline) -> socket.socket:
    """A connection to an address that was checked: a second resolution could give another one."""
    addresses = _addresses(target, deadline)
    failure = OSError("no address")
    for position, address in enumerate(addresses):
        # An address that swallows packets must leave time for the ones after it.
        share = deadline.remaining() / (len(addresses) - position)
        try:
            return _dialled(address, target.port, share)
        except OSError as fault:
            failure = fault
    raise failure


def _dialled(address: IPAddress, port: int, seconds: float) -> socket.socket:
    """Connect to exactly this address: nothing is resolved."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.settimeout(seconds)
        connected.connect((str(address), port))
    except BaseException:
        connected.close()
        raise
    return connected


def _addresses(target: _Target, deadline: _Deadline) -> list[IPAddress]:
    """The target's addresses. One bad one among good ones refuses them all: it is an attempt."""
    if target.literal is not None:
        return [target.literal]
    found = _resolved(target.host, target.port, deadline)
    for address in found:
        _reachable(address, target.scheme)
    return found[:MAX_ADDRESSES_TRIED]


def _resolved(host: str, port: int, deadline: _Deadline) -> list[IPAddress]:
    """Ask the resolver once, in a thread: it cannot be interrupted, only left behind."""
    answers: SimpleQueue[list[IPAddress] | None] = SimpleQueue()

    def ask() -> None:
        found: list[IPAddress] | None = None
        with suppress(OSError, ValueError):  # ValueError: a name that IDNA cannot encode
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(ip_address(entry[4][0]) for entry in entries))
        answers.put(found)

    threading.Thread(target=ask, name="django_ciba-resolver", daemon=True).start()
    try:
        found = answers.get(timeout=deadline.remaining())
    except Empty:
        raise DeadlineExceeded("name resolution took too long") from None
    if not found:
        raise ConnectionFailed("the name cannot be resolved")
    return found


def _tunnel(proxy: str, target: _Target, deadline: _Deadline) -> socket.socket:
    """RFC 9110 §9.3.6: a tunnel through the site's egress proxy, which resolves and decides."""
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname:
        raise ConnectionFailed("OUTBOUND_PROXY must be an address beginning with http://")
    credentials = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials["Proxy-Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port or 80, timeout=deadline.remaining()
    )
    connection.set_tunnel(target.host, target.port, credentials)
    connection.connect()
    return connection.sock


def _whole_body(answer: http.client.HTTPResponse) -> bytes:
    """RFC 9112 §6.3, §8: all of the body, or an error."""
    limit = ciba_settings.OUTBOUND_MAX_BYTES
    body = answer.read(limit + 1)
    if len(body) > limit:
        raise TooLarge("the answer is too large")
    if answer.length:  # what was announced and has not come
        raise ConnectionFailed("the answer breaks off")
    return body


def _retry_after(answer: http.client.HTTPResponse) -> float | None:
    """RFC 9110 §10.2.3: seconds to wait, given as a number or as a date; `None` for neither."""
    value = answer.getheader("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year of twenty digits
        return None
    if date.tzinfo is None:
        return None
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
