"""RFC 5280: certificates of others, read whole at once, so that no later look at one fails."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from .errors import BadKey
from .public_keys import listed_keys

# Parts are parsed when they are looked at, each with errors of its own; a Warning is an error where
# Python was told so (-W error).
UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,  # of cryptography before 46, for a type of text that no standard knows
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    Warning,
)
MAX_LENGTH: Final = 16 * 1024


def certificate(der: bytes) -> x509.Certificate:
    """RFC 5280 §4.1: one certificate, with a name, a key, dates and extensions that can be read.

    Whether it is to be believed is another question: nothing here looks at its signature.
    Errors: `BadKey`.
    """
    try:
        found = x509.load_der_x509_certificate(der)
        _ = found.subject, found.not_valid_before_utc, found.not_valid_after_utc
        _ = found.public_key(), list(found.extensions)
    except UNREADABLE:
        raise BadKey("it is no certificate that can be read") from None
    return found


def registered_certificates(
    jwks: Mapping[str, Any], *, unknown: Literal["refuse", "skip"] = "refuse"
) -> tuple[x509.Certificate, ...]:
    """RFC 7517 §4.7, RFC 8705 §2.2.2: the certificates of a JWK Set: the first of each `x5c`.

    In: the parsed set; `unknown` says what becomes of one that cannot be read.
    Out: the certificates, perhaps none, whatever kind of key they hold.
    Errors: `BadKey`, naming the position.
    """
    found = []
    for index, jwk in enumerate(listed_keys(jwks)):
        if not isinstance(jwk, Mapping) or "x5c" not in jwk:
            continue
        try:
            found.append(_first(jwk["x5c"]))
        except BadKey as fault:
            if unknown == "refuse":
                raise BadKey(f"keys[{index}]: x5c: {fault.reason}") from None
    return tuple(found)


def _first(x5c: Any) -> x509.Certificate:
    """RFC 7517 §4.7: a list of base64 (not base64url), the certificate of the key first."""
    if not isinstance(x5c, list) or not x5c or not isinstance(x5c[0], str):
        raise BadKey("it must be a list of certificates in base64")
    if len(x5c[0]) > MAX_LENGTH:
        raise BadKey("the certificate is too long")
    try:
        der = b64decode(x5c[0], validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("it must be a list of certificates in base64") from None
    return certificate(der)
