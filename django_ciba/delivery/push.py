"""Push: the client is sent its tokens, or why there are none (CIBA Core §10.3, §12)."""

import json
from datetime import datetime
from typing import ClassVar

from django_ciba import signals
from django_ciba.conf import CibaSettings
from django_ciba.delivery.call import call
from django_ciba.delivery.endings import DENIED, EXPIRED, LOCKED, NOT_APPROVED
from django_ciba.delivery.mode import CallingMode, forget_secrets
from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Client, Delivery, Grant
from django_ciba.models.grant import GrantQuerySet
from django_ciba.outbox import TryAgain, Withdrawn
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import (
    AccessDenied,
    ExpiredToken,
    ProtocolError,
    ServerError,
    TransactionFailed,
)
from django_ciba.tokens import pushed_tokens

_Status = AuthenticationRequest.Status
NOT_OURS = "another worker has claimed this push"


class Push(CallingMode):
    """CIBA Core §10.3: tokens, sent where the client has registered to get them.

    What is sent is decided once and kept until the client has taken it: a retry sends the same.
    """

    mode = Client.DeliveryMode.PUSH
    may_poll: ClassVar[bool] = False
    kind = Delivery.Kind.PUSH
    tells_expiry: ClassVar[bool] = True

    def offered(self, conf: CibaSettings) -> bool:
        """FAPI-CIBA §5.2.2 forbids push; elsewhere the realm must have opened it."""
        return conf.PUSH_DELIVERY and not conf.REQUIRE_FAPI_CIBA

    def refusal(self, client: Client) -> str | None:
        if client.is_fapi:
            return "FAPI-CIBA allows poll and ping only"
        if client.binds_its_tokens:
            return "this client needs bound access tokens, which cannot be pushed"
        return super().refusal(client)

    def send(self, delivery: Delivery, now: datetime) -> None:
        client, found = self.client_to_call(delivery), delivery.authentication_request
        payload = delivery.payload
        if not payload:
            payload = _decided(delivery, client, now)
        elif _grants(delivery).filter(revoked_at__isnull=False).exists():
            raise Withdrawn("its tokens have been revoked")
        call(client, found, json.loads(payload))

    def ended(self, delivery: Delivery, state: str, now: datetime) -> None:
        """Tokens that the client may not have got are revoked; a failure may be sent again."""
        if state != Delivery.State.DELIVERED:
            grants = _grants(delivery)
            if not grants.exists() and state == Delivery.State.DEAD:
                return
            if Delivery.objects.get(pk=delivery.pk).keeps_payload:  # else it got them by polling
                grants.revoke(now)
        Delivery.objects.filter(pk=delivery.pk).update(payload="")
        forget_secrets(delivery)


def _grants(delivery: Delivery) -> GrantQuerySet:
    return Grant.objects.filter(authentication_request_id=delivery.authentication_request_id)


def _decided(delivery: Delivery, client: Client, now: datetime) -> str:
    """What this push says, as JSON; stored before it is sent. Raises TryAgain, Withdrawn."""
    found = delivery.authentication_request
    failure = _failure(found, now)
    if failure is None:
        try:
            payload = pushed_tokens(delivery, client, Confirmation(jkt=found.dpop_jkt), now)
        except AccessDenied as refusal:  # not the user's own: §12 has another code for it
            failure = TransactionFailed(refusal.description)
        except ServerError as fault:  # our key, or the client's; at its expiry it is told of that
            raise TryAgain(fault.description, till_after_expiry=True) from None
        else:
            if payload is None:
                raise TryAgain(NOT_OURS)
            signals.announce(signals.request_redeemed, found)
            return payload
    payload = json.dumps({"auth_req_id": found.auth_req_id_encrypted, **failure.members()})
    if not Delivery.objects.keep_payload(delivery, payload):
        raise TryAgain(NOT_OURS)
    return payload


def _failure(found: AuthenticationRequest, now: datetime) -> ProtocolError | None:
    """CIBA Core §12: why there are no tokens; None when there are. Raises Withdrawn."""
    if found.status == _Status.REDEEMED:
        raise Withdrawn("the client has asked already")
    if found.status == _Status.DENIED:
        return AccessDenied(DENIED)
    if found.status in (_Status.FAILED, _Status.CANCELLED):
        return TransactionFailed(NOT_APPROVED)
    if found.is_expired(now) or found.status != _Status.AUTHORIZED:
        return ExpiredToken(EXPIRED)
    if found.user is None or not hooks().may_sign_in(found.user):
        return TransactionFailed(LOCKED)
    return None
