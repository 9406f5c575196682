"""RFC 7515 and RFC 7519: JWTs in the compact form, signed and verified."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from jwt.exceptions import InvalidKeyError

from .algorithms import ALGORITHMS, HS256, MAC_ALGS, MAC_KEY_OCTETS
from .encoding import base64url, from_base64url, parse_json
from .errors import AlgorithmRefused, BadKey, BadSignature, JoseError, Malformed, UnknownKey
from .private_keys import PrivateKey
from .public_keys import MAX_KID_LENGTH, VerificationKey, thumbprint, verification_key

MAX_TOKEN_LENGTH: Final = 16 * 1024
MAX_HEADER_LENGTH: Final = 8 * 1024
MAX_KEYS_TRIED: Final = 10
# Each of these changes what the other parts mean; we speak none of them.
REFUSED_HEADERS: Final = ("crit", "b64", "zip")


@dataclass(frozen=True, slots=True)
class Verified:
    """A JWT whose signature is good. Its times and audience are the caller's to check."""

    header: Mapping[str, Any]
    claims: dict[str, Any]
    key: VerificationKey


@dataclass(frozen=True, slots=True)
class Possessed:
    """A JWT that proves who holds a key, and nothing else: the key came with it."""

    claims: dict[str, Any]
    thumbprint: str


