"""urn:openid:params:grant-type:ciba (CIBA Core §10.1, §11)."""

from datetime import datetime
from typing import Any

from django_ciba import signals
from django_ciba.delivery import the_client_may_poll
from django_ciba.grants.grant_type import GrantType
from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Client, Grant
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
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
        the_request_is_answered(auth_req_id, client, now)
        authorized = the_authorized_request(auth_req_id, client, now)
        the_user_may_still_sign_in(authorized)
        response = redeemed_tokens(authorized, client, confirmation, now)
        if response is None:
            raise replayed(authorized, now)
        signals.announce(signals.request_redeemed, authorized)
        return response


def the_request_is_answered(auth_req_id: str, client: Client, now: datetime) -> None:
    """CIBA Core §11: authorization_pending or slow_down while the user has not answered.

    One statement, which writes pacing columns only. A request in any other state, an expired one
    too, is not paced.
    """
    most = client.realm.conf.POLLING_INTERVAL_MAX
    polled = AuthenticationRequest.objects.poll(auth_req_id, client, now, most)
    if polled is None:
        return
    if polled.in_time:
        raise AuthorizationPending(PENDING)
    raise SlowDown(TOO_SOON, retry_after=polled.retry_after)


def the_authorized_request(
    auth_req_id: str, client: Client, now: datetime
) -> AuthenticationRequest:
    """CIBA Core §11: the request that the user has approved; any other state is its error."""
    found = AuthenticationRequest.objects.named(auth_req_id, client)
    if found is None:
        raise InvalidGrant(NOT_YOURS)
    if found.status == _Status.REDEEMED:
        raise replayed(found, now)
    if found.is_expired(now):
        raise ExpiredToken("the auth_req_id has expired: start a new authentication request")
    if found.status == _Status.DENIED:
        raise AccessDenied("The end user denied the request")
    if found.status == _Status.PENDING:
        raise AuthorizationPending(PENDING)
    if found.status != _Status.AUTHORIZED:
        raise AccessDenied("The request ended without the end user's approval")
    return found


def the_user_may_still_sign_in(found: AuthenticationRequest) -> None:
    """Design §5: an account that was locked after it approved gets no tokens."""
    if found.user is None or not hooks().may_sign_in(found.user):
        raise AccessDenied("The end user's account cannot be used")


def replayed(found: AuthenticationRequest, now: datetime) -> ProtocolError:
    """RFC 6749 §4.1.2, §10.5: a second use is refused and ends what the first one gave."""
    Grant.objects.filter(authentication_request_id=found.pk).revoke(now)
    return InvalidGrant(NOT_YOURS, log_detail="redeemed auth_req_id replayed; its grant is revoked")
