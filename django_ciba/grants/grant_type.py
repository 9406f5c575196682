"""The contract of a grant."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar

from django_ciba.models import Client
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.parameters import Parameters


class GrantType(ABC):
    """One value of grant_type. The client is proved and registered for it."""

    grant_type: ClassVar[str]

    @abstractmethod
    def tokens(
        self, parameters: Parameters, client: Client, confirmation: Confirmation, now: datetime
    ) -> dict[str, Any]:
        """The token response (RFC 6749 §5.1), bound to `confirmation`. Raises a ProtocolError."""
