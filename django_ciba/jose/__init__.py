"""Keys, signing and verification of JWTs. Plain Python on PyJWT and cryptography.

Every fault of what others sent is a `JoseError`; the caller says what it means in its place.
"""

from .algorithms import ASYMMETRIC_ALGS, FAPI_ALGS
from .claims import (
    audiences,
    in_force,
    issued_in_the_past,
    not_before,
    not_expired,
    numeric_date,
    same_audience,
)
from .encoding import base64url, from_base64url, parse_json
from .errors import (
    AlgorithmRefused,
    BadKey,
    BadSignature,
    Expired,
    JoseError,
    Malformed,
    NotYetValid,
    UnknownKey,
)
from .private_keys import PrivateKey
from .public_keys import VerificationKey, thumbprint, verification_keys
from .signatures import Verified, sign, unverified_claims, verify

__all__ = [
    "ASYMMETRIC_ALGS",
    "FAPI_ALGS",
    "AlgorithmRefused",
    "BadKey",
    "BadSignature",
    "Expired",
    "JoseError",
    "Malformed",
    "NotYetValid",
    "PrivateKey",
    "UnknownKey",
    "VerificationKey",
    "Verified",
    "audiences",
    "base64url",
    "from_base64url",
    "in_force",
    "issued_in_the_past",
    "not_before",
    "not_expired",
    "numeric_date",
    "parse_json",
    "same_audience",
    "sign",
    "thumbprint",
    "unverified_claims",
    "verification_keys",
    "verify",
]
