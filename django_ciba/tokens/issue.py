"""Makes the tokens of a grant, and hands them out only once they are stored."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import router, transaction

from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Client, Delivery, Grant, Token, secrets
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.names import REFRESH_TOKEN_GRANT_TYPE
from django_ciba.tokens.access_token import access_token
from django_ciba.tokens.id_token import id_token
from django_ciba.tokens.requested_claims import the_subject_is_the_one_requested


@dataclass(frozen=True, slots=True)
class Narrowed:
    """RFC 8707 §2.2, RFC 9396 §6: what one access token is for, of what was granted; None: all."""

    resource: list[str] | None = None
    authorization_details: list[dict[str, Any]] | None = None


WHOLE = Narrowed()


@dataclass(frozen=True, slots=True)
class _Minted:
    """The tokens' values and the rows that keep their digests. Nothing is stored yet."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    rows: list[Token]
    token_type: str

    def response(
        self, grant: Grant, client: Client, now: datetime, pushed_as: str | None = None
    ) -> dict[str, Any]:
        """RFC 6749 §5.1, OpenID Connect Core §3.1.3.3: the token response.

        `pushed_as` is the auth_req_id where it is pushed.
        """
        signed = id_token(
            grant,
            client,
            self.access_token,
            now,
            pushed_as=pushed_as,
            refresh_token=self.refresh_token,
        )
        response: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": client.realm.conf.ACCESS_TOKEN_LIFETIME,
            "scope": self.rows[0].scope,
            "id_token": signed,
        }
        if details := self.rows[0].authorization_details:
            response["authorization_details"] = details  # RFC 9396 §7
        if self.refresh_token is not None:
            response["refresh_token"] = self.refresh_token
        return response


def redeemed_tokens(
    authentication_request: AuthenticationRequest,
    client: Client,
    confirmation: Confirmation,
    now: datetime,
    narrowed: Narrowed = WHOLE,
) -> dict[str, Any] | None:
    """CIBA Core §10.1.1: the token response for an authorized request, once; None when too late.

    The tokens are made before the request is claimed, and let out only if the claim, which stores
    them, took: so nothing is half done when signing or the database fails.
    """
    grant = _approved_grant(authentication_request, client, now)
    if grant is None:
        return None
    minted = _mint(grant, client, grant.scope, confirmation, now, narrowed)
    response = minted.response(grant, client, now)
    return response if Grant.objects.redeem(grant, minted.rows, now) else None


def pushed_tokens(
    delivery: Delivery, client: Client, confirmation: Confirmation, now: datetime
) -> str | None:
    """CIBA Core §10.3.1: the JSON that pushes an authorized request's tokens; None when too late.

    In: the push that this worker has claimed. Out: what to send, which from now on is stored,
    encrypted, in the delivery: the claim of the request, its tokens and that copy stand or fall
    together, so that whoever sends it again sends the same.
    """
    found = delivery.authentication_request
    auth_req_id = found.auth_req_id_encrypted
    grant = _approved_grant(found, client, now)
    if grant is None:
        return None
    minted = _mint(grant, client, grant.scope, confirmation, now)
    response = minted.response(grant, client, now, auth_req_id)
    payload = json.dumps({"auth_req_id": auth_req_id, **response})
    alias = router.db_for_write(Delivery)
    with transaction.atomic(using=alias):
        if Delivery.objects.keep_payload(delivery, payload) and Grant.objects.redeem(
            grant, minted.rows, now, pushed=True
        ):
            return payload
        transaction.set_rollback(True, using=alias)
    return None


def refreshed_tokens(
    spent: Token,
    client: Client,
    scope: str,
    confirmation: Confirmation,
    now: datetime,
    narrowed: Narrowed = WHOLE,
) -> dict[str, Any] | None:
    """RFC 6749 §6, OpenID Connect Core §12.2: new tokens for a refresh token; None when too late.

    The refresh token is spent in the transaction that stores its successors (RFC 9700 §4.14.2).
    """
    grant = spent.grant
    minted = _mint(grant, client, scope, confirmation, now, narrowed)
    # The scope may be narrowed for one access token; the grant's own lives on with its successor.
    for row in minted.rows[1:]:
        row.scope = spent.scope
    response = minted.response(grant, client, now)
    return response if Token.objects.rotate(spent, minted.rows, now) else None


def _approved_grant(found: AuthenticationRequest, client: Client, now: datetime) -> Grant | None:
    """The grant that the user's yes becomes, not yet stored; None where nobody said yes.

    Raises AccessDenied for another user than the client asked for.
    """
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
        authorization_details=client.still_allowed_details(found.authorization_details),
        requested_claims=found.requested_claims,
        resource=found.resource,
        authenticated_at=found.authenticated_at,
        created_at=now,
    )
    the_subject_is_the_one_requested(grant)
    return grant


def _mint(
    grant: Grant,
    client: Client,
    scope: str,
    confirmation: Confirmation,
    now: datetime,
    narrowed: Narrowed = WHOLE,
) -> _Minted:
    conf = client.realm.conf
    resource, details = narrowed.resource, narrowed.authorization_details
    minted = access_token(
        grant,
        client,
        scope=scope,
        resource=grant.resource if resource is None else resource,
        authorization_details=grant.authorization_details if details is None else details,
        confirmation=confirmation,
        now=now,
    )
    refresh_token = secrets.new_secret() if REFRESH_TOKEN_GRANT_TYPE in client.grant_types else None
    lives = [(Token.Kind.ACCESS, minted, conf.ACCESS_TOKEN_LIFETIME)]
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
    for row in rows[1:]:  # RFC 9449 §5, RFC 8705 §7.1: bound to its client, which proves itself
        row.x5t_s256 = row.jkt = ""
    # Narrowed for this access token alone; the refresh token is good for all that was granted.
    if narrowed.resource is not None:
        rows[0].resource = narrowed.resource
    rows[0].narrowed_details = narrowed.authorization_details
    return _Minted(minted, refresh_token, rows, confirmation.token_type)