class _Parts(NamedTuple):
    """A compact JWS, taken apart and parsed, with nothing proved."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def sign(claims: Mapping[str, Any], key: PrivateKey, *, typ: str | None = "JWT") -> str:
    """RFC 7515 §5.1: a compact JWS of these claims, all of them, as they are.

    In: claims that JSON can hold; `typ` for the header, `None` to leave it out.
    Errors: `TypeError`, `ValueError` when JSON cannot hold them (a fault of ours, no input's).
    """
    header = {"alg": key.alg, "kid": key.kid}
    if typ is not None:
        header["typ"] = typ
    signing_input = f"{_segment(header)}.{_segment(claims)}"
    signature = ALGORITHMS[key.alg].sign(signing_input.encode("ascii"), key.key)
    return f"{signing_input}.{base64url(signature)}"


def verify(
    token: str,
    keys: Iterable[VerificationKey],
    *,
    algs: Collection[str],
    typ: Collection[str] | None = None,
    max_length: int = MAX_TOKEN_LENGTH,
) -> Verified:
    """RFC 7515 §5.2, RFC 8725 §3: a JWT that one of these keys has signed.

    In: the algorithms that are registered for the sender, and the `typ` values that fit the
    place (`None`: any; a header without `typ` always passes). Keys come from the caller alone:
    `jku`, `jwk`, `x5u` and `x5c` in the header are not looked at.
    Out: header and claims. Times and audience are not checked here.
    Errors: `Malformed`, `AlgorithmRefused`, `UnknownKey`, `BadSignature`.
    """
    parts = _parsed(token, max_length)
    alg = _listed_algorithm(parts.header, algs)
    _expected_type(parts.header, typ)
    algorithm = ALGORITHMS[alg]
    for key in _fitting(keys, parts.header.get("kid"), alg):
        if algorithm.verify(parts.signing_input, key.key, parts.signature):
            return Verified(MappingProxyType(parts.header), parts.claims, key)
    raise BadSignature("the signature does not verify")


def verify_possession(
    token: str, *, algs: Collection[str], typ: str, max_length: int = MAX_TOKEN_LENGTH
) -> Possessed:
    """RFC 9449 §4.3 (2), (4)-(7): a JWT that is signed with the key in its own header (`jwk`).

    In: the algorithms that are taken, and the `typ` that the header must have.
    Out: the claims, none of them checked, and the key's thumbprint (RFC 7638).
    Errors: `Malformed`, `AlgorithmRefused`, `BadKey`, `BadSignature`.
    """
    parts = _parsed(token, max_length)
    if _media_type(parts.header.get("typ", "")) != typ:
        raise Malformed(f"typ must be {typ}")
    alg = _listed_algorithm(parts.header, algs)
    if "jwk" not in parts.header:
        raise Malformed("the JWT header has no jwk")
    jwk = parts.header["jwk"]
    key = verification_key(jwk)
    if alg not in key.algs:
        raise BadKey("the key in jwk is not one for alg")
    if not ALGORITHMS[alg].verify(parts.signing_input, key.key, parts.signature):
        raise BadSignature("the signature does not verify with the key in jwk")
    return Possessed(parts.claims, thumbprint(jwk))


def verify_mac(
    token: str,
    secret: str,
    *,
    algs: Collection[str] = MAC_ALGS,
    typ: Collection[str] | None = None,
    max_length: int = MAX_TOKEN_LENGTH,
) -> dict[str, Any]:
    """RFC 7515 §5.2, RFC 7518 §3.2: the claims of a JWT that was made with this secret, by HMAC.

    The one place where HMAC is spoken. It takes a text that two parties share and never a key
    (`VerificationKey`); `kid` is not looked at, since there is one secret. Times and audience are
    not checked here.
    Errors: `Malformed`, `AlgorithmRefused`, `BadSignature`; `BadKey` for a secret that is short,
    or that is in truth a public key or a certificate.
    """
    parts = _parsed(token, max_length)
    if parts.header["alg"] not in algs or parts.header["alg"] not in MAC_ALGS:
        listed = [each for each in MAC_ALGS if each in algs]
        raise AlgorithmRefused(f"alg must be {' or '.join(listed) or 'one that we support'}")
    _expected_type(parts.header, typ)
    if not HS256.verify(parts.signing_input, _mac_key(secret), parts.signature):
        raise BadSignature("the signature does not verify")
    return parts.claims


def _mac_key(secret: str) -> bytes:
    """RFC 7518 §3.2, RFC 8725 §3.1: long enough, and not the public half of something."""
    try:
        key = HS256.prepare_key(secret.encode())
    except InvalidKeyError:
        raise BadKey("a public key or a certificate is no secret") from None
    if len(key) < MAC_KEY_OCTETS:
        raise BadKey(f"a secret for HMAC has at least {MAC_KEY_OCTETS} octets")
    return key


def unverified_claims(
    token: str, *, max_length: int = MAX_TOKEN_LENGTH
) -> tuple[dict[str, Any], dict[str, Any]]:
    """RFC 7519 §7.2: header and claims of a JWT, believed by nobody.

    For finding out whose keys to use; then `verify`. Parses as strictly as `verify` does.
    Errors: `Malformed`.
    """
    parts = _parsed(token, max_length)
    return parts.header, parts.claims


def _segment(value: Mapping[str, Any]) -> str:
    """RFC 7515 §3.1: one JSON object in base64url."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64url(text.encode())


def _parsed(token: str, max_length: int) -> _Parts:
    """RFC 7515 §3.1, §5.2: the compact form only, measured before it is read."""
    if len(token) > max_length:
        raise Malformed(f"a JWT here has at most {max_length} characters")
    segments = token.split(".", 3)
    if len(segments) != 3:
        raise Malformed("a signed JWT has three parts with a dot between them")
    if len(segments[0]) > MAX_HEADER_LENGTH:
        raise Malformed("the JWT header is too long")
    header = _json_object(segments[0], "header")
    _plain_header(header)
    claims = _json_object(segments[1], "payload")
    try:
        signature = from_base64url(segments[2])
    except Malformed:
        raise Malformed("the JWT signature is not base64url") from None
    signing_input = f"{segments[0]}.{segments[1]}".encode("ascii")
    return _Parts(header, claims, signing_input, signature)


def _json_object(segment: str, part: str) -> dict[str, Any]:
    """RFC 7519 §7.2: header and payload are JSON objects."""
    try:
        value = parse_json(from_base64url(segment))
    except JoseError as fault:
        raise Malformed(f"the JWT {part}: {fault.reason}") from None
    if not isinstance(value, dict):
        raise Malformed(f"the JWT {part} is not a JSON object")
    return value


def _plain_header(header: Mapping[str, Any]) -> None:
    """RFC 7515 §4.1: `alg` and, when there, `kid` and `typ` are strings; no extensions.

    §4.1.11 has us refuse `crit` that we do not understand, and we understand none; RFC 7797
    (`b64`) and RFC 7516 §4.1.3 (`zip`) change how the payload is read.
    """
    for name in REFUSED_HEADERS:
        if name in header:
            raise Malformed(f"the JWT header parameter {name} is not supported")
    if not isinstance(header.get("alg"), str):
        raise Malformed("the JWT header has no alg")
    for name in ("kid", "typ"):
        if name in header and not isinstance(header[name], str):
            raise Malformed(f"the JWT header parameter {name} is not a string")
    if len(header.get("kid", "")) > MAX_KID_LENGTH:
        raise Malformed(f"kid is longer than {MAX_KID_LENGTH} characters")


def _listed_algorithm(header: Mapping[str, Any], algs: Collection[str]) -> str:
    """RFC 8725 §3.1, §3.2: on the caller's list, and one that we speak (never HMAC or none)."""
    alg: str = header["alg"]
    if alg not in algs or alg not in ALGORITHMS:
        listed = [each for each in ALGORITHMS if each in algs]
        raise AlgorithmRefused(f"alg must be {' or '.join(listed) or 'one that we support'}")
    return alg


def _expected_type(header: Mapping[str, Any], typ: Collection[str] | None) -> None:
    """RFC 8725 §3.11, RFC 7515 §4.1.9: media types have no case, and may drop `application/`."""
    if typ is None or "typ" not in header:
        return
    if _media_type(header["typ"]) not in {_media_type(each) for each in typ}:
        raise Malformed("typ does not say that this JWT is meant for this place")


def _media_type(typ: str) -> str:
    return typ.lower().removeprefix("application/")


def _fitting(keys: Iterable[VerificationKey], kid: str | None, alg: str) -> list[VerificationKey]:
    """RFC 7515 §4.1.4, Appendix D: the keys for this `alg` that are named `kid`.

    A set may leave its keys nameless, so those are tried when no key has the name; a header
    may leave `kid` out, and then every key that fits is tried.
    """
    usable = [key for key in keys if alg in key.algs]
    if kid is not None:
        named = [key for key in usable if key.kid == kid]
        usable = named or [key for key in usable if key.kid is None]
    if not usable:
        raise UnknownKey("no registered key fits kid and alg")
    if len(usable) > MAX_KEYS_TRIED:
        raise Malformed("too many keys fit: say which one by kid")
    return usable
