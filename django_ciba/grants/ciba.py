"""urn:openid:params:grant-type:ciba (CIBA Core §10.1, §11)."""

from datetime import datetime
from typing import Any

from django_ciba import signals
from django_ciba.delivery import the_client_may_poll
from django_ciba.delivery.endings import CANCELLED, DENIED, EXPIRED, LOCKED, NOT_APPROVED
from django_ciba.grants.first_step import middle_token_once
from django_ciba.grants.grant_type import GrantType
from django_ciba.grants.held_poll import HeldPoll
from django_ciba.grants.narrowing import narrowed
from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Client, Grant
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidDpopProof,
    InvalidGrant,
    ProtocolError,
    SlowDown,
)
from django_ciba.protocol.names import CIBA_GRANT_TYPE
from django_ciba.protocol.parameters import Parameters
from django_ciba.tokens import redeemed_tokens

PENDING = "End user has not yet been authenticated"
TOO_SOON = "The polling interval has not elapsed since the last request"
# One text for unknown, another client's and used: they must not be told apart.
NOT_YOURS = "auth_req_id is unknown, used, or was issued to another client"

_Status = AuthenticationRequest.Status


class CibaGrant(GrantType):
    grant_type = CIBA_GRANT_TYPE

    def tokens(
        self, parameters: Parameters, client: Client, confirmation: Confirmation, now: datetime
    ) -> dict[str, Any]:
        the_client_may_poll(client)
        auth_req_id = parameters.needed("auth_req_id")
        middle = middle_token_once(auth_req_id, client, confirmation, now)
        if middle is not None:
            return middle
        the_request_is_answered(auth_req_id, client, confirmation, now)
        authorized = the_authorized_request(auth_req_id, client, confirmation, now)
        response = redeemed(authorized, parameters, client, confirmation, now)
        if response is None:
            raise replayed(authorized, now)
        return response


def tokens_of_held_poll(
    held: HeldPoll, parameters: Parameters, client: Client, now: datetime
) -> dict[str, Any]:
    """CIBA Core §7.3, §11: what a poll that was held is answered at last; it is not paced again.

    When the client has polled again meanwhile, here or in another process, the tokens are the
    later poll's, and this one is told to go on waiting. Nor is it a replay when they are gone:
    it came before they were given.
    """
    the_client_may_poll(client)
    found = AuthenticationRequest.objects.named(parameters.needed("auth_req_id"), client)
    if found is None or found.status == _Status.REDEEMED:
        raise InvalidGrant(NOT_YOURS)
    if found.polled_us != held.polled_us:
        raise AuthorizationPending(PENDING)
    response = redeemed(approved(found, now), parameters, client, held.confirmation, now)
    if response is None:
        raise InvalidGrant(NOT_YOURS)
    return response


def redeemed(
    authorized: AuthenticationRequest,
    parameters: Parameters,
    client: Client,
    confirmation: Confirmation,
    now: datetime,
) -> dict[str, Any] | None:
    """CIBA Core §10.1.1: the token response, once; None when another call was first."""
    the_user_may_still_sign_in(authorized)
    asked = narrowed(parameters, authorized, client)
    response = redeemed_tokens(authorized, client, confirmation, now, asked)
    if response is not None:
        signals.announce(signals.request_redeemed, authorized)
    return response


def the_request_is_answered(
    auth_req_id: str, client: Client, confirmation: Confirmation, now: datetime
) -> None:
    """CIBA Core §11: authorization_pending or slow_down while the user has not answered.

    One statement, which writes pacing columns only. A request in any other state, an expired one
    too, is not paced; nor is one that waits for another DPoP key.
    """
    most = client.realm.conf.POLLING_INTERVAL_MAX
    polled = AuthenticationRequest.objects.poll(
        auth_req_id, client, now, most, jkt=confirmation.jkt
    )
    if polled is None:
        return
    if polled.in_time:
        raise AuthorizationPending(PENDING)
    raise SlowDown(TOO_SOON, retry_after=polled.retry_after)


def the_authorized_request(
    auth_req_id: str, client: Client, confirmation: Confirmation, now: datetime
) -> AuthenticationRequest:
    """CIBA Core §11: the request of that name, which the user has approved."""
    found = AuthenticationRequest.objects.named(auth_req_id, client)
    if found is None:
        raise InvalidGrant(NOT_YOURS)
    the_key_is_the_one_named(found, confirmation)
    if found.status == _Status.REDEEMED:
        raise replayed(found, now)
    return approved(found, now)


def the_key_is_the_one_named(found: AuthenticationRequest, confirmation: Confirmation) -> None:
    """RFC 9449 §10: the DPoP key is that of dpop_jkt, where the request named one."""
    if found.dpop_jkt not in ("", confirmation.jkt):
        raise InvalidDpopProof(
            "the authentication request named another key by dpop_jkt: send a DPoP proof of that"
        )


def approved(found: AuthenticationRequest, now: datetime) -> AuthenticationRequest:
    """CIBA Core §11: the request, which the user has approved; any other state is its error."""
    if found.is_expired(now):
        raise ExpiredToken(EXPIRED)
    if found.status == _Status.DENIED:
        raise AccessDenied(DENIED)
    if found.status == _Status.CANCELLED:
        raise AccessDenied(CANCELLED)
    if found.status == _Status.PENDING:
        raise AuthorizationPending(PENDING)
    if found.status != _Status.AUTHORIZED:
        raise AccessDenied(NOT_APPROVED)
    return found


def the_user_may_still_sign_in(found: AuthenticationRequest) -> None:
    """Design §5: an account that was locked after it approved gets no tokens."""
    if found.user is None or not hooks().may_sign_in(found.user):
        raise AccessDenied(LOCKED)


def replayed(found: AuthenticationRequest, now: datetime) -> ProtocolError:
    """RFC 6749 §4.1.2, §10.5: a second use is refused and ends what the first one gave."""
    Grant.objects.filter(authentication_request_id=found.pk).revoke(now)
    return InvalidGrant(NOT_YOURS, log_detail="redeemed auth_req_id replayed; its grant is revoked")
