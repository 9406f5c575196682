"""Certificates for tests: of an authority, of a client, signed by itself, expired, of any name."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from ssl import DER_cert_to_PEM_cert
from typing import Any, Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from django_ciba.jose import base64url

# RFC 5280 §4.2.1.3, of an authority.
SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
SUBJECT = "CN=shop.example.com,O=The Shop,C=GE"


@dataclass(frozen=True)
class Certified:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem.decode()

    @property
    def jwk(self) -> dict[str, Any]:
        """RFC 7517 §4.7: its public key, with the certificate in x5c."""
        numbers = self.key.public_key().public_numbers()
        size = (numbers.curve.key_size + 7) // 8
        return {
            "kty": "EC",
            "crv": {256: "P-256", 384: "P-384"}[numbers.curve.key_size],
            "use": "sig",
            "x": base64url(numbers.x.to_bytes(size)),
            "y": base64url(numbers.y.to_bytes(size)),
            "x5c": [base64.b64encode(self.der).decode()],
        }


# --- as each proxy writes the octets of a certificate ---------------------------------------------


def as_nginx(der: bytes) -> str:
    return quote(DER_cert_to_PEM_cert(der), safe="")


def as_envoy(der: bytes) -> str:
    """With everything else that Envoy can say, in quotes where it has to be."""
    rest = 'Subject="CN=a, b;c=\\"d\\"";URI=urn:example;DNS=shop.example.com'
    return f'By=urn:op;Hash={sha256(der).hexdigest()};Cert="{as_nginx(der)}";{rest}'


def as_rfc9440(der: bytes) -> str:
    return f":{base64.b64encode(der).decode()}:"


FORMATS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "nginx": as_nginx,
    "envoy": as_envoy,
    "rfc9440": as_rfc9440,
}


def certified(
    subject: str | x509.Name = SUBJECT,
    *,
    issuer: Certified | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    dns: Sequence[str] = (),
    uri: Sequence[str] = (),
    ip: Sequence[str] = (),
    email: Sequence[str] = (),
    authority: bool = False,
    begins: datetime = datetime(2020, 1, 1, tzinfo=UTC),
    ends: datetime = datetime(2100, 1, 1, tzinfo=UTC),
    extensions: Sequence[x509.ExtensionType] = (),
) -> Certified:
    """A certificate for `subject`, of `issuer`, or else signed by itself."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string(subject) if isinstance(subject, str) else subject
    names: list[x509.GeneralName] = [
        *map(x509.DNSName, dns),
        *map(x509.UniformResourceIdentifier, uri),
        *(x509.IPAddress(ip_address(each)) for each in ip),
        *map(x509.RFC822Name, email),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    for each in [
        *([x509.SubjectAlternativeName(names)] if names else []),
        *_key_identifiers(own, issuer),
        *extensions,
    ]:
        builder = builder.add_extension(each, critical=False)
    if authority:
        builder = builder.add_extension(SIGNS_CERTIFICATES, critical=True)
    return Certified(builder.sign(issuer.key if issuer else own, SHA256()), own)


def _key_identifiers(
    own: ec.EllipticCurvePrivateKey, issuer: Certified | None
) -> list[x509.ExtensionType]:
    """RFC 5280 §4.2.1.1, §4.2.1.2: which key signed which; clients on Python 3.13 insist."""
    found: list[x509.ExtensionType] = [x509.SubjectKeyIdentifier.from_public_key(own.public_key())]
    if issuer is not None:
        identifier = issuer.certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        )
        found.append(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)
        )
    return found


@lru_cache
def authority(subject: str = "CN=Example CA") -> Certified:
    """A certificate authority, made once a process."""
    return certified(subject, authority=True)
