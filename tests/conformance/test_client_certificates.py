"""The header of a TLS-terminating proxy: believed from it, and from nobody who imitates it."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from asgiref.sync import async_to_sync
from cryptography import x509
from django.core.handlers.asgi import ASGIHandler

from django_ciba.checks.client_certificates import underscores_folded
from django_ciba.client_certificates import is_trusted
from tests.certificates import FORMATS, Certified, as_nginx, as_rfc9440, certified
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted, refused
from tests.provider import key
from tests.relying_party import FORM, RelyingParty

HEADER = "X-SSL-Client-Cert"
SPOOFED = "taken from the proxy of this provider alone"
SEVERAL = "more than one client certificate"
UNREADABLE = "the client certificate cannot be read"


@pytest.fixture(scope="module")
def own() -> Certified:
    return certified()


@pytest.fixture(autouse=True, params=FORMATS)
def form(request: pytest.FixtureRequest, settings: Any, site: None) -> str:
    """Every test holds for each way of writing the header, unless it says which."""
    chosen = str(request.param)
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "CLIENT_CERTIFICATE_HEADER": HEADER,
        "CLIENT_CERTIFICATE_FORMAT": chosen,
        "TRUSTED_PROXIES": ["127.0.0.1"],
    }
    return chosen


def only(*forms: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("form", forms, indirect=True)


@pytest.fixture
def rp(relying_party: RelyingParties, own: Certified) -> RelyingParty:
    return relying_party(
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks={"keys": [own.jwk, key("ES256", "client").public_jwk]},
    )


def send(rp: RelyingParty, value: str, **headers: str) -> Any:
    """A good request of a client that has nothing but this header to show."""
    return rp.post(
        "bc-authorize", {"request": rp.signed_request()}, headers={HEADER: value, **headers}
    )


@pytest.mark.requirement("RFC 8705", "2.2")
@pytest.mark.requirement("RFC 9440", "2.1")
def test_the_certificate_is_read_as_the_proxy_writes_it(
    rp: RelyingParty, own: Certified, form: str
) -> None:
    accepted(send(rp, FORMATS[form](own.der)))


@pytest.mark.requirement("RFC 9440", "2.1")
@only("rfc9440")
def test_a_byte_sequence_may_lack_its_padding(rp: RelyingParty, own: Certified, form: str) -> None:
    written = {
        len(each.der) % 3: each for each in (certified(f"CN={'a' * n}") for n in range(1, 9))
    }
    for certificate in written.values():
        rp.client.jwks = {"keys": [certificate.jwk, key("ES256", "client").public_jwk]}
        rp.client.save()
        accepted(send(rp, as_rfc9440(certificate.der).replace("=", "")))


@pytest.mark.requirement("RFC 9440", "4")
def test_without_the_setting_the_header_is_any_header(
    rp: RelyingParty, own: Certified, form: str, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CLIENT_CERTIFICATE_HEADER": None}
    answer = send(rp, FORMATS[form](own.der))
    refused(answer, "invalid_client", "client authentication is missing", status=401)


@pytest.mark.requirement("RFC 9440", "4")
@pytest.mark.requirement("RFC 9700", "4.13")
@pytest.mark.parametrize("address", ["192.0.2.1", "127.0.0.2", "::1", "no address", ""])
def test_a_header_from_an_untrusted_address_is_refused(
    rp: RelyingParty, own: Certified, form: str, address: str
) -> None:
    rp.http.defaults["REMOTE_ADDR"] = address
    refused(send(rp, FORMATS[form](own.der)), "invalid_request", SPOOFED)
    rp.http.defaults["REMOTE_ADDR"] = "::ffff:127.0.0.1"
    accepted(send(rp, FORMATS[form](own.der)))


@pytest.mark.requirement("RFC 9440", "4")
def test_an_untrusted_header_is_refused_whatever_else_proves_the_client(
    relying_party: RelyingParties, own: Certified, form: str
) -> None:
    rp = relying_party()
    rp.http.defaults["REMOTE_ADDR"] = "192.0.2.1"
    refused(send(rp, FORMATS[form](own.der)), "invalid_request", SPOOFED)
    refused(send(rp, "anything"), "invalid_request", SPOOFED)
    accepted(send(rp, ""))


@pytest.mark.requirement("RFC 9440", "4")
def test_nobody_is_trusted_where_no_proxy_is_named(
    rp: RelyingParty, own: Certified, form: str, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "TRUSTED_PROXIES": []}
    refused(send(rp, FORMATS[form](own.der)), "invalid_request", SPOOFED)


@pytest.mark.parametrize(
    ("address", "proxies", "trusted"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("2001:db8::7", ("2001:db8::/32", "10.0.0.0/8"), True),
        ("fe80::1%eth0", ("fe80::/10",), True),
        ("", ("unix",), True),
        ("", ("127.0.0.1",), False),
        ("unix", ("unix",), False),
        ("127.0.0.1", ("unix",), False),
        ("127.0.0.1, 10.0.0.1", ("127.0.0.1", "10.0.0.1"), False),
    ],
)
@only("nginx")
def test_whom_an_address_belongs_to(address: str, proxies: tuple[str, ...], trusted: bool) -> None:
    assert is_trusted(address, proxies) is trusted


@pytest.mark.requirement("RFC 9440", "2.2")
def test_two_certificates_are_refused_in_either_order(
    rp: RelyingParty, own: Certified, form: str
) -> None:
    """What servers make of a header that came twice, or once as X_SSL_Client_Cert."""
    write = FORMATS[form]
    stranger = certified()
    for first, second in ((own, stranger), (stranger, own), (own, own)):
        for comma in (",", ", "):
            value = f"{write(first.der)}{comma}{write(second.der)}"
            refused(send(rp, value), "invalid_request", SEVERAL)


@pytest.mark.requirement("RFC 9440", "4")
@pytest.mark.parametrize("forged", ["X_SSL_Client_Cert", "x_ssl-client-cert"])
def test_under_asgi_another_spelling_of_the_header_is_no_certificate(
    rp: RelyingParty, own: Certified, form: str, forged: str
) -> None:
    """Django CVE-2026-3902: a proxy replaces X-SSL-Client-Cert, and lets the others through."""
    write, stranger = FORMATS[form], certified()
    body = {"client_id": rp.client.client_id, "request": rp.signed_request()}
    imitated = (forged, write(own.der))
    answer = by_asgi(f"{rp.mount}bc-authorize", body, imitated)
    if any(underscores_folded()):
        return  # a Django from before the fix, where check W019 says what happens here
    refused(answer, "invalid_client", "client authentication is missing", status=401)
    answer = by_asgi(f"{rp.mount}bc-authorize", body, (HEADER, write(stranger.der)), imitated)
    refused(answer, "invalid_client", "none of those in the JWK Set", status=401)
    accepted(by_asgi(f"{rp.mount}bc-authorize", body, (HEADER, write(own.der))))


def by_asgi(path: str, parameters: dict[str, str], *headers: tuple[str, str]) -> Any:
    """POST as an ASGI server hands it on; Django's AsyncClient would write the names anew."""
    sent = [("Content-Type", FORM), *headers]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent],
    }
    handler = ASGIHandler()
    request, _ = handler.create_request(scope, BytesIO(urlencode(parameters).encode()))
    assert request is not None
    answer: Any = async_to_sync(handler.get_response_async)(request)
    answer.json = lambda: json.loads(answer.content)
    return answer


