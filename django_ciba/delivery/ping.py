"""Ping: the client is told that it may ask now (CIBA Core §10.2)."""

from datetime import datetime
from typing import ClassVar

from django_ciba.delivery.call import call
from django_ciba.delivery.mode import CallingMode, forget_secrets
from django_ciba.models import AuthenticationRequest, Client, Delivery
from django_ciba.outbox import Withdrawn


class Ping(CallingMode):
    """CIBA Core §10.2: the auth_req_id and nothing else, whatever the user said."""

    mode = Client.DeliveryMode.PING
    may_poll: ClassVar[bool] = True
    kind = Delivery.Kind.PING
    tells_expiry: ClassVar[bool] = False

    def send(self, delivery: Delivery, now: datetime) -> None:
        found = delivery.authentication_request
        if found.status == AuthenticationRequest.Status.REDEEMED:
            raise Withdrawn("the client has asked already")
        if found.is_expired(now):
            raise Withdrawn("the request has expired")
        client = self.client_to_call(delivery)
        call(client, found, {"auth_req_id": found.auth_req_id_encrypted})

    def ended(self, delivery: Delivery, state: str, now: datetime) -> None:
        if state != Delivery.State.DEAD:  # an operator may send a dead one again
            forget_secrets(delivery)
