"""Makes the tokens of a grant, and hands them out only once they are stored."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Client, Grant, Token, secrets
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.names import REFRESH_TOKEN_GRANT_TYPE
from django_ciba.tokens.id_token import id_token


@dataclass(frozen=True, slots=True)
class _Minted:
    """The tokens' values and the rows that keep their digests. Nothing is stored yet."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    rows: list[Token]
    token_type: str

    def response(self, grant: Grant, client: Client, now: datetime) -> dict[str, Any]:
        """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3: the token response."""
        response: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": client.realm.conf.ACCESS_TOKEN_LIFETIME,
            "scope": self.rows[0].scope,
            "id_token": id_token(grant, client, self.access_token, now),
        }
        if self.refresh_token is not None:
            response["refresh_token"] = self.refresh_token
        return response


def redeemed_tokens(
    authentication_request: AuthenticationRequest,
    client: Client,
    confirmation: Confirmation,
    now: datetime,
) -> dict[str, Any] | None:
    """CIBA Core §10.1.1: the token response for an authorized request, once; None when too late.

    The tokens are made before the request is claimed, and let out only if the claim, which stores
    them, took: so nothing is half done when signing or the database fails.
    """
    found = authentication_request
    user = found.user
    if user is None or found.authenticated_at is None:
        return None
    grant = Grant(
        authentication_request=found,
        client=client,
        user=user,
        subject=hooks().subject(user, client),
        scope=client.still_allowed(found.scope),
        acr=found.acr,
        amr=found.amr,
        authorization_details=found.authorization_details,
        requested_claims=found.requested_claims,
        resource=found.resource,
        authenticated_at=found.authenticated_at,
        created_at=now,
    )
    minted = _mint(grant, client, grant.scope, confirmation, now)
    response = minted.response(grant, client, now)
    return response if Grant.objects.redeem(grant, minted.rows, now) else None


def refreshed_tokens(
    spent: Token, client: Client, scope: str, confirmation: Confirmation, now: datetime
) -> dict[str, Any] | None:
    """RFC 6749 §6, OpenID Connect Core §12.2: new tokens for a refresh token; None when too late.

    The refresh token is spent in the transaction that stores its successors (RFC 9700 §4.14.2).
    """
    grant = spent.grant
    minted = _mint(grant, client, scope, confirmation, now)
    # The scope may be narrowed for one access token; the grant's own lives on with its successor.
    for row in minted.rows[1:]:
        row.scope = spent.scope
    response = minted.response(grant, client, now)
    return response if Token.objects.rotate(spent, minted.rows, now) else None


def _mint(
    grant: Grant, client: Client, scope: str, confirmation: Confirmation, now: datetime
) -> _Minted:
    conf = client.realm.conf
    access_token = secrets.new_secret()
    refresh_token = secrets.new_secret() if REFRESH_TOKEN_GRANT_TYPE in client.grant_types else None
    lives = [(Token.Kind.ACCESS, access_token, conf.ACCESS_TOKEN_LIFETIME)]
    if refresh_token is not None:
        lives.append((Token.Kind.REFRESH, refresh_token, conf.REFRESH_TOKEN_LIFETIME))
    rows = [
        Token(
            grant=grant,
            kind=kind,
            digest=secrets.digest(value),
            scope=scope,
            resource=grant.resource,
            x5t_s256=confirmation.x5t_s256,
            jkt=confirmation.jkt,
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        for kind, value, seconds in lives
    ]
    return _Minted(access_token, refresh_token, rows, confirmation.token_type)
