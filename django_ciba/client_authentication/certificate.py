"""A client that proves itself by its TLS certificate: what both methods of RFC 8705 §2 share."""

from abc import abstractmethod

from django_ciba.client_authentication.method import Method, Presented
from django_ciba.client_certificates import ClientCertificate
from django_ciba.conf import ciba_settings
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidClient


class CertificateMethod(Method):
    """RFC 8705 §2: the proof is the certificate of the TLS connection, beside `client_id`.

    A certificate is only then the proof when there is no other: beside an assertion or a secret it
    is what tokens are bound to (§3).
    """

    credential = "certificate"

    @property
    def offered(self) -> bool:
        return ciba_settings.CLIENT_CERTIFICATE_HEADER is not None

    def is_used(self, presented: Presented) -> bool:
        return presented.certificate is not None

    def client_id(self, presented: Presented) -> str:
        """RFC 8705 §2: client_id is required: no certificate names a client by itself."""
        client_id = presented.parameters.text("client_id")
        if client_id is None:
            raise InvalidClient(
                "client_id is missing: a client that authenticates by its certificate must send it"
            )
        return client_id

    def prove(self, presented: Presented, client: Client) -> None:
        if presented.certificate is None:
            raise InvalidClient("the client certificate is missing")
        self.the_certificate_is_the_clients(presented.certificate, client)

    @abstractmethod
    def the_certificate_is_the_clients(self, shown: ClientCertificate, client: Client) -> None:
        """RFC 8705 §2: return when the certificate is this client's; else raise InvalidClient."""
