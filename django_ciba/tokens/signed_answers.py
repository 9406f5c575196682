"""Answers that are signed like tokens: UserInfo and introspection."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django_ciba.jose import sign
from django_ciba.models import Client
from django_ciba.tokens.encryption import encrypted_for
from django_ciba.tokens.id_token import signing_key

INTROSPECTION_TYPE: Final = "token-introspection+jwt"


def signed_userinfo(claims: Mapping[str, Any], client: Client) -> str:
    """OpenID Connect Core §5.3.2: the claims with `iss` and `aud`, as the client wishes them.

    Signed, by the ID tokens' algorithm where it named none, and perhaps encrypted.
    """
    realm = client.realm
    alg = client.userinfo_signed_response_alg or client.id_token_signed_response_alg
    signed = sign({**claims, "iss": realm.issuer, "aud": client.client_id}, signing_key(realm, alg))
    return encrypted_for(
        client,
        signed,
        client.userinfo_encrypted_response_alg,
        client.userinfo_encrypted_response_enc,
    )


def signed_introspection(answer: Mapping[str, Any], caller: Client, now: datetime) -> str:
    """RFC 9701 §5: an introspection answer that only `caller` is meant to read.

    It has no `sub` and no `exp` of its own, so that nobody takes it for a token.
    """
    realm = caller.realm
    claims = {
        "iss": realm.issuer,
        "aud": caller.client_id,
        "iat": int(now.timestamp()),
        "token_introspection": answer,
    }
    return sign(claims, signing_key(realm, introspection_alg(caller)), typ=INTROSPECTION_TYPE)


def introspection_alg(caller: Client) -> str:
    """RFC 9701 §6: the algorithm that it registered for; else RS256, where it may be used.

    FAPI clients take no RS256, and a realm may have no such key: the ID tokens' then.
    """
    if caller.introspection_signed_response_alg:
        return caller.introspection_signed_response_alg
    if caller.is_fapi or "RS256" not in caller.realm.conf.SIGNING_ALGS:
        return caller.id_token_signed_response_alg
    return "RS256"
