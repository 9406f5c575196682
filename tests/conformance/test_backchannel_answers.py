"""What bc-authorize answers, in which order its rules stand, and what it leaves behind."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.jose import sign
from django_ciba.models import (
    AuthenticationRequest,
    Delivery,
    Journey,
    JourneyVersion,
    Realm,
    UserCode,
)
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused
from tests.provider import PUSH_JOURNEY, find, key, make_realm
from tests.relying_party import RelyingParty, basic

PROBLEM = "application/problem+json"

# --- 200 ---------------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.3")
def test_the_answer_has_three_members_of_the_right_types(rp: RelyingParty) -> None:
    answer = rp.authenticate()
    assert answer.status_code == 200
    members = answer.json()
    assert set(members) == {"auth_req_id", "expires_in", "interval"}
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", members["auth_req_id"])  # 256 bits
    assert (members["expires_in"], members["interval"]) == (600, 2)
    assert type(members["expires_in"]) is type(members["interval"]) is int


@pytest.mark.requirement("CIBA Core", "7.3")
def test_interval_and_lifetime_are_the_realms_own(rp: RelyingParty, realm: Realm) -> None:
    realm.settings = {"polling_interval": 7, "auth_req_id_lifetime": 90}
    realm.save()
    members = rp.authenticate().json()
    assert (members["expires_in"], members["interval"]) == (90, 7)


@pytest.mark.requirement("CIBA Core", "7.3")
@pytest.mark.usefixtures("asked_often")
def test_no_two_requests_share_a_name(rp: RelyingParty) -> None:
    assert len({rp.auth_req_id() for _ in range(20)}) == 20


@pytest.mark.requirement("RFC 6749", "5.1")
@pytest.mark.parametrize("good", [True, False])
def test_an_answer_is_json_that_no_cache_keeps(rp: RelyingParty, good: bool) -> None:
    answer = rp.authenticate(login_hint="alice" if good else "nobody")
    assert answer.status_code == (200 if good else 400)
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Pragma"] == "no-cache"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


@pytest.mark.requirement("Protocol", "3")
def test_the_row_holds_what_was_asked_and_only_the_digest_of_its_name(rp: RelyingParty) -> None:
    with at():
        auth_req_id = accepted(rp.authenticate(acr_values="push"))
    row = find(auth_req_id)
    assert row.status == AuthenticationRequest.Status.PENDING
    assert row.client.client_id == "shop"
    assert row.scope == "openid profile"
    assert row.created_at.timestamp() == NOW
    assert row.expires_at.timestamp() == NOW + 600
    stored = repr(list(AuthenticationRequest.objects.values())) + repr(
        list(Delivery.objects.values())
    )
    assert auth_req_id not in stored


@pytest.mark.requirement("Protocol", "3")
def test_the_user_is_asked_by_each_channel_that_reaches_them(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    row = find(rp.auth_req_id())
    (prompt,) = row.deliveries.all()
    assert (prompt.kind, prompt.channel, prompt.state) == ("prompt", "email", "due")
    assert row.prompted_at is not None
    get_user_model().objects.filter(pk=alice.pk).update(email="")
    assert find(rp.auth_req_id()).deliveries.count() == 0


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("grant_types", [[], ["refresh_token"], ["authorization_code"]])
def test_a_client_that_may_not_use_ciba_is_unauthorized_client(
    relying_party: RelyingParties, grant_types: list[str]
) -> None:
    rp = relying_party(grant_types=grant_types)
    words = "this client is not registered for urn:openid:params:grant-type:ciba"
    refused(rp.authenticate(), "unauthorized_client", words)


@pytest.mark.requirement("CIBA Core", "7.2")
def test_the_rules_stand_in_one_order(
    relying_party: RelyingParties, alice: AbstractBaseUser
) -> None:
    """One request breaks every rule; each answer names the first, which is then mended."""
    rp = relying_party(
        grant_types=["refresh_token"],
        scope="openid",
        backchannel_user_code_parameter=True,
    )
    code = UserCode(user=alice)  # type: ignore[misc]
    code.set_code("4711")
    code.save()
    alice.is_active = False
    alice.save()
    broken: dict[str, Any] = {
        "login_hint": None,
        "scope": "payments",
        "acr_values": ["push"],
        "binding_message": "\n",
        "requested_expiry": 0,
    }
    secret, rp.secret = rp.secret, "wrong"
    signer, rp.key = rp.key, key("ES256", "stranger")

    def first(error: str, words: str, status: int = 400) -> None:
        refused(rp.authenticate(**broken), error, words, status=status)

    first("invalid_client", "client authentication failed", 401)
    rp.secret = secret
    first("unauthorized_client", "not registered for")
    rp.client.grant_types = ["urn:openid:params:grant-type:ciba"]
    rp.client.save()
    first("invalid_request", "request: ")
    rp.key = signer
    first("invalid_request", "send exactly one of")
    broken["login_hint"] = "nobody"
    first("invalid_scope", "scope must hold openid")
    broken["scope"] = "openid"
    first("invalid_request", "acr_values must be a string")
    del broken["acr_values"]
    first("invalid_binding_message", "must begin with")
    del broken["binding_message"]
    first("invalid_request", "requested_expiry must be")
    del broken["requested_expiry"]
    first("unknown_user_id", "names no user")
    broken["login_hint"] = "alice"
    first("access_denied", "cannot be used", 403)
    alice.is_active = True
    alice.save()
    first("missing_user_code", "user_code")
    broken["user_code"] = "4711"
    accepted(rp.authenticate(**broken))


@pytest.mark.requirement("CIBA Core", "13")
def test_a_journey_that_ends_before_it_asks_is_access_denied_with_nothing_stored(
    rp: RelyingParty, realm: Realm
) -> None:
    document = {
        "start": "username",
        "nodes": {
            "username": {
                "type": "PlatformUsername",
                "outcomes": {"found": "@failure", "not_found": "@failure"},
            }
        },
    }
    realm.default_journey = Journey.objects.create(realm=realm, name="No", document=document)
    realm.save()
    refused(rp.authenticate(), "access_denied", "the user cannot be asked now", status=403)


@pytest.mark.requirement("Protocol", "3")
def test_a_running_request_keeps_the_journey_that_it_began_with(
    rp: RelyingParty, realm: Realm
) -> None:
    before = find(rp.auth_req_id()).journey_version
    journey = Journey.objects.get(realm=realm)
    changed: dict[str, Any] = {**PUSH_JOURNEY, "nodes": {**PUSH_JOURNEY["nodes"]}}
    changed["nodes"]["wait"] = {**changed["nodes"]["wait"], "config": {"seconds": 9}}
    journey.document = changed
    journey.save()
    assert find(rp.auth_req_id()).journey_version != before
    assert JourneyVersion.objects.filter(pk=before.pk).exists()


# --- the form of a refusal ---------------------------------------------------------------------


def ask(rp: RelyingParty, accept: str, **changes: Any) -> Any:
    return rp.post(
        "bc-authorize",
        {"request": rp.signed_request(**changes)},
        headers={"Accept": accept},
    )


@pytest.mark.requirement("RFC 9457", "3")
@pytest.mark.parametrize(
    "accept",
    [PROBLEM, "Application/Problem+JSON", f"text/html;q=0.1, {PROBLEM};q=0.9", f"{PROBLEM}, */*"],
)
def test_a_caller_may_ask_for_problem_details(rp: RelyingParty, accept: str) -> None:
    answer = ask(rp, accept, login_hint="nobody")
    assert answer.status_code == 400
    assert answer["Content-Type"] == PROBLEM
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "type": "about:blank",
        "title": "unknown_user_id",
        "status": 400,
        "detail": "login_hint names no user here",
        "error": "unknown_user_id",
        "error_description": "login_hint names no user here",
    }
    assert not AuthenticationRequest.objects.exists()


@pytest.mark.requirement("RFC 9457", "3")
def test_problem_details_keep_status_and_challenge(rp: RelyingParty) -> None:
    answer = rp.post(
        "access_token",
        {"grant_type": "x"},
        authenticated=False,
        headers={"Accept": PROBLEM, "Authorization": basic("shop", "wrong")},
    )
    assert answer.status_code == answer.json()["status"] == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer["WWW-Authenticate"].startswith("Basic ")
    info = rp.userinfo("unknown", Accept=PROBLEM)
    assert info.status_code == info.json()["status"] == 401
    assert info["Content-Type"] == PROBLEM
    assert info["WWW-Authenticate"].startswith("Bearer ")
    gone = rp.http.post("/oauth2/realms/root/realms/nope/bc-authorize", headers={"accept": PROBLEM})
    assert gone.status_code == gone.json()["status"] == 404


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html",
        "application/xhtml+xml,text/html;q=0.9",
        "image/png",
        "x",
        "£",
        "*" * 9,
    ],
)
def test_everybody_else_gets_plain_oauth_json(rp: RelyingParty, accept: str) -> None:
    refused(ask(rp, accept, login_hint="nobody"), "unknown_user_id")
    answer = ask(rp, accept)
    accepted(answer)
    assert answer["Content-Type"] == "application/json"


@pytest.mark.requirement("CIBA Core", "7.3")
def test_a_good_answer_is_plain_json_for_a_caller_that_asks_for_problems(rp: RelyingParty) -> None:
    answer = ask(rp, PROBLEM)
    accepted(answer)
    assert answer["Content-Type"] == "application/json"


# --- addresses and methods ---------------------------------------------------------------------


@pytest.mark.requirement("Protocol", "1")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("endpoint", ["bc-authorize", "access_token"])
@pytest.mark.usefixtures("realm")
def test_any_method_but_post_is_405_with_allow(client: Any, endpoint: str, method: str) -> None:
    answer = client.generic(method, f"/oauth2/{endpoint}")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    if method != "HEAD":
        assert answer.json() == {
            "error": "invalid_request",
            "error_description": "this endpoint does not take that method",
        }


@pytest.mark.requirement("Protocol", "1")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.usefixtures("realm")
def test_userinfo_takes_get_head_and_post_alone(client: Any, method: str) -> None:
    answer = client.generic(method, "/oauth2/userinfo")
    assert answer.status_code == 405
    assert {each.strip() for each in answer["Allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.requirement("Protocol", "1")
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("endpoint", ["bc-authorize", "access_token", "userinfo"])
@pytest.mark.parametrize(
    "prefix",
    [
        "realms/root/realms/nowhere/",
        "realms/root/realms/alpha/realms/nowhere/",
        "realms/root/realms/ALPHA/",
        "realms/alpha/",
        "realms/other/",
        "realms/root/alpha/",
        "realms/root/realms/",
        "realms/root/realms/alpha/alpha/",
        "realms/root/x/alpha/",
        "realms/root/realms/%00/",
        "realms/root/realms/%C3%A4/",
        "realms/root/realms/../",
        "realms/root/realms/a'%20OR%201=1/",
    ],
)
def test_an_unknown_realm_is_404_as_json_whatever_else_is_wrong(
    client: Any, realm: Realm, prefix: str, endpoint: str, method: str
) -> None:
    make_realm("alpha", realm)
    answer = client.generic(method, f"/oauth2/{prefix}{endpoint}", b"\xff")
    refused(answer, "invalid_request", "there is no such realm", status=404)


@pytest.mark.requirement("Protocol", "1")
def test_a_request_is_made_at_the_address_of_its_realm_and_of_the_long_root(
    relying_party: RelyingParties, realm: Realm
) -> None:
    rp = relying_party()
    rp.mount = "/oauth2/realms/root/"
    accepted(rp.authenticate())
    beta = make_realm("beta", make_realm("alpha", realm))
    below = relying_party(realm=beta)
    assert below.mount == "/oauth2/realms/root/realms/alpha/realms/beta/"
    auth_req_id = accepted(below.authenticate())
    assert find(auth_req_id).client.realm == beta


@pytest.mark.requirement("Protocol", "3")
def test_a_client_that_need_not_sign_sends_plain_parameters(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(require_signed_request_object=False)
    sent: Mapping[str, str] = {
        "scope": "openid",
        "login_hint": "alice",
        "binding_message": "£50 für Ü & Co. = +5%",
        "acr_values": "push",
        "requested_expiry": "77",
        "iss": "ignored",
        "aud": "ignored",
        "exp": "ignored",
    }
    row = find(accepted(rp.post("bc-authorize", sent)))
    assert row.binding_message == "£50 für Ü & Co. = +5%"
    assert row.acr == "push"
    assert (row.expires_at - row.created_at).total_seconds() == 77


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize("debug", [True, False])
def test_debug_changes_nothing(rp: RelyingParty, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    accepted(rp.authenticate())
    nobody = sign(rp.request_claims(login_hint="nobody"), rp.key)
    refused(rp.send(nobody), "unknown_user_id", "names no user here", stored=1)
    refused(rp.send("no jwt"), "invalid_request", "three parts", stored=1)
