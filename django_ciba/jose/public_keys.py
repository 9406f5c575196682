"""RFC 7517: keys that others gave us, to verify what they signed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .algorithms import ALGS_OF_KTY, ENCRYPTION_ALGS_OF_KTY
from .encoding import base64url, from_base64url
from .errors import BadKey, Malformed

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey

MAX_KEYS: Final = 50
MAX_KID_LENGTH: Final = 256
MAX_MEMBER_LENGTH: Final = 2048  # a modulus of 8192 bits takes 1366 characters
RSA_BITS: Final = range(2048, 8192 + 1)
# FIPS 186-5 §5.4 wants more than 2**16; every 32 bits more make each verification slower.
RSA_EXPONENTS: Final = range(2**16 + 1, 2**32, 2)
PRIVATE_MEMBERS: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
REQUIRED_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}

ED25519_PRIME: Final = 2**255 - 19
ED25519_D: Final = -121665 * pow(121666, -1, ED25519_PRIME) % ED25519_PRIME
ED25519_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# RFC 8032 §5.1: the eight points of small order, by y. Signatures under them prove nothing.
ED25519_SMALL_ORDER: Final = frozenset(
    (0, 1, ED25519_PRIME - 1, ED25519_ORDER_8, ED25519_PRIME - ED25519_ORDER_8)
)


class _NotSpoken(Exception):
    """Nothing wrong with the key; it is of a kind that we do not speak."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, parsed once, with the algorithms that it may be used with."""

    kid: str | None
    alg: str | None
    kty: str
    algs: tuple[str, ...]
    key: PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A public key, parsed once, with the algorithms that it may be encrypted with."""

    kid: str | None
    algs: tuple[str, ...]
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey = field(repr=False)


def verification_keys(
    jwks: Mapping[str, Any], *, unknown: Literal["refuse", "skip"] = "refuse"
) -> tuple[VerificationKey, ...]:
    """RFC 7517 §5: the signature keys of a JWK Set, in its order.

    In: the parsed set; `unknown` says what becomes of a key whose `kty`, `crv` or `alg` we do
    not speak (§5 asks readers of other people's sets to skip it; when an administrator types
    a set in, refusing tells them). Keys for encryption are always passed over.
    Out: the keys, perhaps none.
    Errors: `BadKey`, naming the position, for everything else.
    """
    found: list[VerificationKey] = []
    for index, jwk in enumerate(listed_keys(jwks)):
        try:
            key = _verification_key(jwk)
        except BadKey as fault:
            raise BadKey(f"keys[{index}]: {fault.reason}") from None
        except _NotSpoken as difference:
            if unknown == "refuse":
                raise BadKey(f"keys[{index}]: {difference.reason}") from None
            continue
        if key is None:
            continue
        if key.kid is not None and any((key.kid, key.alg) == (k.kid, k.alg) for k in found):
            raise BadKey(f"keys[{index}]: another key has the same kid and alg")
        found.append(key)
    return tuple(found)


def verification_key(jwk: Any) -> VerificationKey:
    """RFC 7517 §4: the one public signature key that this JWK is.

    Errors: `BadKey`, for a key of a kind that we do not speak, or for encryption, too.
    """
    try:
        key = _verification_key(jwk)
    except _NotSpoken as difference:
        raise BadKey(difference.reason) from None
    if key is None:
        raise BadKey("use of this key must be sig, or be left out")
    return key


def encryption_keys(
    jwks: Mapping[str, Any], *, unknown: Literal["refuse", "skip"] = "refuse"
) -> tuple[EncryptionKey, ...]:
    """RFC 7517 §5: the keys of a JWK Set that others may encrypt with, in its order.

    Keys for signatures, and of a kind that we do not encrypt with, are passed over; with `skip`,
    faulty ones too.
    Errors: `BadKey`, naming the position.
    """
    found = []
    for index, jwk in enumerate(listed_keys(jwks)):
        try:
            key = _encryption_key(jwk)
        except BadKey as fault:
            if unknown == "refuse":
                raise BadKey(f"keys[{index}]: {fault.reason}") from None
            continue
        except _NotSpoken:
            continue
        if key is not None:
            found.append(key)
    return tuple(found)


def _encryption_key(jwk: Any) -> EncryptionKey | None:
    """RFC 7517 §4.2, §4.4: `use` is `enc`, or absent; an `alg` says for what else it may not be."""
    if not isinstance(jwk, Mapping):
        raise BadKey("a JWK is a JSON object")
    kty, alg = _text(jwk, "kty"), _optional_text(jwk, "alg")
    _only_public(jwk, kty)
    algs = ENCRYPTION_ALGS_OF_KTY.get(kty, ())
    if _optional_text(jwk, "use") not in (None, "enc") or alg not in (None, *algs) or not algs:
        return None
    key = READERS[kty](jwk)
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return None
    return EncryptionKey(kid=_kid(jwk), algs=algs if alg is None else (alg,), key=key)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 §3: the SHA-256 thumbprint of a key, in base64url.

    In: a JWK, whose required members are taken as they are written.
    Errors: `BadKey` when one of them is missing.
    """
    members = REQUIRED_MEMBERS.get(_text(jwk, "kty"))
    if members is None:
        raise BadKey("kty is none of EC, RSA, OKP")
    canonical = json.dumps({name: _text(jwk, name) for name in members}, separators=(",", ":"))
    return base64url(hashlib.sha256(canonical.encode()).digest())


