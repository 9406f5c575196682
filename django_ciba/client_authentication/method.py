"""The contract of a client authentication method."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from django_ciba.client_certificates import ClientCertificate
from django_ciba.models import Client, Realm
from django_ciba.protocol.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Presented:
    """What a caller presents at one of our endpoints: parameters, header, TLS certificate."""

    realm: Realm
    parameters: Parameters
    authorization: str = field(repr=False)
    now: datetime
    certificate: ClientCertificate | None = None


class Method(ABC):
    """One value of token_endpoint_auth_method."""

    name: ClassVar[str]
    # What is looked at; two methods that look at the same are told apart by what is registered.
    credential: ClassVar[str]

    @property
    def offered(self) -> bool:
        """Whether the site is set up for it; discovery names it only then."""
        return True

    @abstractmethod
    def is_used(self, presented: Presented) -> bool:
        """Whether the caller tries this method."""

    @abstractmethod
    def client_id(self, presented: Presented) -> str:
        """The client that the caller says it is. Raises InvalidClient."""

    @abstractmethod
    def prove(self, presented: Presented, client: Client) -> None:
        """Return when the caller has proved to be `client`; else raise InvalidClient."""
