"""Access tokens: a random name, or a JWT that a resource server reads by itself (RFC 9068)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django_ciba.jose import sign
from django_ciba.models import Client, Grant, secrets
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.tokens.id_token import signing_key

TYPE: Final = "at+jwt"


def access_token(
    grant: Grant,
    client: Client,
    *,
    scope: str,
    resource: Sequence[str],
    authorization_details: Sequence[Mapping[str, Any]],
    confirmation: Confirmation,
    now: datetime,
) -> str:
    """A new access token, in the format that the client is registered for.

    Of either kind the digest is stored, so that both are revoked and introspected alike.
    """
    if client.access_token_format == Client.AccessTokenFormat.OPAQUE:
        return secrets.new_secret()
    realm, issued_at = client.realm, int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": realm.issuer,
        "exp": issued_at + realm.conf.ACCESS_TOKEN_LIFETIME,
        "aud": audience(resource, realm.issuer),
        "sub": grant.subject,
        "client_id": client.client_id,
        "iat": issued_at,
        "jti": secrets.new_secret(),
        "scope": scope,
        **authentication(grant),
    }
    if authorization_details:
        claims["authorization_details"] = authorization_details
    if confirmation.cnf:
        claims["cnf"] = confirmation.cnf
    return sign(claims, signing_key(realm, client.id_token_signed_response_alg), typ=TYPE)


def audience(resource: Sequence[str], issuer: str) -> str | list[str]:
    """RFC 9068 §3: the resources that the token is for; the issuer's own where none was named."""
    named = list(resource) or [issuer]
    return named if len(named) > 1 else named[0]


def authentication(grant: Grant) -> dict[str, Any]:
    """RFC 9068 §2.2.1: when and how the user authenticated, as far as it is known."""
    said = {
        "auth_time": int(grant.authenticated_at.timestamp()),
        "acr": grant.acr,
        "amr": grant.amr,
    }
    return {name: value for name, value in said.items() if value}