@pytest.mark.requirement("RFC 9440", "2.2")
@only("nginx", "envoy")
def test_a_chain_is_refused(rp: RelyingParty, own: Certified, form: str) -> None:
    chain = quote(own.pem + certified().pem, safe="")
    refused(send(rp, chain if form == "nginx" else f'Cert="{chain}"'), "invalid_request", SEVERAL)


@pytest.mark.requirement("RFC 9440", "4")
@only("envoy")
def test_an_element_of_envoys_with_two_certificates_is_refused(
    rp: RelyingParty, own: Certified
) -> None:
    value = f'Cert="{as_nginx(own.der)}";cert="{as_nginx(certified().der)}"'
    refused(send(rp, value), "invalid_request", SEVERAL)


@only("envoy")
def test_an_element_of_envoys_without_a_certificate_is_refused(rp: RelyingParty) -> None:
    answer = send(rp, f'By=urn:example;Hash={"0" * 64};Subject="CN=shop"')
    refused(answer, "invalid_client", "did not hand the client certificate on", status=401)


@only("envoy")
def test_the_keys_of_an_element_have_no_case_and_no_order(rp: RelyingParty, own: Certified) -> None:
    accepted(send(rp, f'cert="{as_nginx(own.der)}"'))
    accepted(send(rp, f'Subject="";CERT={as_nginx(own.der)};'))


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize(
    "value",
    [
        "x",
        ":",
        "::",
        ":AAAA:",
        "(null)",
        "%",
        "%FF%FE",
        "-----BEGIN CERTIFICATE-----",
        quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", safe=""),
        quote("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n", safe=""),
        quote("-----BEGIN CERTIFICATE-----\n=\n-----END CERTIFICATE-----\n", safe=""),
        'Cert="',
        'Cert="x"',
        "Cert=",
        'Cert="x\\',
        "Cert",
        "=;=",
        ";" * 1000,
        "\xa3",
        ":" + "A" * 4000 + ":",
        "A" * 16_384,
    ],
)
def test_what_is_no_certificate_is_invalid_client(rp: RelyingParty, value: str) -> None:
    answer = send(rp, value)
    assert answer.json()["error"] == "invalid_client", answer.content
    refused(answer, "invalid_client", "client certificate", status=401)


