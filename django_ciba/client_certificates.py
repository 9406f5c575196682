"""The certificate that a client showed in the TLS handshake, as the proxy in front hands it on.

TLS ends at a proxy, so the certificate comes in a header, and whoever could write that header could
be any client (RFC 9440 §4, RFC 9700 §4.13). Off until CLIENT_CERTIFICATE_HEADER is set, and then
believed from TRUSTED_PROXIES alone. Servers make one name of `Client-Cert` and `Client_Cert`, and
join with a comma what came twice: a value with more than one certificate in it is refused, since
nobody could tell which one the proxy wrote.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from django_ciba.conf import ciba_settings
from django_ciba.jose import BadKey, base64url, certificate
from django_ciba.protocol.errors import InvalidClient, InvalidRequest

MAX_HEADER_LENGTH: Final = 16 * 1024  # an RSA key of 4096 bits, escaped, takes a quarter of that
VERIFIED: Final = "SUCCESS"
UNIX: Final = "unix"

# What a proxy escapes, and what some leave as it is; a comma is not among it.
ESCAPED: Final = re.compile(r"[A-Za-z0-9._~%+/=-]+")
PEM: Final = re.compile(
    r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII
)
BYTE_SEQUENCE: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
# Envoy: key=value;key="value", with a comma between elements; what stands in quotes is escaped.
PAIR: Final = re.compile(
    r'[ \t]*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))[ \t]*(;|,|\Z)', re.ASCII
)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate in force, whose key its sender holds: the TLS handshake proved that.

    `chain_verified`: the proxy says that an authority it trusts has issued it.
    """

    certificate: x509.Certificate = field(repr=False)
    chain_verified: bool = False

    @property
    def x5t_s256(self) -> str:
        """RFC 8705 §3.1: the SHA-256 of the DER encoding, in base64url."""
        return base64url(self.certificate.fingerprint(SHA256()))


def presented_certificate(meta: Mapping[str, Any], now: datetime) -> ClientCertificate | None:
    """RFC 8705 §2, RFC 9440 §2: the certificate that came with a request, or None.

    In: the request's META. Errors: InvalidRequest for a header that no proxy of ours has written;
    InvalidClient for a certificate that cannot be read or is not in force at `now`.
    """
    header = ciba_settings.CLIENT_CERTIFICATE_HEADER
    value = _value(meta, header) if header else ""
    if not value:
        return None
    _a_trusted_proxy_wrote_it(meta)
    if len(value) > MAX_HEADER_LENGTH:
        raise InvalidRequest(f"the client certificate is longer than {MAX_HEADER_LENGTH} octets")
    try:
        found = certificate(FORMATS[ciba_settings.CLIENT_CERTIFICATE_FORMAT](value))
    except (BadKey, ValueError, binascii.Error):
        raise InvalidClient(
            "the client certificate cannot be read",
            log_detail=f"{header} holds no certificate in the form of CLIENT_CERTIFICATE_FORMAT",
        ) from None
    _it_is_in_force(found, now)
    verified = ciba_settings.CLIENT_CERTIFICATE_VERIFIED_HEADER
    return ClientCertificate(found, bool(verified) and _value(meta, verified) == VERIFIED)


def _value(meta: Mapping[str, Any], header: str | None) -> str:
    name = f"HTTP_{header}".upper().replace("-", "_")
    return str(meta.get(name, "")).strip()


# --- whom we believe ------------------------------------------------------------------------------


def _a_trusted_proxy_wrote_it(meta: Mapping[str, Any]) -> None:
    """RFC 9440 §4: the header is worth what the address is worth that it came from."""
    address = str(meta.get("REMOTE_ADDR") or "")
    if not is_trusted(address, tuple(ciba_settings.TRUSTED_PROXIES)):
        raise InvalidRequest(
            "the header with the client certificate is taken from the proxy of this provider "
            "alone: leave it out, and show the certificate in the TLS handshake",
            log_detail=f"certificate header from {address or UNIX}, not in TRUSTED_PROXIES",
        )


def is_trusted(address: str, proxies: tuple[str, ...]) -> bool:
    """Whether a REMOTE_ADDR is that of a trusted proxy; an empty one is a Unix socket's."""
    if not address:
        return UNIX in proxies
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    found: IPv4Address | IPv6Address = mapped or parsed
    return any(found in network for network in _networks(proxies))


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in proxies if each != UNIX)


# --- how each proxy writes it ---------------------------------------------------------------------


def _nginx(value: str) -> bytes:
    """nginx's $ssl_client_escaped_cert: one certificate in PEM, percent-encoded."""
    _one_alone(value.count(",") + 1)
    if not ESCAPED.fullmatch(value):
        raise ValueError
    return _pem(unquote(value, errors="strict"))


def _envoy(value: str) -> bytes:
    """Envoy's x-forwarded-client-cert: one element, whose Cert is as nginx writes it.

    Several elements come from a chain of proxies that append (APPEND_FORWARD), and the last one is
    of the next proxy, not of the client; or from a header sent twice. Neither is the client's.
    """
    certificates, elements, at = [], 1, 0
    while at < len(value):
        pair = PAIR.match(value, at)
        if pair is None:
            raise ValueError
        key, quoted, plain, end = pair.groups()
        if key.lower() == "cert":
            certificates.append(plain if quoted is None else quoted)
        elements += end == ","
        at = pair.end()
    _one_alone(elements)
    if not certificates:
        raise InvalidClient(
            "the proxy of this provider did not hand the client certificate on",
            log_detail="x-forwarded-client-cert without Cert: set_current_client_cert_details",
        )
    _one_alone(len(certificates))
    return _nginx(certificates[0])


def _rfc9440(value: str) -> bytes:
    """RFC 9440 §2.1, RFC 8941 §3.3.5: DER in base64 between colons; its padding may be missing."""
    _one_alone(value.count(",") + 1)
    found = BYTE_SEQUENCE.fullmatch(value)
    if found is None:
        raise ValueError
    return b64decode(found[1].rstrip("=") + "=" * (-len(found[1].rstrip("=")) % 4), validate=True)


FORMATS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "nginx": _nginx,
    "envoy": _envoy,
    "rfc9440": _rfc9440,
}


def _pem(text: str) -> bytes:
    """RFC 7468 §5: the octets of one certificate."""
    _one_alone(max(text.count("-----BEGIN "), 1))
    found = PEM.fullmatch(text)
    if found is None:
        raise ValueError
    return b64decode("".join(found[1].split()), validate=True)


def _one_alone(number: int) -> None:
    """RFC 9440 §2.2: the certificate of the client, and nothing beside it."""
    if number > 1:
        raise InvalidRequest(
            "more than one client certificate came with the request: the proxy must replace the "
            "header, not add to it"
        )


# --- the certificate itself -----------------------------------------------------------------------


def _it_is_in_force(found: x509.Certificate, now: datetime) -> None:
    """RFC 5280 §4.1.2.5: between its dates, both included."""
    if now < found.not_valid_before_utc:
        raise InvalidClient("the client certificate is not valid yet")
    if now > found.not_valid_after_utc:
        raise InvalidClient("the client certificate has expired")
