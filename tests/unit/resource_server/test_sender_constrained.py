"""Tokens that are bound to a key or a certificate, or meant for some APIs, at a site's own API."""

import logging
import time
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client as Browser
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ciba.client_certificates import ClientCertificate
from django_ciba.models import Client, Realm, UsedProof
from django_ciba.resource_server import CibaTokenAuthentication, TokenHasScope
from tests.certificates import as_rfc9440, certified
from tests.proofs import ProofMaker, ath
from tests.provider import key
from tests.unit.resource_server.conftest import IssuedToken

HERE = "https://op.example.com"
ALGS = 'algs="ES256 PS256 RS256 EdDSA"'
API = "https://api.example.com/"
MINE, OTHER = certified(), certified()
X5T_S256 = ClientCertificate(MINE.certificate).x5t_s256


class Account(APIView):
    authentication_classes: Any = [CibaTokenAuthentication]
    permission_classes: Any = [IsAuthenticated]
    required_scopes = ["profile"]

    def get(self, request: Request, name: str = "") -> Response:
        return Response("open")

    post = get


class Refuses(Account):
    def get(self, request: Request, name: str = "") -> Response:
        raise NotFound


class Elsewhere(CibaTokenAuthentication):
    public_addresses = ("https://api.example.com/v1/", "https://api2.example.com")


class NamesItself(CibaTokenAuthentication):
    resource = API


urlpatterns = [
    path("account", Account.as_view()),
    path("of/<name>", Account.as_view()),
    path("", Account.as_view()),
    path("elsewhere", Account.as_view(authentication_classes=[Elsewhere])),
    path("named", Account.as_view(authentication_classes=[NamesItself])),
    path("refuses", Refuses.as_view()),
    path("scope", Account.as_view(permission_classes=[TokenHasScope])),
    path(
        "either",
        Account.as_view(authentication_classes=[SessionAuthentication, CibaTokenAuthentication]),
    ),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        "ISSUER": f"{HERE}/oauth2",
        "CLIENT_CERTIFICATE_HEADER": "Client-Cert",
        "TRUSTED_PROXIES": ("127.0.0.1",),
    }


@pytest.fixture
def maker() -> ProofMaker:
    return ProofMaker(key("ES256", "dpop"))


@pytest.fixture
def bound(issue: IssuedToken, maker: ProofMaker) -> str:
    return issue(jkt=maker.jkt)


@pytest.fixture
def nonces(client_record: Client) -> None:
    Realm.objects.update(settings={"dpop_nonce_required": True})


def ask(browser: Browser, address: str, token: str, maker: ProofMaker, **changes: Any) -> Any:
    """GET with a proof for it."""
    claims = {"ath": ath(token), "htu": HERE + address, **changes}
    proof = maker.proof("GET", address, **claims)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    return browser.get(address, headers=headers)


def refused(answer: Any, code: str, words: str = "", status: int = 401) -> str:
    """RFC 6750 §3: the refusal in body and challenge; the latter is handed back."""
    assert answer.status_code == status, answer.content
    assert answer.json()["error"] == code
    assert words in answer.json()["error_description"]
    challenge = str(answer["WWW-Authenticate"])
    assert f'error="{code}"' in challenge
    return challenge


# --- DPoP ----------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_bound_token_and_a_proof_of_its_key_open_the_view(
    client: Browser, bound: str, maker: ProofMaker
) -> None:
    answer = ask(client, "/account", bound, maker)
    assert (answer.status_code, "DPoP-Nonce" in answer) == (200, False)


@pytest.mark.requirement("RFC 9449", "7.2")
def test_a_bound_token_is_none_for_bearers(client: Browser, bound: str) -> None:
    answer = client.get("/account", headers={"Authorization": f"Bearer {bound}"})
    challenge = refused(answer, "invalid_token", "Authorization: DPoP")
    assert challenge.startswith('Bearer realm="api", error="invalid_token", ')
    assert challenge.endswith(f', DPoP realm="api", {ALGS}')


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_bearer_token_is_none_for_dpop(
    client: Browser, issue: IssuedToken, maker: ProofMaker
) -> None:
    challenge = refused(ask(client, "/account", issue(), maker), "invalid_token", "not bound")
    assert challenge.startswith('DPoP realm="api", error="invalid_token", ')
    assert challenge.endswith(ALGS)
    assert not UsedProof.objects.exists()


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ath": None}, "ath must be"),
        ({"ath": ath("another")}, "ath must be"),
        ({"htm": "POST"}, "htm must be"),
        ({"htu": f"{HERE}/of/bob"}, "htu must be"),
        ({"htu": "https://testserver/account"}, "htu must be"),
        ({"htu": f"{HERE}/account/"}, "htu must be"),
        ({"htu": f"{HERE}/oauth2/account"}, "htu must be"),
        ({"iat": 0}, "too old"),
        ({"jti": None}, "jti must be"),
    ],
)
def test_a_proof_for_another_call_is_refused(
    client: Browser, bound: str, maker: ProofMaker, changes: dict[str, Any], words: str
) -> None:
    refused(ask(client, "/account", bound, maker, **changes), "invalid_dpop_proof", words)
    assert not UsedProof.objects.exists()


