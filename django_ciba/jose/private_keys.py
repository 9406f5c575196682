"""Our own keys: made, stored as PEM, published as JWK, and kept parsed while in use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from .algorithms import ENCRYPTION_ALGS
from .encoding import base64url
from .errors import AlgorithmRefused, BadKey
from .public_keys import (
    PublicKey,
    VerificationKey,
    encryption_keys,
    thumbprint,
    verification_keys,
)

SecretKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs or decrypts with one algorithm.

    Its `repr` shows `kid` and `alg`, never the secret.
    """

    kid: str
    alg: str
    key: SecretKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, alg: str) -> "PrivateKey":
        """RFC 7518 §3.1, §4.1: a new key for one of our algorithms, named by its thumbprint.

        Errors: `AlgorithmRefused` for any other algorithm.
        """
        return cls._named(GENERATORS[_known(alg)](), alg, None)

    @classmethod
    def from_pem(cls, pem: str | bytes, alg: str, kid: str | None = None) -> "PrivateKey":
        """The key of an unencrypted PEM; slow for RSA (some 40 ms), so keep what it gives.

        Errors: `AlgorithmRefused`; `BadKey` when the PEM is none, or its key does not fit.
        """
        _known(alg)
        try:
            key = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Not chained: the library's message may quote what it was given.
            raise BadKey("not the PEM of an unencrypted private key") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey):
            raise BadKey("not an EC, RSA or Ed25519 key")
        return cls._named(key, alg, kid)

    @classmethod
    def _named(cls, key: SecretKey, alg: str, kid: str | None) -> "PrivateKey":
        """Hold our own keys to the rules for everybody's: what we publish must be readable."""
        jwk = {**_public_members(key.public_key()), "alg": alg}
        read = encryption_keys if alg in ENCRYPTION_ALGS else verification_keys
        if not read({"keys": [jwk]}):
            raise BadKey(f"not a key for {alg}")
        return cls(kid=kid or thumbprint(jwk), alg=alg, key=key)

    def to_pem(self) -> str:
        """PKCS #8, not encrypted: the caller encrypts it before it is stored."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def public_jwk(self) -> dict[str, str]:
        """RFC 7517 §4: what our JWK Set shows of this key."""
        return {
            **_public_members(self.key.public_key()),
            "use": "enc" if self.alg in ENCRYPTION_ALGS else "sig",
            "alg": self.alg,
            "kid": self.kid,
        }

    @property
    def verification_key(self) -> VerificationKey:
        """The public half, to verify what we signed ourselves."""
        (key,) = verification_keys({"keys": [self.public_jwk]})
        return key


GENERATORS: Final[Mapping[str, Callable[[], SecretKey]]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "EdDSA": Ed25519PrivateKey.generate,
    "RSA-OAEP-256": lambda: rsa.generate_private_key(65537, 2048),
    "ECDH-ES": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ECDH-ES+A256KW": lambda: ec.generate_private_key(ec.SECP256R1()),
}


def _known(alg: str) -> str:
    """RFC 8725 §3.2: an algorithm that we have keys for."""
    if alg not in GENERATORS:
        raise AlgorithmRefused(f"our keys are for {', '.join(GENERATORS)}")
    return alg


def _public_members(key: PublicKey) -> dict[str, str]:
    """RFC 7518 §6, RFC 8037 §2: the members that say which key it is."""
    members: dict[str, Any]
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        octets = (key.key_size + 7) // 8
        members = {
            "kty": "EC",
            "crv": "P-256" if isinstance(key.curve, ec.SECP256R1) else key.curve.name,
            "x": point.x.to_bytes(octets),
            "y": point.y.to_bytes(octets),
        }
    elif isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        members = {"kty": "RSA", "n": _shortest(numbers.n), "e": _shortest(numbers.e)}
    else:
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        members = {"kty": "OKP", "crv": "Ed25519", "x": raw}
    return {
        name: base64url(value) if isinstance(value, bytes) else value
        for name, value in members.items()
    }


def _shortest(number: int) -> bytes:
    """RFC 7518 §2 (Base64urlUInt): big-endian, without leading zero octets."""
    return number.to_bytes((number.bit_length() + 7) // 8)
