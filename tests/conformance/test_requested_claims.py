"""Claims asked for by name (OpenID Connect Core §5.5)."""

import json
from typing import Any, cast

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.test import Client as HttpClient

from django_ciba.hooks import CibaHooks
from django_ciba.models import AcrMapping, AuthenticationRequest, Journey, Realm
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import refused, tokens_of
from tests.provider import approve, find, make_user
from tests.relying_party import RelyingParty, claims_of

PROTOCOL = {"iss", "sub", "aud", "exp", "iat", "auth_time", "at_hash", "amr"}


def said(rp: RelyingParty, claims: Any, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the ID token says beside what each says, what UserInfo says)."""
    tokens = tokens_of(rp, claims=claims, **changes)
    found = claims_of(tokens["id_token"])
    beside = {name: value for name, value in found.items() if name not in PROTOCOL}
    return beside, rp.userinfo(tokens["access_token"]).json()


@pytest.mark.requirement("OIDC Core", "5.5")
@pytest.mark.parametrize("form", [dict, json.dumps])
def test_claims_come_where_they_were_asked_for(rp: RelyingParty, form: Any) -> None:
    asked = {
        "id_token": {"email": None, "given_name": {"essential": True}},
        "userinfo": {"email": {"essential": False}},
    }
    id_token, userinfo = said(rp, form(asked), scope="openid")
    assert id_token == {"email": "alice@example.com", "given_name": "Alice"}
    assert {name for name in userinfo if name not in ("sub", "subname")} == {"email"}


@pytest.mark.requirement("OIDC Core", "5.5")
def test_an_unsigned_request_carries_them_as_text(relying_party: RelyingParties) -> None:
    rp = relying_party(require_signed_request_object=False)
    asked = json.dumps({"id_token": {"name": None}})
    assert said(rp, asked, scope="openid")[0] == {"name": "Alice Adams"}


@pytest.mark.requirement("OIDC Core", "5.5")
def test_claims_by_name_come_beside_those_by_scope(rp: RelyingParty) -> None:
    userinfo = said(rp, {"userinfo": {"email": None}}, scope="openid profile")[1]
    assert {"name", "given_name", "email"} <= set(userinfo)


@pytest.mark.requirement("OIDC Core", "5.5")
def test_a_refreshed_id_token_says_them_again(rp: RelyingParty) -> None:
    tokens = tokens_of(rp, claims={"id_token": {"email": None}})
    again = rp.refresh(tokens["refresh_token"]).json()
    assert claims_of(again["id_token"])["email"] == "alice@example.com"


@pytest.mark.requirement("OIDC Core", "5.5")
@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"id_token": None, "userinfo": None},
        {"id_token": {}},
        {"id_token": {"shoe_size": {"essential": True}, "https://claims.example/x": None}},
        {"somewhere_else": {"email": None}, "transaction": 7},
        {"id_token": {"auth_time": {"essential": True}}},
        {"id_token": {"address": None, "phone_number": {"essential": True}}},
    ],
)
def test_what_nobody_here_knows_is_ignored_and_nothing_is_null(
    rp: RelyingParty, claims: dict[str, Any]
) -> None:
    assert said(rp, claims, scope="openid")[0] == {}


@pytest.mark.requirement("OIDC Core", "5.5.1")
@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ({"value": "alice@example.com"}, True),
        ({"values": ["bob@example.com", "alice@example.com"]}, True),
        ({"value": "bob@example.com", "essential": True}, False),
        ({"values": []}, False),
        ({"values": None, "value": None, "purpose": "to write to you"}, True),
    ],
)
def test_a_claim_with_another_value_than_asked_for_is_left_out(
    rp: RelyingParty, asked: dict[str, Any], there: bool
) -> None:
    assert ("email" in said(rp, {"id_token": {"email": asked}})[0]) is there


@pytest.mark.requirement("OIDC Core", "5.5")
def test_a_name_opens_nothing_that_no_scope_of_the_client_would(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(scope="openid profile")
    claims = {"id_token": {"email": None}, "userinfo": {"email": None, "name": None}}
    id_token, userinfo = said(rp, claims, scope="openid")
    assert id_token == {}
    assert {name for name in userinfo if name not in ("sub", "subname")} == {"name"}


@pytest.mark.requirement("OIDC Core", "5.5.2")
def test_the_user_is_told_what_is_asked_for_by_name(
    rp: RelyingParty, alice: AbstractBaseUser, client: HttpClient
) -> None:
    claims = {"id_token": {"email": None, "sub": {"essential": True}}, "userinfo": {"name": None}}
    auth_req_id = rp.auth_req_id(claims=claims, scope="openid")
    client.force_login(cast(User, alice))
    page = client.get(f"/ciba/requests/{find(auth_req_id).public_id}/").content.decode()
    for words in ("who you are", "your e-mail address", "your name and profile"):
        assert page.count(words) == 1, words


class Generous(CibaHooks):
    """Says more than it was asked, of itself too, and what it does not know as null."""

    claims_supported = (*CibaHooks.claims_supported, "iss", "nonce", "verified_claims")

    def requested_claims(self, user: Any, requested: Any, client: Any) -> dict[str, Any]:
        verified = {"claims": {"given_name": user.first_name}, "asked": requested}
        return {
            "verified_claims": verified,
            "email": None,
            "name": "More than was asked for",
            "iss": "https://evil.example",
            "nonce": "1",
            "sub": "somebody else",
        }


@pytest.mark.requirement("OIDC Core", "5.5")
def test_a_hook_says_claims_of_the_sites_own_and_nothing_for_us(
    rp: RelyingParty, settings: Any, alice: AbstractBaseUser
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Generous"}
    asked = dict.fromkeys(("verified_claims", "email", "iss", "nonce", "sub"))
    tokens = tokens_of(rp, claims={"id_token": asked}, scope="openid")
    found = claims_of(tokens["id_token"])
    assert found["iss"] == rp.issuer
    assert found["sub"] == str(alice.pk)
    assert {"nonce", "name", "email"}.isdisjoint(found)
    assert found["verified_claims"] == {
        "claims": {"given_name": "Alice"},
        "asked": {"verified_claims": {}, "email": {}},
    }


# --- acr ------------------------------------------------------------------------------------------


@pytest.fixture
def strong(realm: Realm) -> str:
    """A second acr value of the realm."""
    journey = Journey.objects.get(realm=realm)
    return AcrMapping.objects.create(realm=realm, acr="strong", journey=journey).acr


@pytest.mark.requirement("OIDC Core", "5.5.1.1")
@pytest.mark.parametrize(
    "asked",
    [
        {"value": "strong"},
        {"values": ["unknown", "strong", "push"]},
        {"values": ["strong"], "essential": True},
    ],
)
def test_an_acr_that_is_asked_for_decides_the_journey(
    rp: RelyingParty, strong: str, asked: dict[str, Any]
) -> None:
    assert said(rp, {"id_token": {"acr": asked}})[0] == {"acr": strong}


@pytest.mark.requirement("OIDC Core", "5.5.1.1")
def test_acr_values_decide_before_a_voluntary_acr(rp: RelyingParty, strong: str) -> None:
    claims = {"id_token": {"acr": {"value": strong}}}
    assert said(rp, claims, acr_values="push")[0] == {"acr": "push"}


@pytest.mark.requirement("OIDC Core", "5.5.1.1")
@pytest.mark.parametrize("beside", [{}, {"acr_values": "push"}])
def test_an_essential_acr_that_cannot_be_met_is_refused(
    rp: RelyingParty, beside: dict[str, str]
) -> None:
    claims = {"id_token": {"acr": {"essential": True, "values": ["hardware", "retina"]}}}
    refused(rp.authenticate(claims=claims, **beside), "invalid_request", "acr_values_supported")


@pytest.mark.requirement("OIDC Core", "5.5.1.1")
def test_a_voluntary_acr_that_cannot_be_met_is_ignored(rp: RelyingParty) -> None:
    assert said(rp, {"id_token": {"acr": {"value": "hardware"}}})[0] == {}


# --- sub ------------------------------------------------------------------------------------------


@pytest.mark.requirement("OIDC Core", "5.5.1")
@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_the_sub_of_the_hinted_user_may_be_asked_for(
    rp: RelyingParty, alice: AbstractBaseUser, place: str
) -> None:
    claims = {place: {"sub": {"value": str(alice.pk)}}}
    assert claims_of(tokens_of(rp, claims=claims)["id_token"])["sub"] == str(alice.pk)


@pytest.mark.requirement("OIDC Core", "5.5.1")
@pytest.mark.parametrize("place", ["id_token", "userinfo"])
@pytest.mark.parametrize("form", [lambda sub: {"value": sub}, lambda sub: {"values": [sub]}])
def test_another_sub_than_the_hinted_users_is_refused_and_nobody_is_asked(
    rp: RelyingParty, place: str, form: Any
) -> None:
    bob = make_user("bob")
    claims = {place: {"sub": form(str(bob.pk))}}
    refused(rp.authenticate(claims=claims), "unknown_user_id", "another sub")


@pytest.mark.requirement("OIDC Core", "5.5.1")
def test_a_client_that_must_not_learn_who_exists_waits_in_vain(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(hide_unknown_users=True)
    auth_req_id = rp.auth_req_id(claims={"id_token": {"sub": {"value": "nobody"}}})
    assert find(auth_req_id).user is None
    assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"


class Renamed(CibaHooks):
    def public_subject(self, user: Any) -> str:
        return f"renamed-{user.pk}"


@pytest.mark.requirement("OIDC Core", "5.5.1")
def test_no_token_is_issued_for_another_sub_than_was_asked_for(
    rp: RelyingParty, alice: AbstractBaseUser, settings: Any
) -> None:
    auth_req_id = rp.auth_req_id(claims={"id_token": {"sub": {"value": str(alice.pk)}}})
    approve(auth_req_id)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Renamed"}
    answer = rp.poll(auth_req_id)
    refused(answer, "access_denied", "not the sub", stored=1)
    assert find(auth_req_id).status == AuthenticationRequest.Status.AUTHORIZED
    assert not hasattr(find(auth_req_id), "grant")


# --- wrong shapes ---------------------------------------------------------------------------------


@pytest.mark.requirement("OIDC Core", "5.5")
@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ("no JSON", "not JSON"),
        ('{"id_token": {}, "id_token": {}}', "named twice"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ("[]", "must be a JSON object"),
        ('"text"', "must be a JSON object"),
        (["id_token"], "must be a JSON object"),
        (7, "must be a JSON object"),
        ({"id_token": ["email"]}, "id_token must be an object"),
        ({"userinfo": "email"}, "userinfo must be an object"),
        ({"id_token": {"email": True}}, "must be null or an object"),
        ({"id_token": {"email": "alice@example.com"}}, "must be null or an object"),
        ({"userinfo": {"email": {"essential": "yes"}}}, "essential, in userinfo"),
        ({"userinfo": {"email": {"essential": 1}}}, "essential, in userinfo"),
        ({"id_token": {"email": {"values": "a"}}}, "must be a list"),
        ({"id_token": {"unknown": {"values": "a"}}}, "must be a list"),
        ({"id_token": {"sub": {"value": 7}}}, "values of sub must be strings"),
        ({"id_token": {"acr": {"values": ["a", None]}}}, "values of acr must be strings"),
        ({"id_token": {"email": {"value": "a\0b"}}}, "NUL"),
        ({"id_token": {"email": {"value": 2**60}}}, "a number beyond"),
        ({"id_token": {"email": {"value": "a" * 5000}}}, "at most 4096"),
        (json.dumps({"id_token": {"email": {"value": "a" * 5000}}}), "at most 4096"),
    ],
)
def test_a_wrong_shape_is_refused(rp: RelyingParty, claims: Any, words: str) -> None:
    refused(rp.authenticate(claims=claims), "invalid_request", words)


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_claims_beside_a_signed_request_are_refused(rp: RelyingParty) -> None:
    answer = rp.send(rp.signed_request(), claims=json.dumps({"id_token": {"email": None}}))
    refused(answer, "invalid_request", "claims must stand inside")
