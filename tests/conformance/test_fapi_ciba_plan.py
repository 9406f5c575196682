"""What the OpenID Foundation's conformance plan for FAPI-CIBA asks, over HTTP, in our own words.

Two clients of a realm that takes no others, in the four variants of the plan: poll and ping, proved
by private_key_jwt and by certificate. Tokens are bound to certificates, as FAPI 1.0 has it.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import pytest
from django.test import Client as HttpClient

from django_ciba.jose import PrivateKey, sign
from django_ciba.models import AuthenticationRequest, Client, Realm
from django_ciba.protocol.names import CIBA_GRANT_TYPE
from tests.callback_server import CallbackServer
from tests.certificates import Certified, as_rfc9440, certified
from tests.conformance.called import settle, site_that_calls
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, accepted, at
from tests.provider import approve, deny, key, make_realm
from tests.relying_party import Answer, RelyingParty, claims_of, compact

pytestmark = pytest.mark.django_db

MINUTE = 60
MTLS = "https://mtls.op.example.com/oauth2"
KEY_JWT, CERTIFICATE = "private_key_jwt", "self_signed_tls_client_auth"
Variant: TypeAlias = tuple[str, str]
VARIANTS = [(mode, method) for mode in ("poll", "ping") for method in (KEY_JWT, CERTIFICATE)]
INTERACTION = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"
LONG_MESSAGE = (
    "1234 \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5} \u54c1\u5ddd Lorem ipsum dolor "
    "sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore"
)


@pytest.fixture(autouse=True)
def site_with_certificates(site: None, settings: Any) -> None:
    site_that_calls(
        settings,
        CLIENT_CERTIFICATE_HEADER="Client-Cert",
        CLIENT_CERTIFICATE_FORMAT="rfc9440",
        TRUSTED_PROXIES=("127.0.0.1",),
        MTLS_ENDPOINTS=MTLS,
    )


@pytest.fixture
def realm(db: None) -> Realm:
    return make_realm(require_fapi_ciba=True)


@pytest.fixture(params=VARIANTS, ids=" ".join)
def variant(request: pytest.FixtureRequest) -> Variant:
    mode, method = request.param
    return mode, method


@dataclass
class Bank:
    """A relying party with the certificate that it comes with everywhere."""

    rp: RelyingParty
    certificate: Certified
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def headers(self) -> dict[str, str]:
        return {"Client-Cert": as_rfc9440(self.certificate.der)}

    @property
    def pings(self) -> bool:
        return self.rp.client.backchannel_token_delivery_mode == "ping"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """As the plan's request: all that FAPI needs, and `binding_message` 1234."""
        own = {"client_notification_token": self.token} if self.pings else {}
        return self.rp.request_claims(**{"binding_message": "1234", **own, **changes})

    def signed(self, **changes: Any) -> str:
        return sign(self.claims(**changes), self.rp.key)

    def ask(self, request: str, **beside: str) -> Answer:
        return self.rp.post("bc-authorize", {"request": request, **beside}, headers=self.headers)

    def begin(self, **changes: Any) -> str:
        return accepted(self.ask(self.signed(**changes)))

    def poll(self, auth_req_id: str, **changes: Any) -> Answer:
        return self.rp.poll(auth_req_id, headers=self.headers, **changes)

    def tokens(self, auth_req_id: str) -> dict[str, Any]:
        answer = self.poll(auth_req_id)
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/json"
        assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
        members: dict[str, Any] = answer.json()
        return members

    def resource(self, access_token: str, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {access_token}", **self.headers, **headers}
        return self.rp.http.get("/resource", headers=sent)


Banks: TypeAlias = Callable[..., Bank]


@pytest.fixture
def banks(relying_party: RelyingParties, variant: Variant, callback: CallbackServer) -> Banks:
    """Makes clients of the variant, each with a key and a certificate of its own."""
    mode, method = variant

    def make(client_id: str = "one", **fields: Any) -> Bank:
        own, certificate = key("PS256", client_id), certified(f"CN={client_id}")
        client = {
            "client_id": client_id,
            "profile": "fapi-ciba",
            "jwks": {"keys": [own.public_jwk, certificate.jwk]},
            "token_endpoint_auth_method": method,
            "id_token_signed_response_alg": "PS256",
            "backchannel_authentication_request_signing_alg": "PS256",
            "tls_client_certificate_bound_access_tokens": True,
            "backchannel_token_delivery_mode": mode,
            **(
                {"backchannel_client_notification_endpoint": callback.url} if mode == "ping" else {}
            ),
            **fields,
        }
        rp = relying_party(**client)
        rp.key = own
        return Bank(rp, certificate)

    return make


@pytest.fixture
def bank(banks: Banks) -> Bank:
    return banks()


def refused(answer: Answer, error: str, status: int = 400, begun: int = 0) -> None:
    """RFC 6749 §5.2, CIBA Core §13: as JSON, in characters that RFC 6749 allows."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    members = answer.json()
    assert members["error"] == error, members
    assert set(members) <= {"error", "error_description", "error_uri"}
    assert all(" " <= each <= "~" and each not in '"\\' for each in members["error_description"])
    assert AuthenticationRequest.objects.count() == begun


def by_rs256(own: PrivateKey) -> PrivateKey:
    """RFC 7518 §3.3: the same RSA key, with the padding that FAPI forbids."""
    return replace(own, alg="RS256")


# --- a whole flow ---------------------------------------------------------------------------------


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "4")
@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "5")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "5")
def test_a_flow_of_the_plan_from_the_request_to_the_resource(
    bank: Bank, callback: CallbackServer
) -> None:
    with at(0):
        answer = bank.ask(bank.signed())
        assert type(answer.json()["expires_in"]) is type(answer.json()["interval"]) is int
        auth_req_id = accepted(answer)
        refused(bank.poll(auth_req_id), "authorization_pending", begun=1)
    with at(5):
        refused(bank.poll(auth_req_id), "authorization_pending", begun=1)
        approve(auth_req_id)
        settle()
        if bank.pings:
            (call,) = callback.received
            assert call.headers["authorization"] == f"Bearer {bank.token}"
            assert call.headers["content-type"] == "application/json"
            assert call.body == {"auth_req_id": auth_req_id}
        else:
            assert callback.received == []
        tokens = bank.tokens(auth_req_id)
        assert tokens["token_type"] == "Bearer"
        assert len(tokens["access_token"]) >= 22  # 128 bits
        claims = bank.rp.verified_id_token(tokens)
        assert claims["aud"] == "one"
        resource = bank.resource(tokens["access_token"])
        assert resource.status_code == 200
        assert resource["Content-Type"] == "application/json"


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "8")
@pytest.mark.requirement("CIBA Core", "7.1", "acr_values")
@pytest.mark.requirement("RFC 9101", "4")
def test_a_second_client_varies_all_that_may_be_varied(
    banks: Banks, callback: CallbackServer
) -> None:
    """acr_values, requested_expiry, the longest token, `typ` in any case, `openid` last."""
    bank = banks("two")
    if bank.pings:
        bank.token = "a" * 1024
    claims = bank.claims(acr_values="push", requested_expiry="300", scope="profile openid")
    request = compact({"alg": "PS256", "typ": "OautH-auThZ-REQ+jWt"}, claims, bank.rp.key)
    answer = bank.ask(request)
    auth_req_id = accepted(answer)
    assert answer.json()["expires_in"] == 300
    approve(auth_req_id)
    settle()
    assert len(callback.received) == int(bank.pings)
    assert claims_of(bank.tokens(auth_req_id)["id_token"])["acr"] == "push"


@pytest.mark.requirement("CIBA Core", "11")
@pytest.mark.requirement("RFC 8705", "3")
def test_another_client_has_no_use_for_tokens_and_names(banks: Banks) -> None:
    one, two = banks("one"), banks("two")
    auth_req_id = two.begin()
    refused(one.poll(auth_req_id), "invalid_grant", begun=1)
    approve(auth_req_id)
    refused(one.poll(auth_req_id), "invalid_grant", begun=1)
    tokens = two.tokens(auth_req_id)
    assert two.resource(tokens["access_token"]).status_code == 200
    stolen = one.resource(tokens["access_token"])
    assert (stolen.status_code, 'error="invalid_token"' in stolen["WWW-Authenticate"]) == (
        401,
        True,
    )
    refused(one.rp.refresh(tokens["refresh_token"], headers=one.headers), "invalid_grant", begun=1)
    renewed = two.rp.refresh(tokens["refresh_token"], headers=two.headers).json()
    assert two.resource(renewed["access_token"]).status_code == 200
    refused(two.poll(auth_req_id), "invalid_grant", begun=1)
    assert two.resource(renewed["access_token"]).status_code == 401  # a replay ends the grant


@pytest.mark.requirement("OIDC Core", "12.2")
def test_refreshed_tokens_are_new_and_say_the_same_of_the_user(bank: Bank) -> None:
    with at(0):
        auth_req_id = bank.begin()
        approve(auth_req_id)
        first = bank.tokens(auth_req_id)
    with at(60):
        second = bank.rp.refresh(first["refresh_token"], headers=bank.headers).json()
        assert second["access_token"] != first["access_token"]
        before, after = claims_of(first["id_token"]), claims_of(second["id_token"])
        assert after["iat"] == before["iat"] + 60
        for name in ("iss", "sub", "aud", "auth_time", "acr", "amr"):
            assert after.get(name) == before.get(name), name


@pytest.mark.requirement("CIBA Core", "11")
def test_a_user_who_says_no_is_access_denied(bank: Bank, callback: CallbackServer) -> None:
    auth_req_id = bank.begin()
    deny(auth_req_id)
    settle()
    assert callback.bodies == ([{"auth_req_id": auth_req_id}] if bank.pings else [])
    refused(bank.poll(auth_req_id), "access_denied", begun=1)


@pytest.mark.requirement("CIBA Core", "7.1", "requested_expiry")
@pytest.mark.requirement("CIBA Core", "11")
def test_a_request_that_nobody_answers_is_expired_token(bank: Bank) -> None:
    with at(0):
        answer = bank.ask(bank.signed(requested_expiry=30))
        assert answer.json()["expires_in"] == 30
        auth_req_id = accepted(answer)
    with at(31):
        settle()
        refused(bank.poll(auth_req_id), "expired_token", begun=1)


@pytest.mark.requirement("CIBA Core", "11")
def test_many_polls_at_once_are_slowed_down_and_nothing_else(bank: Bank) -> None:
    with at(0):
        auth_req_id = bank.begin()
        refused(bank.poll(auth_req_id), "authorization_pending", begun=1)
    with at(1):
        for _ in range(10):
            refused(bank.poll(auth_req_id), "slow_down", begun=1)


# --- request objects ------------------------------------------------------------------------------

BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "aud missing": {"aud": None},
    "aud of another": {"aud": "https://www.other1.example.com/"},
    "aud another name of ours": {"aud": f"{ISSUER}/access_token"},
    "iss missing": {"iss": None},
    "iss of another": {"iss": "two"},
    "iat missing": {"iat": None},
    "exp missing": {"exp": None},
    "exp past": {"exp": NOW - 5 * MINUTE},
    "exp in 70 minutes": {"exp": NOW + 70 * MINUTE},
    "nbf missing": {"nbf": None},
    "nbf in 10 minutes": {"nbf": NOW + 10 * MINUTE},
    "nbf 70 minutes ago": {"nbf": NOW - 70 * MINUTE},
    "jti missing": {"jti": None},
    "two hints": {"id_token_hint": "eyJ"},
}


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "9")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "13")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "15")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "17")
def test_each_bad_request_object_is_an_invalid_request(banks: Banks) -> None:
    bank = banks()
    banks("two")
    with at(0):
        for changes in BAD_CLAIMS.values():
            refused(bank.ask(bank.signed(**changes)), "invalid_request")
        accepted(bank.ask(bank.signed()))


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
def test_each_bad_signature_is_an_invalid_request(banks: Banks) -> None:
    bank, two = banks(), banks("two")
    good = bank.signed()
    head, body, signature = good.split(".")
    for request in (
        ".".join((head, body, signature[::-1])),
        compact({"alg": "none"}, bank.claims()),
        compact({"alg": "RS256"}, bank.claims(), by_rs256(bank.rp.key)),
        sign(bank.claims(), two.rp.key),
    ):
        refused(bank.ask(request), "invalid_request")


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "6")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "10")
def test_what_is_not_signed_is_an_invalid_request(bank: Bank) -> None:
    claims = {name: str(value) for name, value in bank.claims().items()}
    refused(bank.rp.post("bc-authorize", claims, headers=bank.headers), "invalid_request")
    refused(bank.ask(bank.signed(), binding_message="Pay more"), "invalid_request")


@pytest.mark.requirement("CIBA Core", "13")
def test_a_message_that_no_device_can_show_is_named(bank: Bank) -> None:
    refused(bank.ask(bank.signed(binding_message=LONG_MESSAGE)), "invalid_binding_message")


# --- client authentication ------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7523", "3")
@pytest.mark.parametrize("variant", [("poll", KEY_JWT)], indirect=True, ids=" ".join)
@pytest.mark.parametrize(
    "aud",
    [
        ISSUER,
        f"{ISSUER}/access_token",
        f"{ISSUER}/bc-authorize",
        f"{MTLS}/access_token",
        f"{MTLS}/bc-authorize",
    ],
)
def test_assertions_may_name_us_by_each_address_of_the_plan(bank: Bank, aud: str) -> None:
    beside = {"client_assertion": bank.rp.assertion(aud=aud)}
    auth_req_id = accepted(bank.ask(bank.signed(), **beside))
    answer = bank.poll(auth_req_id, client_assertion=bank.rp.assertion(aud=aud))
    refused(answer, "authorization_pending", begun=1)


BAD_ASSERTIONS: dict[str, Callable[[Bank], dict[str, str]]] = {
    "no assertion": lambda bank: {"client_assertion": "", "client_assertion_type": ""},
    "no type": lambda bank: {"client_assertion_type": ""},
    "another type": lambda bank: {"client_assertion_type": "urn:example:other"},
    "no sub": lambda bank: {"client_assertion": bank.rp.assertion(sub=None)},
    "another sub": lambda bank: {"client_assertion": bank.rp.assertion(sub="two")},
    "no iss": lambda bank: {"client_assertion": bank.rp.assertion(iss=None)},
    "another iss": lambda bank: {"client_assertion": bank.rp.assertion(iss="two")},
    "both of another": lambda bank: {"client_assertion": bank.rp.assertion(iss="two", sub="two")},
    "no aud": lambda bank: {"client_assertion": bank.rp.assertion(aud=None)},
    "an unrelated aud": lambda bank: {
        "client_assertion": bank.rp.assertion(aud="https://other.example.com/")
    },
    "expired": lambda bank: {"client_assertion": bank.rp.assertion(exp=bank.rp.now() - 300)},
    "RS256": lambda bank: {
        "client_assertion": compact(
            {"alg": "RS256"}, bank.rp.assertion_claims(), by_rs256(bank.rp.key)
        )
    },
    "none": lambda bank: {"client_assertion": compact({"alg": "none"}, bank.rp.assertion_claims())},
    "a bad signature": lambda bank: {"client_assertion": bank.rp.assertion()[:-8] + "AAAAAAAA"},
}


@pytest.mark.requirement("RFC 7523", "3")
@pytest.mark.requirement("RFC 7521", "4.2")
@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
@pytest.mark.parametrize("variant", [("poll", KEY_JWT)], indirect=True, ids=" ".join)
@pytest.mark.parametrize("make", BAD_ASSERTIONS.values(), ids=BAD_ASSERTIONS)
def test_each_bad_assertion_is_an_invalid_client(
    banks: Banks, make: Callable[[Bank], dict[str, str]]
) -> None:
    bank = banks()
    banks("two")
    refused(bank.ask(bank.signed(), **make(bank)), "invalid_client", 401)
    auth_req_id = bank.begin()
    refused(bank.poll(auth_req_id, **make(bank)), "invalid_client", 401, begun=1)
    refused(bank.poll(auth_req_id), "authorization_pending", begun=1)


@pytest.mark.requirement("RFC 7521", "4.2")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "19")
@pytest.mark.parametrize("variant", [("poll", KEY_JWT)], indirect=True, ids=" ".join)
def test_a_client_id_beside_the_assertion_must_be_its_own(banks: Banks) -> None:
    bank = banks()
    banks("two")
    refused(bank.ask(bank.signed(), client_id="two"), "invalid_client", 401)
    accepted(bank.ask(bank.signed(), client_id="one"))


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "19")
@pytest.mark.parametrize("variant", [("poll", CERTIFICATE)], indirect=True, ids=" ".join)
def test_a_client_id_with_the_certificate_of_another_is_an_invalid_client(banks: Banks) -> None:
    one, two = banks("one"), banks("two")
    refused(one.ask(two.signed(), client_id="two"), "invalid_client", 401)
    refused(one.ask(one.signed(), client_id="two"), "invalid_client", 401)
    auth_req_id = one.begin()
    refused(one.poll(auth_req_id, client_id="two"), "invalid_client", 401, begun=1)


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "6")
@pytest.mark.requirement("RFC 8705", "3")
def test_without_a_certificate_there_are_no_tokens(bank: Bank, variant: Variant) -> None:
    auth_req_id = bank.begin()
    approve(auth_req_id)
    answer = bank.rp.poll(auth_req_id)
    error, status = (
        ("invalid_client", 401) if variant[1] == CERTIFICATE else ("invalid_request", 400)
    )
    refused(answer, error, status, begun=1)
    assert bank.resource(bank.tokens(auth_req_id)["access_token"]).status_code == 200


# --- the resource ---------------------------------------------------------------------------------


@pytest.fixture
def access_token(bank: Bank) -> str:
    auth_req_id = bank.begin()
    approve(auth_req_id)
    return str(bank.tokens(auth_req_id)["access_token"])


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "1")
@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "9")
@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "10")
@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "11")
@pytest.mark.parametrize("variant", [("poll", KEY_JWT)], indirect=True, ids=" ".join)
def test_an_api_answers_in_json_with_a_date_and_the_callers_id(
    bank: Bank, access_token: str
) -> None:
    answer = bank.resource(
        access_token,
        **{
            "x-fapi-interaction-id": INTERACTION,
            "x-fapi-auth-date": "Sun, 10 Sep 2017 19:43:31 GMT",
        },
    )
    assert answer.status_code == 200
    assert answer["x-fapi-interaction-id"] == INTERACTION
    assert answer["Content-Type"] == "application/json"
    assert "Date" in answer
    json.loads(answer.content.decode("utf-8"))


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "13")
@pytest.mark.parametrize("variant", [("poll", KEY_JWT)], indirect=True, ids=" ".join)
@pytest.mark.parametrize("accept", ["application/json", "application/json, */*;q=0.5", "*/*"])
@pytest.mark.parametrize("address", ["198.51.100.119", "2001:db8::1893:25c8:1946"])
def test_an_api_takes_the_customers_address_and_any_json_accept_header(
    bank: Bank, access_token: str, accept: str, address: str
) -> None:
    sent = {"x-fapi-customer-ip-address": address, "Accept": accept}
    assert bank.resource(access_token, **sent).status_code == 200


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "3")
@pytest.mark.parametrize("variant", [("poll", KEY_JWT)], indirect=True, ids=" ".join)
def test_an_api_takes_no_token_in_the_query(bank: Bank, access_token: str) -> None:
    answer = bank.rp.http.get(f"/resource?access_token={access_token}", headers=bank.headers)
    assert answer.status_code in (400, 401)


# --- discovery and registration -------------------------------------------------------------------


@pytest.mark.requirement("OIDC Discovery", "3")
@pytest.mark.requirement("CIBA Core", "4")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "22")
def test_discovery_says_what_the_plan_looks_for(realm: Realm) -> None:
    http = HttpClient()
    metadata = http.get("/oauth2/.well-known/openid-configuration").json()
    assert metadata["issuer"] == ISSUER
    assert {KEY_JWT, CERTIFICATE} <= set(metadata["token_endpoint_auth_methods_supported"])
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert {"PS256", "ES256"} <= set(metadata["id_token_signing_alg_values_supported"])
    for name in (
        "token_endpoint_auth_signing_alg_values_supported",
        "backchannel_authentication_request_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ):
        assert metadata[name] == ["PS256", "ES256"]
    assert metadata["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    assert type(metadata["backchannel_user_code_parameter_supported"]) is bool
    assert CIBA_GRANT_TYPE in metadata["grant_types_supported"]
    for name in ("token_endpoint", "backchannel_authentication_endpoint", "userinfo_endpoint"):
        assert metadata[name].startswith("https://")
        assert metadata["mtls_endpoint_aliases"][name].startswith(MTLS)
    for each in http.get("/oauth2/connect/jwk_uri").json()["keys"]:
        assert each["kid"]
        assert not set(each) & {"d", "p", "q", "dp", "dq", "qi", "k"}


@pytest.mark.requirement("RFC 7591", "3.1")
@pytest.mark.requirement("CIBA Core", "4")
def test_a_client_that_the_plan_registers_of_itself_works(
    realm: Realm, variant: Variant, callback: CallbackServer, alice: Any
) -> None:
    """Without `profile` and `scope`, which the plan does not know: the realm's are taken."""
    realm.settings = {**realm.settings, "registration": "open"}
    realm.save()
    mode, method = variant
    own, certificate = key("PS256", "plan"), certified("CN=plan")
    metadata = {
        "client_name": "Registered by the plan",
        "grant_types": [CIBA_GRANT_TYPE, "refresh_token"],
        "jwks": {"keys": [own.public_jwk, certificate.jwk]},
        "backchannel_user_code_parameter": False,
        "backchannel_token_delivery_mode": mode,
        "backchannel_authentication_request_signing_alg": "PS256",
        "id_token_signed_response_alg": "PS256",
        "response_types": [],
        "token_endpoint_auth_method": method,
        "tls_client_certificate_bound_access_tokens": True,
    }
    if method == KEY_JWT:
        metadata["token_endpoint_auth_signing_alg"] = "PS256"
    if mode == "ping":
        metadata["backchannel_client_notification_endpoint"] = callback.url
    http = HttpClient()
    answer = http.post("/oauth2/register", json.dumps(metadata), content_type="application/json")
    assert answer.status_code == 201, answer.content
    told = answer.json()
    client = Client.objects.get(client_id=told["client_id"])
    assert client.is_fapi
    bank = Bank(
        RelyingParty(client=client, key=own, http=http, issuer=ISSUER, mount="/oauth2/"),
        certificate,
    )
    auth_req_id = bank.begin(scope="openid")
    approve(auth_req_id)
    bank.rp.verified_id_token(bank.tokens(auth_req_id))
    managing = {"Authorization": f"Bearer {told['registration_access_token']}"}
    address = told["registration_client_uri"].removeprefix("https://op.example.com")
    assert http.delete(address, headers=managing).status_code == 204
    refused(bank.ask(bank.signed(scope="openid")), "invalid_client", 401, begun=1)
