"""How tokens reach the relying party: poll, ping, push (CIBA Core §5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django_ciba.conf import CibaSettings
from django_ciba.delivery.mode import CallingMode, DeliveryMode
from django_ciba.delivery.ping import Ping
from django_ciba.delivery.poll import Poll
from django_ciba.delivery.push import Push
from django_ciba.models import AuthenticationRequest, Client, Delivery
from django_ciba.outbox import wake_up
from django_ciba.outbox.wake_up import DELIVER
from django_ciba.protocol.errors import UnauthorizedClient

__all__ = [
    "CALLS",
    "MODES",
    "CallingMode",
    "DeliveryMode",
    "offered_modes",
    "tell_the_client",
    "the_client_may_poll",
    "the_mode_of",
    "the_mode_serves",
]

MODES: Final[Mapping[str, DeliveryMode]] = {each.mode: each for each in (Poll(), Ping(), Push())}
CALLS: Final[Mapping[str, CallingMode]] = {
    each.kind: each for each in MODES.values() if isinstance(each, CallingMode)
}


def the_mode_of(client: Client) -> DeliveryMode:
    """CIBA Core §4 backchannel_token_delivery_mode."""
    return MODES[client.backchannel_token_delivery_mode]


def offered_modes(conf: CibaSettings) -> list[str]:
    """CIBA Core §4 backchannel_token_delivery_modes_supported, of a realm of these settings."""
    return [str(name) for name, mode in MODES.items() if mode.offered(conf)]


def the_client_may_poll(client: Client) -> None:
    """CIBA Core §11: unauthorized_client for a client that gets its tokens pushed."""
    if not the_mode_of(client).may_poll:
        raise UnauthorizedClient("this client gets its tokens pushed")


def the_mode_serves(client: Client) -> None:
    """CIBA Core §13: unauthorized_client where the client's mode is shut to it (push, FAPI-CIBA).

    Registration refuses such a client; this one may have been registered before.
    """
    if (problem := the_mode_of(client).refusal(client)) is not None:
        raise UnauthorizedClient(problem)


def tell_the_client(ended: AuthenticationRequest, now: datetime, *, expired: bool = False) -> None:
    """CIBA Core §10.2, §10.3: have the client called, if it has to be, for a request that ended.

    Call it in the transaction that ended the request: that and the message stand or fall together.
    A request that the client only polls for has kept nothing, and costs nothing here.
    """
    if not ended.keeps_secrets:
        return
    mode = the_mode_of(ended.client)
    if not isinstance(mode, CallingMode) or (expired and not mode.tells_expiry):
        AuthenticationRequest.objects.filter(pk=ended.pk).forget_secrets()
        return
    row = Delivery(authentication_request=ended, kind=mode.kind, due_at=now, created_at=now)
    row.save(force_insert=True)
    wake_up(DELIVER, row.pk)
