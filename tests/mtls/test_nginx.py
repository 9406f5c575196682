"""Client certificates through a real nginx: the right one, another, none, and a forged header."""

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.certificates import SUBJECT, Certified, as_nginx, authority, certified
from tests.mtls.conftest import MTLS, OWN, PLAIN, SHOP, Behind
from tests.plugin import leave_out
from tests.relying_party import CIBA, basic

pytestmark = pytest.mark.slow

CERTIFICATES = {"shop": SHOP, "self": OWN}
FORGED = {"X-SSL-Client-Cert": as_nginx(SHOP.der), "X-SSL-Client-Verify": "SUCCESS"}
UNDERSCORED = {name.replace("-", "_"): value for name, value in FORGED.items()}


def asked(client_id: str) -> dict[str, str]:
    return {"client_id": client_id, "scope": "openid", "login_hint": "alice"}


def refused(answer: requests.Response, error: str, words: str) -> None:
    assert answer.status_code == (401 if error == "invalid_client" else 400), answer.text
    assert answer.json()["error"] == error, answer.text
    assert words in answer.json()["error_description"], answer.text


def tokens(behind: Behind, client_id: str, shown: Certified) -> dict[str, Any]:
    """The whole flow with this certificate."""
    answer = behind.post("bc-authorize", asked(client_id), shown)
    assert answer.status_code == 200, answer.text
    auth_req_id = answer.json()["auth_req_id"]
    behind.site.answer(auth_req_id, "allow")
    body = {"client_id": client_id, "grant_type": CIBA, "auth_req_id": auth_req_id}
    answer = behind.post("access_token", body, shown)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("client_id", CERTIFICATES)
def test_a_client_gets_its_tokens_by_its_certificate(behind: Behind, client_id: str) -> None:
    found = tokens(behind, client_id, CERTIFICATES[client_id])
    body = {
        "client_id": client_id,
        "grant_type": "refresh_token",
        "refresh_token": found["refresh_token"],
    }
    answer = behind.post("access_token", body, CERTIFICATES[client_id])
    assert answer.status_code == 200, answer.text


@pytest.mark.requirement("RFC 8705", "3")
@pytest.mark.parametrize("client_id", CERTIFICATES)
def test_a_bound_token_works_with_its_certificate_alone(behind: Behind, client_id: str) -> None:
    shown = CERTIFICATES[client_id]
    token = tokens(behind, client_id, shown)["access_token"]
    address = f"{behind.nginx.url_of(MTLS)}/oauth2/userinfo"
    for certificate, status in ((shown, 200), (certified(), 401), (None, 401)):
        with behind.session(certificate) as session:
            headers = {"Authorization": f"Bearer {token}"}
            assert session.get(address, headers=headers, timeout=20).status_code == status


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize(
    ("client_id", "shown", "words"),
    [
        ("shop", certified("CN=bank", issuer=authority()), "tls_client_auth_subject_dn"),
        ("shop", certified(SUBJECT), "not issued by an authority"),
        (
            "shop",
            certified(SUBJECT, issuer=certified("CN=Another CA", authority=True)),
            "not issued by an authority",
        ),
        (
            "shop",
            certified(SUBJECT, issuer=certified("CN=Example CA", authority=True)),
            "not issued by an authority",
        ),
        ("shop", OWN, "not issued by an authority"),
        ("self", SHOP, "none of those in the JWK Set"),
        ("self", certified("CN=shop by itself"), "none of those in the JWK Set"),
        ("basic", SHOP, "registered for client_secret_basic"),
        ("shop", None, "client authentication is missing"),
        ("self", None, "client authentication is missing"),
    ],
)
def test_another_certificate_is_refused(
    behind: Behind, client_id: str, shown: Certified | None, words: str
) -> None:
    refused(behind.post("bc-authorize", asked(client_id), shown), "invalid_client", words)


