"""refresh_token (RFC 6749 §6, OpenID Connect Core §12, RFC 9700 §4.14)."""

from datetime import datetime
from typing import Any

from django_ciba.grants.grant_type import GrantType
from django_ciba.grants.narrowing import narrowed
from django_ciba.hooks import hooks
from django_ciba.models import Client, Grant, Token
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import InvalidGrant, InvalidScope
from django_ciba.protocol.names import OPENID_SCOPE, REFRESH_TOKEN_GRANT_TYPE
from django_ciba.protocol.parameters import Parameters
from django_ciba.tokens import refreshed_tokens

NOT_YOURS = "the refresh token is unknown, used, expired, revoked, or was issued to another client"


class RefreshTokenGrant(GrantType):
    grant_type = REFRESH_TOKEN_GRANT_TYPE

    def tokens(
        self, parameters: Parameters, client: Client, confirmation: Confirmation, now: datetime
    ) -> dict[str, Any]:
        spent = the_live_refresh_token(parameters.needed("refresh_token"), client, now)
        if not hooks().may_sign_in(spent.grant.user):
            raise InvalidGrant(NOT_YOURS, log_detail="the user may not sign in")
        scope = narrowed_scope(parameters, spent, client)
        asked = narrowed(parameters, spent.grant, client)
        response = refreshed_tokens(spent, client, scope, confirmation, now, asked)
        if response is None:
            raise reused(spent, now)
        return response


def the_live_refresh_token(value: str, client: Client, now: datetime) -> Token:
    """RFC 6749 §6: the unused, unexpired refresh token of this client's live grant."""
    found = Token.objects.refresh_token(value, client)
    if found is None or found.grant.revoked_at is not None:
        raise InvalidGrant(NOT_YOURS)
    if found.used_at is not None:
        raise reused(found, now)
    if found.expires_at <= now:
        raise InvalidGrant(NOT_YOURS)
    return found


def narrowed_scope(parameters: Parameters, spent: Token, client: Client) -> str:
    """RFC 6749 §6: the scope asked for, at most what was granted; all of it by default."""
    asked = parameters.text("scope")
    if asked is None:
        return client.still_allowed(spent.scope)
    values = list(dict.fromkeys(asked.split()))
    if OPENID_SCOPE not in values or not set(values) <= set(
        client.still_allowed(spent.scope).split()
    ):
        raise InvalidScope("scope must hold openid and nothing that was not granted")
    return " ".join(values)


def reused(spent: Token, now: datetime) -> InvalidGrant:
    """RFC 9700 §4.14.2: a spent refresh token was stolen or leaked: the whole family ends."""
    Grant.objects.filter(pk=spent.grant_id).revoke(now)
    return InvalidGrant(NOT_YOURS, log_detail="refresh token reused; its grant is revoked")
