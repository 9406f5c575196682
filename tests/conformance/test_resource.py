"""Resource indicators (RFC 8707): which resources an access token is for."""

from typing import Any

import pytest

from django_ciba.models import AuthenticationRequest, Client, Grant, Token
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import accepted, refused
from tests.provider import approve, find
from tests.relying_party import CIBA, RelyingParty, claims_of

pytestmark = pytest.mark.django_db

ACCOUNTS = "https://api.example.com/accounts"
PAYMENTS = "https://api.example.com/payments"
MAIL = "urn:example:mail"


@pytest.fixture(autouse=True)
def resources(site: None, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "RESOURCES": [ACCOUNTS, PAYMENTS, MAIL]}


@pytest.fixture
def plain(relying_party: RelyingParties) -> RelyingParty:
    """One that sends forms, unsigned."""
    return relying_party(require_signed_request_object=False)


def form(*resources: str) -> list[tuple[str, str]]:
    return [
        *(("scope", "openid"), ("login_hint", "alice")),
        *(("resource", each) for each in resources),
    ]


def approved(rp: RelyingParty, **changes: Any) -> str:
    auth_req_id = rp.auth_req_id(**changes)
    approve(auth_req_id)
    return auth_req_id


def redeem(rp: RelyingParty, auth_req_id: str, *resources: str) -> Any:
    named = [("resource", each) for each in resources]
    return rp.post("access_token", [("grant_type", CIBA), ("auth_req_id", auth_req_id), *named])


def refresh(rp: RelyingParty, token: str, *resources: str) -> Any:
    named = [("resource", each) for each in resources]
    return rp.post(
        "access_token", [("grant_type", "refresh_token"), ("refresh_token", token), *named]
    )


def stored(kind: str) -> list[str]:
    """What the newest token of that kind is for."""
    newest = Token.objects.filter(kind=kind).latest("pk")
    return list(newest.resource)


# --- the authentication request ----------------------------------------------------------------


@pytest.mark.requirement("RFC 8707", "2.1")
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (ACCOUNTS, [ACCOUNTS]),
        ([ACCOUNTS], [ACCOUNTS]),
        ([ACCOUNTS, MAIL], [ACCOUNTS, MAIL]),
        ([ACCOUNTS, ACCOUNTS], [ACCOUNTS]),
        ([], []),
        (None, []),
        ("", []),
    ],
)
def test_a_signed_request_names_one_resource_or_a_list(
    rp: RelyingParty, value: Any, kept: list[str]
) -> None:
    assert find(rp.auth_req_id(resource=value)).resource == kept


@pytest.mark.requirement("RFC 8707", "2")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([ACCOUNTS], [ACCOUNTS]),
        ([ACCOUNTS, PAYMENTS], [ACCOUNTS, PAYMENTS]),
        (["", ACCOUNTS, ""], [ACCOUNTS]),
        (["", ""], []),
    ],
)
def test_a_form_may_repeat_resource(plain: RelyingParty, sent: list[str], kept: list[str]) -> None:
    auth_req_id = accepted(plain.post("bc-authorize", form(*sent)))
    assert find(auth_req_id).resource == kept


@pytest.mark.requirement("RFC 6749", "3.2")
@pytest.mark.parametrize("name", ["scope", "login_hint", "Resource", "resource[]"])
def test_no_other_parameter_may_be_repeated(plain: RelyingParty, name: str) -> None:
    sent = [*form(ACCOUNTS), (name, "openid"), (name, "openid")]
    refused(plain.post("bc-authorize", sent), "invalid_request", "more than once")


@pytest.mark.requirement("RFC 8707", "2")
def test_a_resource_with_nul_is_refused_as_any_parameter_is(plain: RelyingParty) -> None:
    sent = form(ACCOUNTS, f"{ACCOUNTS}\0")
    refused(plain.post("bc-authorize", sent), "invalid_request", "NUL")


@pytest.mark.requirement("RFC 8707", "2")
@pytest.mark.parametrize(
    "value",
    [
        "accounts",
        "/accounts",
        "//api.example.com/accounts",
        f"{ACCOUNTS}#part",
        f"{ACCOUNTS}#",
        "https://[::1/accounts",
        "https://api.example.com/a b",
        7,
        True,
        {},
        {"0": ACCOUNTS},
        [7],
        [None],
        [ACCOUNTS, "accounts"],
        [[ACCOUNTS]],
    ],
)
def test_what_is_no_absolute_uri_without_fragment_is_refused(rp: RelyingParty, value: Any) -> None:
    refused(rp.authenticate(resource=value), "invalid_target", "absolute URI without fragment")


@pytest.mark.requirement("RFC 8707", "2")
@pytest.mark.parametrize(
    "value",
    [
        "https://elsewhere.example.com/",
        [ACCOUNTS, "https://elsewhere.example.com/"],
        f"{ACCOUNTS}/",
        ACCOUNTS.upper(),
        f"{ACCOUNTS}\0",
    ],
)
def test_a_resource_that_the_realm_does_not_know_is_refused(rp: RelyingParty, value: Any) -> None:
    refused(rp.authenticate(resource=value), "invalid_target", "tokens are not issued for here")


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_a_resource_beside_a_signed_request_is_refused(rp: RelyingParty) -> None:
    answer = rp.send(rp.signed_request(resource=ACCOUNTS), resource=PAYMENTS)
    refused(answer, "invalid_request", "resource must stand inside the signed request")


# --- the tokens --------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8707", "2.2")
def test_tokens_are_for_all_the_resources_of_the_request_by_default(rp: RelyingParty) -> None:
    assert redeem(rp, approved(rp, resource=[ACCOUNTS, PAYMENTS])).status_code == 200
    assert Grant.objects.get().resource == [ACCOUNTS, PAYMENTS]
    assert stored("access") == stored("refresh") == [ACCOUNTS, PAYMENTS]


