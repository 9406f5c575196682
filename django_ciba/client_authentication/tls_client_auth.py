"""tls_client_auth: a certificate of a trusted authority, known by its subject (RFC 8705 §2.1)."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Final

from cryptography import x509

from django_ciba.client_authentication.certificate import CertificateMethod
from django_ciba.client_certificates import ClientCertificate
from django_ciba.conf import ciba_settings
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidClient


class TlsClientAuth(CertificateMethod):
    name = "tls_client_auth"

    @property
    def offered(self) -> bool:
        return super().offered and ciba_settings.CLIENT_CERTIFICATE_VERIFIED_HEADER is not None

    def the_certificate_is_the_clients(self, shown: ClientCertificate, client: Client) -> None:
        """RFC 8705 §2.1: the chain is good, and the subject is the registered one."""
        if not shown.chain_verified:
            raise InvalidClient(
                "the client certificate is not issued by an authority that this provider trusts",
                log_detail="CLIENT_CERTIFICATE_VERIFIED_HEADER is unset, or does not say SUCCESS",
            )
        member, expected = _the_registered_subject(client)
        if not SUBJECTS[member](shown.certificate, expected):
            raise InvalidClient(f"the client certificate does not bear the registered {member}")


def _the_registered_subject(client: Client) -> tuple[str, str]:
    """RFC 8705 §2.1.2: (member, value) of the exactly one that the client is registered with."""
    registered = [(member, getattr(client, member)) for member in SUBJECTS]
    given = [(member, value) for member, value in registered if value]
    if len(given) != 1:
        raise InvalidClient(
            f"this client must be registered with exactly one of {', '.join(SUBJECTS)}"
        )
    return given[0]


def _subject_dn(certificate: x509.Certificate, expected: str) -> bool:
    """RFC 4514, RFC 5280 §7.1: the same attributes in the same order, however each is encoded."""
    try:
        return certificate.subject == x509.Name.from_rfc4514_string(expected)
    except (ValueError, Warning):
        raise InvalidClient(
            "the registered tls_client_auth_subject_dn is not a name as RFC 4514 writes it"
        ) from None


def _san_dns(certificate: x509.Certificate, expected: str) -> bool:
    """RFC 5280 §7.2: without regard to case."""
    return expected.lower() in (each.lower() for each in _names(certificate, x509.DNSName))


def _san_uri(certificate: x509.Certificate, expected: str) -> bool:
    """RFC 8705 §2.1.2: as it is written."""
    return expected in _names(certificate, x509.UniformResourceIdentifier)


def _san_ip(certificate: x509.Certificate, expected: str) -> bool:
    """RFC 8705 §2.1.2: as an address, which has several spellings."""
    try:
        address = ip_address(expected)
    except ValueError:
        raise InvalidClient("the registered tls_client_auth_san_ip is no address") from None
    san = _subject_alternative_name(certificate)
    return san is not None and address in san.get_values_for_type(x509.IPAddress)


def _san_email(certificate: x509.Certificate, expected: str) -> bool:
    """RFC 5280 §7.5: the part before the @ as it is written, the host without regard to case."""
    return _mailbox(expected) in map(_mailbox, _names(certificate, x509.RFC822Name))


SUBJECTS: Final[Mapping[str, Callable[[x509.Certificate, str], bool]]] = {
    "tls_client_auth_subject_dn": _subject_dn,
    "tls_client_auth_san_dns": _san_dns,
    "tls_client_auth_san_uri": _san_uri,
    "tls_client_auth_san_ip": _san_ip,
    "tls_client_auth_san_email": _san_email,
}


def _subject_alternative_name(
    certificate: x509.Certificate,
) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _names(
    certificate: x509.Certificate,
    kind: type[x509.DNSName] | type[x509.UniformResourceIdentifier] | type[x509.RFC822Name],
) -> list[str]:
    """RFC 5280 §4.2.1.6: the subject alternative names of one kind."""
    san = _subject_alternative_name(certificate)
    return [] if san is None else san.get_values_for_type(kind)


def _mailbox(address: str) -> tuple[str, str]:
    local, _, host = address.rpartition("@")
    return local, host.lower()