@pytest.mark.requirement("RFC 8705", "2")
def test_a_certificate_that_was_tampered_with_is_read_or_refused(
    rp: RelyingParty, own: Certified, form: str
) -> None:
    """Each cut and each changed octet: never the client, never a fault of ours."""
    stranger = certified()
    der = stranger.der
    broken = [der[:at] for at in range(0, len(der), 41)]
    broken += [der[:at] + bytes([der[at] ^ 0xFF]) + der[at + 1 :] for at in range(0, len(der), 7)]
    for each in broken:
        value = FORMATS[form](each)
        answer = send(rp, value)
        assert answer.status_code == 401, answer.content


@pytest.mark.requirement("RFC 8705", "2")
def test_a_header_that_is_too_long_is_refused_before_it_is_read(
    rp: RelyingParty, own: Certified, form: str
) -> None:
    value = FORMATS[form](own.der)
    refused(send(rp, value + "A" * 16_384), "invalid_request", "longer than 16384 octets")


@pytest.mark.requirement("RFC 5280", "4.1.2.5")
@pytest.mark.parametrize("method", ["self_signed_tls_client_auth", "client_secret_basic"])
def test_a_certificate_that_is_not_in_force_is_refused_with_every_method(
    relying_party: RelyingParties, own: Certified, form: str, method: str
) -> None:
    now = datetime.now(UTC)
    expired = certified(key=own.key, ends=now - timedelta(seconds=2))
    early = certified(key=own.key, begins=now + timedelta(hours=1))
    rp = relying_party(token_endpoint_auth_method=method, jwks={"keys": [own.jwk]})
    for certificate, words in ((expired, "has expired"), (early, "is not valid yet")):
        answer = send(rp, FORMATS[form](certificate.der))
        refused(answer, "invalid_client", words, status=401)


@pytest.mark.requirement("RFC 8705", "2")
@only("rfc9440")
def test_a_certificate_with_a_part_that_cannot_be_read_is_refused(rp: RelyingParty) -> None:
    """Its outer form is right; what is inside is looked at before it is used."""
    san = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x03\x82\x05a")
    broken = certified(extensions=[san])
    refused(send(rp, as_rfc9440(broken.der)), "invalid_client", UNREADABLE, status=401)