@pytest.mark.requirement("RFC 8707", "2.2")
def test_a_token_request_narrows_the_access_token_alone(rp: RelyingParty) -> None:
    first = redeem(rp, approved(rp, resource=[ACCOUNTS, PAYMENTS, MAIL]), ACCOUNTS, MAIL)
    assert first.status_code == 200
    assert stored("access") == [ACCOUNTS, MAIL]
    assert stored("refresh") == [ACCOUNTS, PAYMENTS, MAIL]
    second = refresh(rp, first.json()["refresh_token"], PAYMENTS)
    assert stored("access") == [PAYMENTS]
    assert stored("refresh") == [ACCOUNTS, PAYMENTS, MAIL]
    refresh(rp, second.json()["refresh_token"])
    assert stored("access") == [ACCOUNTS, PAYMENTS, MAIL]


@pytest.mark.requirement("RFC 8707", "2.2")
def test_tokens_without_a_resource_can_be_narrowed_to_one_of_the_realm(rp: RelyingParty) -> None:
    first = redeem(rp, approved(rp), PAYMENTS)
    assert stored("access") == [PAYMENTS]
    assert stored("refresh") == []
    refresh(rp, first.json()["refresh_token"])
    assert stored("access") == []


@pytest.mark.requirement("RFC 8707", "2.2")
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([MAIL], "was not granted"),
        ([ACCOUNTS, MAIL], "was not granted"),
        (["https://elsewhere.example.com/"], "tokens are not issued for here"),
        (["accounts"], "absolute URI without fragment"),
    ],
)
def test_a_resource_beyond_the_granted_ones_is_refused_and_spends_nothing(
    rp: RelyingParty, asked: list[str], words: str
) -> None:
    auth_req_id = approved(rp, resource=[ACCOUNTS, PAYMENTS])
    refused(redeem(rp, auth_req_id, *asked), "invalid_target", words, stored=1)
    assert find(auth_req_id).status == AuthenticationRequest.Status.AUTHORIZED
    token = redeem(rp, auth_req_id).json()["refresh_token"]
    refused(refresh(rp, token, *asked), "invalid_target", words, stored=1)
    assert Token.objects.count() == 2
    assert refresh(rp, token, ACCOUNTS).status_code == 200


@pytest.mark.requirement("RFC 8707", "2.2")
def test_a_resource_that_the_realm_has_dropped_is_refused(rp: RelyingParty, settings: Any) -> None:
    auth_req_id = approved(rp, resource=[ACCOUNTS, PAYMENTS])
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "RESOURCES": [ACCOUNTS]}
    refused(redeem(rp, auth_req_id, PAYMENTS), "invalid_target", "not issued for here", stored=1)


@pytest.mark.requirement("RFC 8707", "2")
def test_a_realm_has_resources_of_its_own(rp: RelyingParty) -> None:
    realm = Client.objects.get().realm
    realm.settings = {"resources": [MAIL]}
    realm.save()
    accepted(rp.authenticate(resource=MAIL))
    refused(rp.authenticate(resource=ACCOUNTS), "invalid_target", stored=1)


# --- UserInfo, which is a resource too ----------------------------------------------------------


@pytest.mark.requirement("RFC 8707", "2.2")
@pytest.mark.requirement("OIDC Core", "5.3")
@pytest.mark.parametrize("narrowed", [False, True])
def test_a_token_for_other_resources_is_none_for_userinfo(rp: RelyingParty, narrowed: bool) -> None:
    """Else an API that was shown the token could read there who the user is."""
    if narrowed:
        answer = redeem(rp, approved(rp), ACCOUNTS)
    else:
        answer = redeem(rp, approved(rp, resource=ACCOUNTS))
    refusal = rp.userinfo(answer.json()["access_token"])
    assert refusal.status_code == 401
    assert refusal.json()["error"] == "invalid_token"
    assert 'error="invalid_token"' in refusal["WWW-Authenticate"]
    if narrowed:  # the grant is for all: so is the next token
        renewed = refresh(rp, answer.json()["refresh_token"])
        assert rp.userinfo(renewed.json()["access_token"]).status_code == 200


@pytest.mark.requirement("RFC 8707", "2")
@pytest.mark.parametrize("name", [ISSUER, f"{ISSUER}/userinfo"])
@pytest.mark.parametrize("beside", [[], [ACCOUNTS]])
def test_userinfo_can_be_asked_for_by_the_issuer_or_its_address(
    rp: RelyingParty, settings: Any, name: str, beside: list[str]
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "RESOURCES": beside}
    answer = redeem(rp, approved(rp, resource=[name, *beside]))
    assert stored("access") == [name, *beside]
    assert rp.userinfo(answer.json()["access_token"]).status_code == 200
    only = redeem(rp, approved(rp), name)
    assert rp.userinfo(only.json()["access_token"]).status_code == 200


@pytest.mark.requirement("RFC 9068", "3")
@pytest.mark.requirement("RFC 9068", "4")
def test_a_jwt_for_userinfo_names_it_as_its_audience(relying_party: RelyingParties) -> None:
    rp = relying_party(access_token_format="jwt")
    both = redeem(rp, approved(rp, resource=[ACCOUNTS, ISSUER])).json()["access_token"]
    assert claims_of(both)["aud"] == [ACCOUNTS, ISSUER]
    assert rp.userinfo(both).status_code == 200
    one = redeem(rp, approved(rp, resource=ACCOUNTS)).json()["access_token"]
    assert claims_of(one)["aud"] == ACCOUNTS
    assert rp.userinfo(one).status_code == 401
