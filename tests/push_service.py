"""What prompts are pushed to in tests: a browser's subscription, and Apple's service, on loopback.

The browser decrypts by RFC 8188 and RFC 8291 as they are written, not by the library that encrypts.
"""

import secrets
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from django_ciba.jose import base64url
from tests.certificates import authority, certified


@dataclass(frozen=True)
class BrowserSubscription:
    """RFC 8291 §3: a user agent's key pair and authentication secret."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def json(self, endpoint: str) -> dict[str, Any]:
        """W3C Push API PushSubscription.toJSON()."""
        keys = {"p256dh": base64url(self.public), "auth": base64url(self.auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}

    def read(self, octets: bytes) -> bytes:
        """RFC 8188 §2.1, RFC 8291 §3.4: the message of one record. Raises for a wrong key."""
        salt, length = octets[:16], octets[20]
        sender, record = octets[21 : 21 + length], octets[21 + length :]
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self.key.exchange(ec.ECDH(), theirs)
        material = _hkdf(shared, self.auth, b"WebPush: info\0" + self.public + sender, 32)
        key = _hkdf(material, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _hkdf(material, salt, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
        assert padded.endswith(b"\2"), "not the last record"
        return padded[:-1]


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=salt, info=info).derive(secret)


@dataclass(frozen=True)
class Notified:
    """One request to Apple's service, as it came."""

    connection: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`status` 0: the stream is reset; -1: the connection is closed; -2: nothing is said."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class AppleService:
    """HTTP/2 over TLS on loopback, which answers by device token."""

    def __init__(self, folder: Path, *, alpn: str = "h2", **replies: Reply) -> None:
        server = certified("CN=localhost", issuer=authority(), dns=["localhost"], ip=["127.0.0.1"])
        self.bundle = folder / "authority.pem"
        self.bundle.write_text(authority().pem)
        pem = folder / "server.pem"
        pem.write_text(server.key_pem + server.pem)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pem)
        self._tls.set_alpn_protocols([alpn])
        self.replies = replies
        self.received: list[Notified] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with plain:
                plain.settimeout(10)
                try:
                    with self._tls.wrap_socket(plain, server_side=True) as connected:
                        self._serve(connected)
                except (OSError, ssl.SSLError):
                    continue

    def _serve(self, connected: ssl.SSLSocket) -> None:
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        h2.initiate_connection()
        connected.sendall(h2.data_to_send())
        heads: dict[int, dict[str, str]] = {}
        bodies: dict[int, bytes] = {}
        while octets := connected.recv(65536):
            for event in h2.receive_data(octets):
                if isinstance(event, RequestReceived):
                    heads[event.stream_id] = {str(k): str(v) for k, v in event.headers}
                elif isinstance(event, DataReceived):
                    bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                elif isinstance(event, StreamEnded):
                    stream = event.stream_id
                    head = heads[stream]
                    self.received.append(Notified(self.connections, head, bodies[stream]))
                    token = head[":path"].removeprefix("/3/device/")
                    reply = self.replies.get(token, Reply())
                    if not self._answer(h2, stream, reply):
                        connected.sendall(h2.data_to_send())
                        return
            connected.sendall(h2.data_to_send())

    def _answer(self, h2: H2Connection, stream: int, reply: Reply) -> bool:
        if reply.status == -2:
            self._over.wait(10)
        if reply.status < 0:
            return False
        if reply.status == 0:
            h2.reset_stream(stream)
            return True
        head = {":status": str(reply.status), "apns-id": "x", **reply.headers}
        h2.send_headers(stream, [*head.items()], end_stream=not reply.body)
        if reply.body:
            h2.send_data(stream, reply.body, end_stream=True)
        return True