def listed_keys(jwks: Any) -> list[Any]:
    """RFC 7517 §5.1: the array `keys`, at most fifty long."""
    if not isinstance(jwks, Mapping):
        raise BadKey("a JWK Set is a JSON object")
    if "keys" not in jwks and "kty" in jwks:
        raise BadKey("this is a single JWK: put it into a list, and that under the name keys")
    keys = jwks.get("keys")
    if not isinstance(keys, list):
        raise BadKey("a JWK Set has a member named keys, which is a list")
    if len(keys) > MAX_KEYS:
        raise BadKey(f"a JWK Set holds at most {MAX_KEYS} keys")
    return keys


def _verification_key(jwk: Any) -> VerificationKey | None:
    """RFC 7517 §4: one signature key; `None` for a key that is for something else."""
    if not isinstance(jwk, Mapping):
        raise BadKey("a JWK is a JSON object")
    kty = _text(jwk, "kty")
    _only_public(jwk, kty)
    if not _for_signatures(jwk):
        return None
    if kty not in ALGS_OF_KTY:
        raise _NotSpoken("kty is none of EC, RSA, OKP")
    _may_verify(jwk)
    alg = _optional_text(jwk, "alg")
    if alg is not None and alg not in ALGS_OF_KTY[kty]:
        raise _NotSpoken(f"alg of this key must be {' or '.join(ALGS_OF_KTY[kty])}")
    return VerificationKey(
        kid=_kid(jwk),
        alg=alg,
        kty=kty,
        algs=ALGS_OF_KTY[kty] if alg is None else (alg,),
        key=READERS[kty](jwk),
    )


def _only_public(jwk: Mapping[str, Any], kty: str) -> None:
    """RFC 7517 §9.3: whoever sends a private key has lost it, so tell them."""
    if kty == "oct":
        raise BadKey("a symmetric key is a secret and does not belong in a JWK Set")
    for name in PRIVATE_MEMBERS:
        if name in jwk:
            raise BadKey(f"member {name} is private: replace this key, then send its public half")


def _for_signatures(jwk: Mapping[str, Any]) -> bool:
    """RFC 7517 §4.2: `use` absent, or `sig`."""
    return _optional_text(jwk, "use") in (None, "sig")


def _may_verify(jwk: Mapping[str, Any]) -> None:
    """RFC 7517 §4.3: `key_ops`, when there, holds `verify`."""
    if "key_ops" not in jwk:
        return
    operations = jwk["key_ops"]
    if not isinstance(operations, list) or "verify" not in operations:
        raise BadKey("key_ops must be a list that holds verify, or be left out")


