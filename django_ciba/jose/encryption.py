"""RFC 7516: nested JWTs, encrypted to a relying party or to us, by joserfc (`django-ciba[jwe]`).

Keys are wrapped or agreed upon by ENCRYPTION_ALGS alone: symmetric, password-based (PBES2) and
RSA1_5 encryption cannot be named, and compression (`zip`) is refused.
"""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from .algorithms import ENCRYPTION_ALGS, ENCRYPTION_ENCS
from .encoding import from_base64url, parse_json
from .errors import AlgorithmRefused, JoseError, Malformed, UnknownKey
from .private_keys import PrivateKey
from .public_keys import EncryptionKey

CAN_ENCRYPT: Final = find_spec("joserfc") is not None

if TYPE_CHECKING or CAN_ENCRYPT:
    from joserfc import jwe
    from joserfc.jwk import ECKey, RSAKey

DEFAULT_ENC: Final = "A128CBC-HS256"  # OpenID Connect Registration §2
MAX_LENGTH: Final = 24 * 1024  # a JWS of its own greatest length, and what encrypting adds
# epk is our partner's half of an agreement; the others are read by whoever looks for the key.
HEADER_PARAMETERS: Final = frozenset({"alg", "enc", "kid", "typ", "cty", "epk", "apu", "apv"})


class Undecryptable(JoseError):
    """None of our keys opens it. One text for every cause, so that it tells nothing of the key."""

    def __init__(self) -> None:
        super().__init__("it cannot be decrypted with the key that it names")


def encrypted(token: str, key: EncryptionKey, alg: str, enc: str) -> str:
    """RFC 7519 §5.2: a signed JWT, encrypted to the holder of `key`, in the compact form.

    In: `alg` out of the key's `algs`, `enc` out of ENCRYPTION_ENCS.
    Errors: `AlgorithmRefused` for other algorithms.
    """
    if alg not in key.algs or alg not in ENCRYPTION_ALGS or enc not in ENCRYPTION_ENCS:
        raise AlgorithmRefused(f"alg must be {' or '.join(key.algs)}")
    header = {"alg": alg, "enc": enc, "cty": "JWT"}
    if key.kid is not None:
        header["kid"] = key.kid
    return jwe.encrypt_compact(header, token, _joserfc_key(key.key), registry=_registry(alg, enc))


def decrypted(
    token: str, keys: Iterable[PrivateKey], *, algs: Iterable[str], encs: Iterable[str]
) -> str:
    """RFC 7516 §5.2: the text inside a compact JWE that is encrypted to one of our keys.

    In: our keys for encryption; the algorithms that the sender may use.
    Errors: `Malformed`, `AlgorithmRefused`, `UnknownKey`, `Undecryptable`.
    """
    header = _header(token)
    alg, enc = header.get("alg"), header.get("enc")
    algs, encs = tuple(algs), tuple(encs)
    if alg not in algs or alg not in ENCRYPTION_ALGS:
        raise AlgorithmRefused(f"alg of the encryption must be {' or '.join(algs)}")
    if enc not in encs or enc not in ENCRYPTION_ENCS:
        raise AlgorithmRefused(f"enc must be {' or '.join(encs)}")
    usable = [key for key in keys if key.alg == alg and header.get("kid") in (None, key.kid)]
    if not usable:
        raise UnknownKey("no encryption key of ours fits kid and alg")
    for key in usable:
        plaintext = _opened(token, key, str(alg), str(enc))
        if plaintext is not None:
            return plaintext
    raise Undecryptable


def is_encrypted(token: str) -> bool:
    """RFC 7516 §9: five parts make a JWE, three a JWS."""
    return token.count(".") == 4


def _header(token: str) -> Mapping[str, Any]:
    """RFC 7516 §4: the header, measured before it is read; no `zip`, no `crit`, nothing odd."""
    if len(token) > MAX_LENGTH:
        raise Malformed(f"an encrypted JWT here has at most {MAX_LENGTH} characters")
    try:
        header = parse_json(from_base64url(token.partition(".")[0]))
    except JoseError as fault:
        raise Malformed(f"the JWE header: {fault.reason}") from None
    if not isinstance(header, dict):
        raise Malformed("the JWE header is not a JSON object")
    if "zip" in header:
        raise Malformed("the JWE header parameter zip is not supported")
    if not HEADER_PARAMETERS.issuperset(header):
        raise Malformed(f"the JWE header may hold {', '.join(sorted(HEADER_PARAMETERS))}")
    for name, value in header.items():
        if not isinstance(value, dict if name == "epk" else str):
            raise Malformed(f"the JWE header parameter {name} is of the wrong type")
    return header


def _opened(token: str, key: PrivateKey, alg: str, enc: str) -> str | None:
    ours, registry = _joserfc_key(key.key), _registry(alg, enc)
    try:
        opened = jwe.decrypt_compact(token, ours, registry=registry)
        return (opened.plaintext or b"").decode("ascii")
    except Exception:  # noqa: BLE001 - libraries below libraries: whatever they raise, it is shut
        return None


def _registry(alg: str, enc: str) -> Any:
    return jwe.JWERegistry(algorithms=[alg, enc])


def _joserfc_key(key: Any) -> Any:
    kind = RSAKey if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) else ECKey
    return kind.import_key(key)
