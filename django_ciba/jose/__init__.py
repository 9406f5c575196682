"""Keys, signing and verification of JWTs. Plain Python on PyJWT and cryptography.

Every fault of what others sent is a `JoseError`; the caller says what it means in its place.
"""

from .algorithms import (
    ASYMMETRIC_ALGS,
    ENCRYPTION_ALGS,
    ENCRYPTION_ENCS,
    FAPI_ALGS,
    KEY_ALGS,
    MAC_ALGS,
)
from .certificates import certificate, registered_certificates
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
from .encryption import CAN_ENCRYPT, DEFAULT_ENC, Undecryptable, decrypted, encrypted, is_encrypted
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
from .public_keys import (
    EncryptionKey,
    VerificationKey,
    encryption_keys,
    thumbprint,
    verification_key,
    verification_keys,
)
from .signatures import (
    Possessed,
    Verified,
    sign,
    unverified_claims,
    verify,
    verify_mac,
    verify_possession,
)

__all__ = [
    "ASYMMETRIC_ALGS",
    "CAN_ENCRYPT",
    "DEFAULT_ENC",
    "ENCRYPTION_ALGS",
    "ENCRYPTION_ENCS",
    "FAPI_ALGS",
    "KEY_ALGS",
    "MAC_ALGS",
    "AlgorithmRefused",
    "BadKey",
    "BadSignature",
    "EncryptionKey",
    "Expired",
    "JoseError",
    "Malformed",
    "NotYetValid",
    "Possessed",
    "PrivateKey",
    "Undecryptable",
    "UnknownKey",
    "VerificationKey",
    "Verified",
    "audiences",
    "base64url",
    "certificate",
    "decrypted",
    "encrypted",
    "encryption_keys",
    "from_base64url",
    "in_force",
    "is_encrypted",
    "issued_in_the_past",
    "not_before",
    "not_expired",
    "numeric_date",
    "parse_json",
    "registered_certificates",
    "same_audience",
    "sign",
    "thumbprint",
    "unverified_claims",
    "verification_key",
    "verification_keys",
    "verify",
    "verify_mac",
    "verify_possession",
]
