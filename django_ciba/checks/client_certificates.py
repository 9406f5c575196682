"""Who could claim to be a client that authenticates by certificate."""

from collections.abc import Iterator
from io import BytesIO
from ipaddress import ip_network

from django.core.handlers.asgi import ASGIRequest

from django_ciba.checks.declared_settings import usable

HEADERS = ("CLIENT_CERTIFICATE_HEADER", "CLIENT_CERTIFICATE_VERIFIED_HEADER")


def contradictions() -> Iterator[str]:
    """Settings that are of no use, or not together."""
    header, verified = (usable(name) for name in HEADERS)
    if header is None:
        for name in ("CLIENT_CERTIFICATE_VERIFIED_HEADER", "MTLS_ENDPOINTS"):
            if usable(name) is not None:
                yield f"DJANGO_CIBA[{name!r}] is set without 'CLIENT_CERTIFICATE_HEADER'."
        return
    if not usable("TRUSTED_PROXIES"):
        yield (
            "DJANGO_CIBA['CLIENT_CERTIFICATE_HEADER'] is set, and 'TRUSTED_PROXIES' names no "
            "proxy: every request with a certificate is refused."
        )
    if verified is not None and header.lower() == verified.lower():
        yield f"DJANGO_CIBA: {' and '.join(map(repr, HEADERS))} name the same header."


def strangers_trusted() -> Iterator[str]:
    if usable("CLIENT_CERTIFICATE_HEADER") is None:
        return
    for each in usable("TRUSTED_PROXIES"):
        if each == "unix":
            continue
        network = ip_network(each)
        if network.num_addresses > 1 and not network.is_private:
            yield (
                f"DJANGO_CIBA['TRUSTED_PROXIES'] holds {each}, and with it addresses of the "
                "Internet: whoever can connect from one of them can be any client that "
                "authenticates by certificate."
            )


def headers_to_clear() -> Iterator[str]:
    if usable("CLIENT_CERTIFICATE_HEADER") is None:
        return
    names = [name for name in map(usable, HEADERS) if name is not None]
    variants = [name.replace("-", "_") for name in names if "-" in name]
    yield f"What a trusted proxy lets through in {' and '.join([*names, *variants])} is believed."


def underscores_folded() -> Iterator[str]:
    """Django CVE-2026-3902: asks the Django that runs, since distributions patch old versions."""
    header = usable("CLIENT_CERTIFICATE_HEADER")
    if header is None or "-" not in header:
        return
    name = header.lower().replace("-", "_")
    headers = [(name.encode(), b"spoofed")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    if "spoofed" in ASGIRequest(scope, BytesIO()).META.values():
        yield (
            f"Under ASGI, this version of Django takes a header {name} for {header}, which a proxy "
            "that replaces only the one lets through."
        )
