"""The middle token: what stands between the two steps of the two-step user code (protocol §6).

A JWT that names one authentication request of one client, and says that its user has been sent a
passcode. It says nothing of who has authenticated, for nobody has: so it is no ID token, and
nothing takes it for one. Its `typ` is its own (RFC 8725 §3.11), which every reader of our JWTs
looks at; its `acr` says the same to a client that looks into it.
"""

import uuid
from datetime import datetime
from typing import Any, Final

from django_ciba.hooks import hooks
from django_ciba.jose import ASYMMETRIC_ALGS, Malformed, audiences, not_expired, sign, verify
from django_ciba.models import AuthenticationRequest, Client, secrets
from django_ciba.tokens.encryption import encrypted_for
from django_ciba.tokens.id_token import signing_key

TYPE: Final = "middle-token+jwt"
ACR: Final = "urn:django-ciba:acr:middle-token"
REQUEST: Final = "django_ciba_request"


def middle_token_response(
    found: AuthenticationRequest, client: Client, until: datetime, now: datetime
) -> dict[str, Any]:
    """Protocol §6: the answer to the poll that ends the first step; `until` the passcode runs out.

    It gives no access token, so it is no token response in the sense of RFC 6749 §5.1, and has no
    `token_type`, which would say how to use one (§7.1): no client library shall take it for one.
    """
    issued_at, expires_at = int(now.timestamp()), int(until.timestamp())
    claims = {
        "iss": client.realm.issuer,
        "sub": hooks().subject(found.user, client) if found.user is not None else "",
        "aud": client.client_id,
        "exp": expires_at,
        "iat": issued_at,
        "jti": secrets.new_secret(),
        "acr": ACR,
        REQUEST: str(found.public_id),
    }
    signed = sign(claims, signing_key(client.realm, client.id_token_signed_response_alg), typ=TYPE)
    token = encrypted_for(
        client,
        signed,
        client.id_token_encrypted_response_alg,
        client.id_token_encrypted_response_enc,
    )
    return {"id_token": token, "expires_in": max(0, expires_at - issued_at)}


def named_by_middle_token(value: str, client: Client, now: datetime) -> uuid.UUID:
    """Protocol §6: the public id of the request that a middle token of this client names.

    Raises JoseError for anything else, an ordinary ID token too. That it has not been used is for
    the request to say.
    """
    realm = client.realm
    verified = verify(value, realm.verification_keys, algs=ASYMMETRIC_ALGS, typ=(TYPE,))
    claims = verified.claims
    not_expired(claims, now=now.timestamp())
    # A header without typ would pass for any.
    if verified.header.get("typ") != TYPE or claims.get("acr") != ACR:
        raise Malformed("it is no middle token")
    if claims.get("iss") != realm.issuer or audiences(claims) != (client.client_id,):
        raise Malformed("this issuer gave it to another client")
    return uuid.UUID(claims[REQUEST])
