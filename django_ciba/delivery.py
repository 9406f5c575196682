"""How tokens reach the relying party: poll, ping, push (CIBA Core §5)."""

from collections.abc import Mapping
from typing import ClassVar, Final, Protocol

from django_ciba.models import Client
from django_ciba.protocol.errors import UnauthorizedClient


class DeliveryMode(Protocol):
    """What the endpoints need to know of a mode."""

    may_poll: ClassVar[bool]


class Poll:
    """CIBA Core §5: the client asks until the user has answered; nothing is sent to it."""

    may_poll: ClassVar[bool] = True


MODES: Final[Mapping[str, type[DeliveryMode]]] = {Client.DeliveryMode.POLL: Poll}


def the_client_may_poll(client: Client) -> None:
    """CIBA Core §11: unauthorized_client for a client that gets its tokens pushed."""
    if not MODES[client.backchannel_token_delivery_mode].may_poll:
        raise UnauthorizedClient("this client gets its tokens pushed")