@pytest.mark.requirement("RFC 8705", "2.1")
@pytest.mark.parametrize(
    "shown",
    [
        certified(SUBJECT, issuer=authority(), ends=datetime(2021, 1, 1, tzinfo=UTC)),
        certified(SUBJECT, issuer=authority(), begins=datetime(2099, 1, 1, tzinfo=UTC)),
        certified(SUBJECT, issuer=Certified(authority().certificate, certified().key)),
    ],
    ids=["expired", "early", "in the authority's name by another key"],
)
def test_these_certificates_come_no_further_than_nginx(behind: Behind, shown: Certified) -> None:
    answer = behind.post("bc-authorize", asked("shop"), shown)
    assert answer.status_code == 400
    assert "SSL certificate error" in answer.text


@pytest.mark.requirement("RFC 9440", "4")
@pytest.mark.parametrize("forged", [FORGED, UNDERSCORED, FORGED | UNDERSCORED], ids=len)
@pytest.mark.parametrize("host", [MTLS, PLAIN])
def test_a_forged_header_does_not_get_through(
    behind: Behind, host: str, forged: dict[str, str]
) -> None:
    answer = behind.post("bc-authorize", asked("shop"), host=host, headers=forged)
    refused(answer, "invalid_client", "client authentication is missing")
    credentials = {"Authorization": basic("basic", "b" * 32)}
    answer = behind.post("bc-authorize", asked("basic"), host=host, headers=forged | credentials)
    assert answer.status_code == 200, answer.text


@pytest.mark.requirement("RFC 9440", "4")
@pytest.mark.parametrize("forged", [FORGED, UNDERSCORED, FORGED | UNDERSCORED], ids=len)
def test_a_forged_header_beside_a_certificate_is_replaced(
    behind: Behind, forged: dict[str, str]
) -> None:
    """A stranger with a certificate of its own, and the words of nginx about another."""
    stranger = certified(SUBJECT)
    answer = behind.post("bc-authorize", asked("shop"), stranger, headers=forged)
    refused(answer, "invalid_client", "not issued by an authority")


@pytest.mark.requirement("RFC 9440", "4")
@pytest.mark.requirement("RFC 9700", "4.13")
def test_a_forged_header_straight_at_the_application_is_refused(behind: Behind) -> None:
    """From an address of its own; from the proxy's, the same request is the proxy's word."""
    elsewhere = "127.0.0.2"
    try:
        socket.create_server((elsewhere, 0)).close()
    except OSError:
        leave_out(f"this machine has no second loopback address, {elsewhere}")
    address = f"{behind.site.url}/oauth2/bc-authorize"
    with behind.session(address=elsewhere) as session:
        for forged in (FORGED, FORGED | UNDERSCORED):
            answer = session.post(address, data=asked("shop"), headers=forged, timeout=20)
            refused(answer, "invalid_request", "taken from the proxy of this provider alone")
        answer = session.post(address, data=asked("shop"), headers=UNDERSCORED, timeout=20)
        refused(answer, "invalid_client", "client authentication is missing")
    with behind.session() as session:
        answer = session.post(address, data=asked("shop"), headers=FORGED, timeout=20)
        assert answer.status_code == 200, answer.text


@pytest.mark.requirement("RFC 8705", "5")
def test_a_client_that_starts_at_discovery_finds_its_way(behind: Behind) -> None:
    address = f"{behind.nginx.url_of(PLAIN)}/oauth2/.well-known/openid-configuration"
    with behind.session(SHOP) as session:
        found = session.get(address, timeout=20).json()
        assert found["issuer"] == f"{behind.nginx.url_of(PLAIN)}/oauth2"
        assert found["tls_client_certificate_bound_access_tokens"] is True
        there = found["mtls_endpoint_aliases"]["backchannel_authentication_endpoint"]
        assert there == f"{behind.nginx.url_of(MTLS)}/oauth2/bc-authorize"
        answer = session.post(there, data=asked("shop"), timeout=20)
        assert answer.status_code == 200, answer.text
