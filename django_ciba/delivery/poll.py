"""Poll: the client asks."""

from typing import ClassVar

from django_ciba.delivery.mode import DeliveryMode
from django_ciba.models import Client


class Poll(DeliveryMode):
    """CIBA Core §5: the client asks until the user has answered; nothing is sent to it."""

    mode = Client.DeliveryMode.POLL
    may_poll: ClassVar[bool] = True
