"""self_signed_tls_client_auth: a certificate out of the client's own JWK Set (RFC 8705 §2.2)."""

from django_ciba.client_authentication.certificate import CertificateMethod
from django_ciba.client_certificates import ClientCertificate
from django_ciba.client_keys import registers
from django_ciba.jose import JoseError
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidClient


class SelfSignedTlsClientAuth(CertificateMethod):
    name = "self_signed_tls_client_auth"

    def the_certificate_is_the_clients(self, shown: ClientCertificate, client: Client) -> None:
        """RFC 8705 §2.2: it, or one of the same key, is registered; who issued it is all one."""
        try:
            registered = registers(client, shown.certificate)
        except JoseError as error:
            raise InvalidClient(f"client certificate: {error.reason}") from None
        if not registered:
            raise InvalidClient(
                "the client certificate is none of those in the JWK Set (x5c) of this client"
            )
