"""What a token says to whoever may ask (RFC 7662)."""

from datetime import datetime
from typing import Any, Final

from django_ciba.hooks import hooks
from django_ciba.jose import JoseError, unverified_claims
from django_ciba.models import Client, Token, configuration
from django_ciba.tokens.access_token import audience, authentication

# RFC 7662 §2.2: no other member, and one answer for every cause: who may not know the token
# learns nothing of it.
INACTIVE: Final = {"active": False}


def introspected(value: str, caller: Client, now: datetime) -> dict[str, Any]:
    """RFC 7662 §2.2: the members of the answer to `caller`; one statement.

    Active is an unexpired, unspent, unrevoked token of an enabled client of the caller's realm and
    of a user who may sign in, shown by a caller whom it concerns.
    """
    found = Token.objects.live(value, now).first()
    client = configuration().client_by_pk(found.grant.client_id) if found else None
    if found is None or client is None or not it_concerns(caller, found, client):
        return dict(INACTIVE)
    if not found.is_bound_as_needed(client) or not hooks().may_sign_in(found.grant.user):
        return dict(INACTIVE)
    return {"active": True, **_members(found, client), **_form(found, value)}


def it_concerns(caller: Client, found: Token, client: Client) -> bool:
    """RFC 7662 §4, RFC 9701 §5: the token's own client, or a resource server that it is for.

    Resource servers are shown access tokens; a refresh token is between us and its client.
    """
    if caller.pk == client.pk:
        return True
    if not caller.may_introspect or caller.realm_id != client.realm_id:
        return False
    if found.kind != Token.Kind.ACCESS:
        return False
    known = caller.resource_identifiers
    return not found.resource or not known or not set(known).isdisjoint(found.resource)


def _members(found: Token, client: Client) -> dict[str, Any]:
    """RFC 7662 §2.2, RFC 8705 §3.2, RFC 9449 §6.2, RFC 9396 §9.2, RFC 9470 §6.2."""
    grant, issuer = found.grant, client.realm.issuer
    scope = client.still_allowed(found.scope)
    members: dict[str, Any] = {
        "scope": scope,
        "client_id": client.client_id,
        "exp": int(found.expires_at.timestamp()),
        "iat": int(found.created_at.timestamp()),
        "sub": grant.subject,
        "aud": audience(found.resource, issuer),
        "iss": issuer,
        **authentication(grant),
    }
    if "profile" in scope.split() and not client.is_pairwise:
        members["username"] = grant.user.get_username()
    if found.kind == Token.Kind.ACCESS:
        members["token_type"] = found.confirmation.token_type
    if found.confirmation.cnf:
        members["cnf"] = found.confirmation.cnf
    if details := client.still_allowed_details(found.authorization_details):
        members["authorization_details"] = details
    return members


def _form(found: Token, value: str) -> dict[str, str]:
    """RFC 7662 §2.2 jti: of a token that is a JWT. It is ours to the last bit: the digest fits."""
    if found.kind != Token.Kind.ACCESS or value.count(".") != 2:
        return {}
    try:
        return {"jti": str(unverified_claims(value)[1]["jti"])}
    except (JoseError, KeyError):
        return {}