def _kid(jwk: Mapping[str, Any]) -> str | None:
    """RFC 7517 §4.5: a text; ours has a limit, as it is stored and compared."""
    kid = _optional_text(jwk, "kid")
    if kid is not None and len(kid) > MAX_KID_LENGTH:
        raise BadKey(f"kid is longer than {MAX_KID_LENGTH} characters")
    return kid


def _rsa(jwk: Mapping[str, Any]) -> rsa.RSAPublicKey:
    """RFC 7518 §6.3.1, RFC 8725 §3.5: 2048 to 8192 bits, and a sensible exponent."""
    n = int.from_bytes(_octets(jwk, "n"))
    e = int.from_bytes(_octets(jwk, "e"))
    if n.bit_length() not in RSA_BITS:
        raise BadKey(f"an RSA key has {RSA_BITS[0]} to {RSA_BITS[-1]} bits")
    if n % 2 == 0:
        raise BadKey("n is even, so it is not a product of two large primes")
    if e not in RSA_EXPONENTS:
        raise BadKey("e must be odd, at least 65537 and less than 2 to the power of 32")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _ec(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    """RFC 7518 §6.2.1, RFC 8725 §3.4: a point that lies on P-256."""
    if _text(jwk, "crv") != "P-256":
        raise _NotSpoken("crv of an EC key must be P-256")
    x, y = _octets(jwk, "x"), _octets(jwk, "y")
    if len(x) != 32 or len(y) != 32:
        raise BadKey("x and y must be 32 octets each")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    try:
        return numbers.public_key()
    except ValueError:
        raise BadKey("x and y are not a point on P-256") from None


def _okp(jwk: Mapping[str, Any]) -> Ed25519PublicKey:
    """RFC 8037 §2, RFC 8725 §3.4: a point that lies on Ed25519 and has a large order."""
    if _text(jwk, "crv") != "Ed25519":
        raise _NotSpoken("crv of an OKP key must be Ed25519")
    x = _octets(jwk, "x")
    if len(x) != 32:
        raise BadKey("x must be 32 octets")
    if not _is_strong_ed25519(int.from_bytes(x, "little") % 2**255):
        raise BadKey("x is not a usable point on Ed25519")
    try:
        return Ed25519PublicKey.from_public_bytes(x)
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey("x is not a usable point on Ed25519") from None


def _is_strong_ed25519(y: int) -> bool:
    """RFC 8032 §5.1.3: y is reduced, has an x to it, and is not of small order.

    The library takes any 32 octets, and finds out only when it verifies.
    """
    if y >= ED25519_PRIME or y in ED25519_SMALL_ORDER:
        return False
    x_squared = (y * y - 1) * pow(ED25519_D * y * y + 1, -1, ED25519_PRIME)
    return pow(x_squared, (ED25519_PRIME - 1) // 2, ED25519_PRIME) == 1


READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PublicKey]]] = {
    "EC": _ec,
    "RSA": _rsa,
    "OKP": _okp,
}


def _text(jwk: Mapping[str, Any], name: str) -> str:
    """A member that must be there, as text."""
    text = _optional_text(jwk, name)
    if text is None:
        raise BadKey(f"member {name} is missing")
    return text


def _optional_text(jwk: Mapping[str, Any], name: str) -> str | None:
    """A member that may be left out, but not be anything other than text."""
    if name not in jwk:
        return None
    text = jwk[name]
    if not isinstance(text, str):
        raise BadKey(f"member {name} must be a string")
    return text


def _octets(jwk: Mapping[str, Any], name: str) -> bytes:
    """RFC 7518 §2: a member that holds base64url."""
    text = _text(jwk, name)
    if len(text) > MAX_MEMBER_LENGTH:
        raise BadKey(f"member {name} is too long")
    try:
        return from_base64url(text)
    except Malformed:
        raise BadKey(f"member {name} is not base64url") from None