@pytest.mark.requirement("RFC 9449", "11.1")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/account", "/refuses"])
def test_atomic_requests_do_not_give_a_used_proof_back(
    client: Browser, bound: str, maker: ProofMaker, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """REST framework rolls back what a refusing view has written, and we wrote in there."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    proof = maker.proof("GET", HERE + address, ath=ath(bound))
    headers = {"Authorization": f"DPoP {bound}", "DPoP": proof}
    first = client.get(address, headers=headers)
    assert first.status_code == (404 if address == "/refuses" else 200)
    assert UsedProof.objects.count() == 1
    again = client.get(address, headers=headers)
    refused(again, "invalid_dpop_proof", "jti has been used")


@pytest.mark.requirement("RFC 9449", "4.3")
def test_a_host_header_does_not_say_what_was_called(
    client: Browser, bound: str, maker: ProofMaker, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    for htu, status in (("https://evil.example/account", 401), (f"{HERE}/account", 200)):
        proof = maker.proof("GET", htu, ath=ath(bound))
        headers = {"Authorization": f"DPoP {bound}", "DPoP": proof, "Host": "evil.example"}
        assert client.get("/account", headers=headers).status_code == status


@pytest.mark.requirement("RFC 9449", "11.1")
def test_a_recorded_call_cannot_be_sent_again(
    client: Browser, bound: str, maker: ProofMaker
) -> None:
    proof = maker.proof("GET", f"{HERE}/account", ath=ath(bound))
    headers = {"Authorization": f"DPoP {bound}", "DPoP": proof}
    assert client.get("/account", headers=headers).status_code == 200
    refused(client.get("/account", headers=headers), "invalid_dpop_proof", "has been used")


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_proof_of_another_key_or_none_at_all_is_refused(client: Browser, bound: str) -> None:
    thief = ProofMaker(key("ES256", "thief"))
    refused(ask(client, "/account", bound, thief), "invalid_token", "another key")
    answer = client.get("/account", headers={"Authorization": f"DPoP {bound}"})
    refused(answer, "invalid_dpop_proof", "missing")
    answer = client.get("/account", headers={"Authorization": "DPoP"})
    refused(answer, "invalid_request", "Authorization: DPoP", 400)
    assert not UsedProof.objects.exists()


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    ("address", "htu"),
    [
        ("/account?a=b", f"{HERE}/account"),
        ("/account", f"{HERE}/account?a=b#c"),
        ("/account", "HTTPS://OP.EXAMPLE.COM:443/account"),
        ("/of/caf%C3%A9", f"{HERE}/of/caf%c3%a9"),
        ("/of/a%20b", f"{HERE}/of/a%20b"),
        ("/of/a%7Eb", f"{HERE}/of/a~b"),
        ("/", HERE),
        ("/elsewhere", "https://api.example.com/v1/elsewhere"),
        ("/elsewhere", "https://api2.example.com/elsewhere"),
    ],
)
def test_the_address_called_is_the_sites_public_one(
    client: Browser, bound: str, maker: ProofMaker, address: str, htu: str
) -> None:
    assert ask(client, address, bound, maker, htu=htu).status_code == 200


@pytest.mark.requirement("RFC 9449", "4.3")
def test_a_view_that_names_its_addresses_has_no_others(
    client: Browser, bound: str, maker: ProofMaker
) -> None:
    refused(ask(client, "/elsewhere", bound, maker), "invalid_dpop_proof", "htu")


@pytest.mark.requirement("RFC 9449", "7.1")
def test_the_host_for_client_certificates_is_the_sites_too(
    client: Browser, bound: str, maker: ProofMaker, settings: Any
) -> None:
    mtls = "https://mtls.example.com"
    refused(ask(client, "/account", bound, maker, htu=f"{mtls}/account"), "invalid_dpop_proof")
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "MTLS_ENDPOINTS": f"{mtls}/oauth2"}
    assert ask(client, "/account", bound, maker, htu=f"{mtls}/account").status_code == 200
    assert ask(client, "/account", bound, maker).status_code == 200


@pytest.mark.requirement("RFC 9449", "9")
@pytest.mark.usefixtures("nonces")
@pytest.mark.parametrize("address", ["/account", "/either", "/scope"])
def test_a_nonce_is_asked_for_and_told(
    client: Browser, issue: IssuedToken, maker: ProofMaker, address: str
) -> None:
    token = issue(jkt=maker.jkt, scope="profile")
    answer = ask(client, address, token, maker)
    assert refused(answer, "use_dpop_nonce", "DPoP-Nonce").startswith('DPoP realm="api", ')
    maker.nonce = answer["DPoP-Nonce"]
    again = ask(client, address, token, maker)
    assert (again.status_code, "DPoP-Nonce" in again) == (200, False)


@pytest.mark.requirement("RFC 9449", "8.2")
@pytest.mark.usefixtures("nonces")
def test_a_new_nonce_comes_with_any_answer_before_the_old_one_ends(
    client: Browser, issue: IssuedToken, maker: ProofMaker, settings: Any
) -> None:
    token = issue(jkt=maker.jkt, scope="openid")
    maker.nonce = ask(client, "/account", token, maker)["DPoP-Nonce"]
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DPOP_NONCE_LIFETIME": 3600}
    assert "DPoP-Nonce" not in ask(client, "/account", token, maker)
    with time_machine.travel(time.time() + 30):
        settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DPOP_NONCE_LIFETIME": 50}
        answer = ask(client, "/account", token, maker)
        assert (answer.status_code, answer["DPoP-Nonce"] == maker.nonce) == (200, False)
        answer = ask(client, "/scope", token, maker)
        assert refused(answer, "insufficient_scope", status=403).startswith("DPoP ")
        assert answer["DPoP-Nonce"] != maker.nonce


@pytest.mark.requirement("RFC 9449", "7.2")
@pytest.mark.parametrize("address", ["/account", "/scope"])
def test_without_a_token_both_schemes_are_named(client: Browser, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (
        401,
        f'Bearer realm="api", DPoP realm="api", {ALGS}',
    )


@pytest.mark.requirement("RFC 9449", "7.2")
def test_what_was_wrong_is_logged_and_no_secret_is(
    client: Browser, bound: str, maker: ProofMaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "django_ciba")
    ask(client, "/account", bound, maker, htm="POST")
    as_bearer = client.get("/account", headers={"Authorization": f"Bearer {bound}"})
    assert [each.message for each in caplog.records if each.name.endswith("resource_server")] == [
        "token refused: DPoP: htm must be the HTTP method of this request",
        f"token refused: {as_bearer.json()['error_description']}",
    ]
    assert bound not in caplog.text


# --- certificates --------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8705", "3")
def test_a_token_that_is_bound_to_a_certificate_comes_with_it(
    client: Browser, issue: IssuedToken
) -> None:
    bearer = {"Authorization": f"Bearer {issue(x5t_s256=X5T_S256)}"}

    def call(**headers: str) -> Any:
        return client.get("/account", headers={**bearer, **headers})

    assert call(**{"Client-Cert": as_rfc9440(MINE.der)}).status_code == 200
    other = call(**{"Client-Cert": as_rfc9440(OTHER.der)})
    refused(other, "invalid_token", "bound to another client certificate")
    challenge = refused(call(), "invalid_token", "show it in the TLS handshake")
    assert challenge.startswith("Bearer ")
    refused(call(**{"Client-Cert": ":AAAA:"}), "invalid_token", "cannot be read")


@pytest.mark.requirement("RFC 8705", "6.5")
def test_a_certificate_header_that_no_proxy_wrote_is_refused(
    client: Browser, issue: IssuedToken, settings: Any
) -> None:
    token = issue(x5t_s256=X5T_S256)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "TRUSTED_PROXIES": ()}
    headers = {"Authorization": f"Bearer {token}", "Client-Cert": as_rfc9440(MINE.der)}
    refused(client.get("/account", headers=headers), "invalid_request", "proxy", 400)


# --- audience ------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8707", "2.2")
@pytest.mark.parametrize(
    ("address", "resources", "status"),
    [
        ("/account", [], 200),
        ("/account", [API], 401),
        ("/named", [], 200),
        ("/named", [API], 200),
        ("/named", ["https://other.example.com/", API], 200),
        ("/named", ["https://other.example.com/"], 401),
        ("/named", [API + "accounts"], 401),
    ],
)
def test_a_token_that_names_resources_is_good_at_those_alone(
    client: Browser, issue: IssuedToken, address: str, resources: list[str], status: int
) -> None:
    bearer = {"Authorization": f"Bearer {issue(resource=resources)}"}
    answer = client.get(address, headers=bearer)
    assert answer.status_code == status
    if status != 200:
        refused(answer, "invalid_token", "for other resources")
