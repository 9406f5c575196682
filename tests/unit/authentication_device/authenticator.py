"""An authenticator in software: makes passkeys and signs with them, rightly or as it is told."""

import base64
import hashlib
import json
import secrets
import struct
from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def of_an_unknown_key() -> bytes:
    """A certificate, DER, whose key is of an algorithm that nobody knows."""
    key, nobody = ed25519.Ed25519PrivateKey.generate(), x509.Name([])
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2046, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(nobody, nobody, key.public_key(), 1, since, until)
    ed25519_oid, unknown = bytes.fromhex("06032b6570"), bytes.fromhex("06032b657f")
    return made.sign(key, None).public_bytes(Encoding.DER).replace(ed25519_oid, unknown)


class Authenticator:
    """One passkey on one device; each fault is an attribute that a test sets."""

    def __init__(self, *, synced: bool = False) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.origin = "http://localhost:8000"
        self.rp_id = "localhost"
        self.counter = 0
        self.verifies_user = True
        self.synced = synced
        self.signs_with = self.key
        self.attestation_format = "none"
        self.certificates: list[bytes] | None = None

    @property
    def name(self) -> str:
        return b64(self.credential_id)

    def made(self, options: dict[str, Any]) -> str:
        """WebAuthn §5.1.3: what navigator.credentials.create() resolves to, as JSON."""
        client_data = self._client_data("webauthn.create", options)
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", 32) + self.credential_id + bytes(cbor2.dumps(cose))
        data = self._data(AT) + attested
        attestation = {
            "fmt": self.attestation_format,
            "attStmt": self._statement(data, client_data),
            "authData": data,
        }
        response = {
            "clientDataJSON": b64(client_data),
            "attestationObject": b64(cbor2.dumps(attestation)),
            "transports": ["internal", "carrier pigeon"],
        }
        return self._credential(response)

    def signed(self, options: dict[str, Any]) -> str:
        """WebAuthn §5.1.4: what navigator.credentials.get() resolves to, as JSON."""
        client_data = self._client_data("webauthn.get", options)
        data = self._data()
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(self._signature(data, client_data)),
            "userHandle": None,
        }
        return self._credential(response)

    def _statement(self, data: bytes, client_data: bytes) -> dict[str, Any]:
        """WebAuthn §8.2: of oneself, or by a certificate; §8.7: nothing."""
        if self.attestation_format == "none":
            return {}
        statement: dict[str, Any] = {"alg": -7, "sig": self._signature(data, client_data)}
        return statement if self.certificates is None else {**statement, "x5c": self.certificates}

    def _signature(self, data: bytes, client_data: bytes) -> bytes:
        """WebAuthn §6.3.2, §6.5: over what the authenticator and the browser say."""
        return self.signs_with.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said).encode()

    def _data(self, flags: int = 0) -> bytes:
        flags |= UP | (UV if self.verifies_user else 0) | (BE | BS if self.synced else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(
            ">BI", flags, self.counter
        )

    def _credential(self, response: dict[str, Any]) -> str:
        return json.dumps(
            {"id": self.name, "rawId": self.name, "type": "public-key", "response": response}
        )
