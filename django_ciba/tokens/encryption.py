"""Nested JWTs: what we signed, encrypted to the client that asked for that."""

from django_ciba.client_keys import encryption_key
from django_ciba.jose import CAN_ENCRYPT, DEFAULT_ENC, JoseError, encrypted
from django_ciba.models import Client
from django_ciba.protocol.errors import ServerError


def encrypted_for(client: Client, token: str, alg: str, enc: str) -> str:
    """OpenID Connect Core §10.2: `token`, encrypted by the registered alg and enc; "": as it is.

    Raises ServerError when it cannot be: what was to be secret is not sent in the clear.
    """
    if not alg:
        return token
    if not CAN_ENCRYPT:
        raise ServerError("the provider cannot encrypt", log_detail="django-ciba[jwe] is missing")
    try:
        return encrypted(token, encryption_key(client, alg), alg, enc or DEFAULT_ENC)
    except JoseError as error:
        raise ServerError(
            "the provider found no key to encrypt to in the client's JWKS", log_detail=error.reason
        ) from None
