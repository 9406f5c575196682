"""What every delivery mode has to say for itself (CIBA Core §5)."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar

from django_ciba.conf import CibaSettings
from django_ciba.models import AuthenticationRequest, Client, Delivery, configuration
from django_ciba.outbox import Withdrawn
from django_ciba.protocol.names import CIBA_GRANT_TYPE


class DeliveryMode:
    """How a client learns of the user's answer."""

    mode: ClassVar[Client.DeliveryMode]
    may_poll: ClassVar[bool]

    def offered(self, conf: CibaSettings) -> bool:
        """Whether a realm of these settings has this mode at all: discovery announces it."""
        return True

    def refusal(self, client: Client) -> str | None:
        """Why this client of the mode cannot be served, or None; its registration may be older."""
        if not self.offered(client.realm.conf):
            return f"this provider does not offer the delivery mode {self.mode} to this client"
        return None


class CallingMode(DeliveryMode, ABC):
    """A mode in which the client is called at its notification endpoint."""

    kind: ClassVar[Delivery.Kind]
    tells_expiry: ClassVar[bool]

    def refusal(self, client: Client) -> str | None:
        if (problem := super().refusal(client)) is not None:
            return problem
        if not client.backchannel_client_notification_endpoint:
            return "this client has no backchannel_client_notification_endpoint"
        return None

    @abstractmethod
    def send(self, delivery: Delivery, now: datetime) -> None:
        """Call the client once. Raises outbox.TryAgain, GiveUp, Withdrawn."""

    @abstractmethod
    def ended(self, delivery: Delivery, state: str, now: datetime) -> None:
        """What follows from the end of the delivery; in the transaction that ends it."""

    def client_to_call(self, delivery: Delivery) -> Client:
        """The client as it is registered now. Raises Withdrawn when it is not to be called."""
        client = configuration().client_by_pk(delivery.authentication_request.client_id)
        if client is None:
            raise Withdrawn("the client or its realm has been disabled")
        if client.backchannel_token_delivery_mode != self.mode:
            raise Withdrawn("the client has another delivery mode now")
        if CIBA_GRANT_TYPE not in client.grant_types:
            raise Withdrawn("the client may not use CIBA any more")
        if (problem := self.refusal(client)) is not None:
            raise Withdrawn(problem)
        if not delivery.authentication_request.client_notification_token:
            raise Withdrawn("what the call needs has been wiped: nothing was left to send")
        return client


def forget_secrets(delivery: Delivery) -> None:
    """CIBA Core §10.2: nothing has to be sent any more, so nothing is kept for it."""
    requests = AuthenticationRequest.objects.filter(pk=delivery.authentication_request_id)
    requests.forget_secrets()
