"""The signature algorithms that we speak, each with the one kind of key that it takes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from jwt.algorithms import (
    Algorithm,
    ECAlgorithm,
    HMACAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
    RSAPSSAlgorithm,
)

ASYMMETRIC_ALGS: Final = ("ES256", "PS256", "RS256", "EdDSA")
FAPI_ALGS: Final = ("PS256", "ES256")
# Apart from the others: a secret verifies by these alone, and nothing else does.
MAC_ALGS: Final = ("HS256",)

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "ES256": ECAlgorithm(ECAlgorithm.SHA256, SECP256R1),
        "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
        "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
        "EdDSA": OKPAlgorithm(),
    }
)

# RFC 7518 §4.1, §5.1: what tokens are encrypted with. None of these takes a shared secret or a
# password, so no header can have us count to a million (PBES2).
ENCRYPTION_ALGS: Final = ("RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW")
KEY_ALGS: Final = (*ASYMMETRIC_ALGS, *ENCRYPTION_ALGS)  # what we may have keys of our own for
ENCRYPTION_ENCS: Final = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")

# RFC 8725 §3.1: the key decides. A header can only choose among what its key may do.
ALGS_OF_KTY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("ES256",), "RSA": ("PS256", "RS256"), "OKP": ("EdDSA",)}
)
ENCRYPTION_ALGS_OF_KTY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"EC": ("ECDH-ES", "ECDH-ES+A256KW"), "RSA": ("RSA-OAEP-256",)}
)

# Not among ALGORITHMS: what looks an algorithm up there, with a public key in hand, finds no MAC.
HS256: Final = HMACAlgorithm(HMACAlgorithm.SHA256)
MAC_KEY_OCTETS: Final = 32  # RFC 7518 §3.2: at least as long as the hash
