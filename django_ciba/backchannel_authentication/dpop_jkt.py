"""The key that the tokens of a request will be bound to (RFC 9449 §10 dpop_jkt)."""

import hashlib

from django_ciba.jose import JoseError, from_base64url
from django_ciba.protocol.errors import InvalidRequest
from django_ciba.protocol.parameters import Parameters


def dpop_jkt(parameters: Parameters) -> str:
    """RFC 9449 §10: the thumbprint of a DPoP key, which every poll must prove; "" for none."""
    value = parameters.get("dpop_jkt")
    if value is None:
        return ""
    problem = InvalidRequest(
        "dpop_jkt must be the SHA-256 JWK thumbprint of a DPoP key: 43 characters of base64url"
    )
    if not isinstance(value, str):
        raise problem
    try:
        octets = from_base64url(value)
    except JoseError:
        raise problem from None
    if len(octets) != hashlib.sha256().digest_size:
        raise problem
    return value
