"""The token endpoint: each state of a request, pacing, refresh (protocol §4)."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F
from django.utils import timezone

from django_ciba.models import AuthenticationRequest, Grant, Realm, Token
from django_ciba.tokens.id_token import token_hash
from tests.conformance.conftest import RelyingParties
from tests.provider import approve, deny, find, make_realm
from tests.relying_party import CIBA, RelyingParty, claims_of


def error(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"error", "error_description"}
    return str(body["error"])


def at(seconds: float) -> Any:
    """A clock that stands still, `seconds` after the start of this test's day."""
    return time_machine.travel(1_800_000_000 + seconds, tick=False)


@pytest.mark.requirement("CIBA Core", "11")
def test_the_first_poll_is_free_and_the_next_within_the_interval_is_slow_down(
    rp: RelyingParty,
) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        assert error(rp.poll(auth_req_id)) == "authorization_pending"
    with at(1.999):
        too_soon = rp.poll(auth_req_id)
        assert error(too_soon) == "slow_down"
        assert too_soon.json()["error_description"] == (
            "The polling interval has not elapsed since the last request"
        )
        assert too_soon["Retry-After"] == "6"  # the interval is 7 seconds now, 1.999 have passed


@pytest.mark.requirement("CIBA Core", "7.3")
def test_a_poll_exactly_one_interval_later_is_in_time(rp: RelyingParty) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        rp.poll(auth_req_id)
    with at(2):
        assert error(rp.poll(auth_req_id)) == "authorization_pending"


@pytest.mark.requirement("CIBA Core", "11")
def test_each_slow_down_grows_the_interval_by_five_seconds_and_only_that(rp: RelyingParty) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        rp.poll(auth_req_id)
    with at(1):
        assert error(rp.poll(auth_req_id)) == "slow_down"
    with at(6.999):
        assert error(rp.poll(auth_req_id)) == "slow_down"
    row = find(auth_req_id)
    assert row.polling_interval == 12
    assert row.slow_downs == 2
    with at(12):  # twelve seconds after the last poll in time: the refused ones moved nothing
        assert error(rp.poll(auth_req_id)) == "authorization_pending"


@pytest.mark.requirement("CIBA Core", "11")
def test_the_interval_grows_to_the_cap_and_no_further(rp: RelyingParty) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        rp.poll(auth_req_id)
    with at(1):
        for _ in range(15):
            rp.poll(auth_req_id)
    assert find(auth_req_id).polling_interval == 60


@pytest.mark.requirement("CIBA Core", "11")
def test_an_answered_request_is_never_throttled(rp: RelyingParty) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        rp.poll(auth_req_id)
        approve(auth_req_id)
        assert rp.poll(auth_req_id).status_code == 200


@pytest.mark.requirement("CIBA Core", "11")
def test_an_expired_request_is_expired_token_before_pacing(rp: RelyingParty) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id(requested_expiry=60)
        assert error(rp.poll(auth_req_id)) == "authorization_pending"
    with at(59.999):
        assert error(rp.poll(auth_req_id)) == "authorization_pending"
    with at(60):
        assert error(rp.poll(auth_req_id)) == "expired_token"
        assert error(rp.poll(auth_req_id)) == "expired_token"


@pytest.mark.requirement("CIBA Core", "11")
def test_an_approved_request_that_expired_before_it_was_asked_for_gives_no_tokens(
    rp: RelyingParty,
) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id(requested_expiry=60)
        approve(auth_req_id)
    with at(60):
        assert error(rp.poll(auth_req_id)) == "expired_token"
    assert not Grant.objects.exists()


@pytest.mark.requirement("CIBA Core", "11")
def test_a_denied_request_is_access_denied_with_400(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    deny(auth_req_id)
    assert error(rp.poll(auth_req_id)) == "access_denied"
    assert error(rp.poll(auth_req_id)) == "access_denied"


@pytest.mark.requirement("CIBA Core", "11")
def test_a_cancelled_request_is_access_denied(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    assert AuthenticationRequest.objects.cancel(find(auth_req_id).pk, timezone.now())
    assert error(rp.poll(auth_req_id)) == "access_denied"


@pytest.mark.requirement("CIBA Core", "11")
def test_unknown_foreign_and_used_ids_are_one_and_the_same_invalid_grant(
    rp: RelyingParty, relying_party: RelyingParties
) -> None:
    other = relying_party(client_id="other")
    foreign = rp.auth_req_id()
    approve(foreign)
    used = other.auth_req_id()
    approve(used)
    assert other.poll(used).status_code == 200
    answers = [other.poll(each) for each in ("unknown", foreign, used)]
    assert [error(each) for each in answers] == ["invalid_grant"] * 3
    assert len({each.content for each in answers}) == 1
    assert rp.poll(foreign).status_code == 200  # the other client's attempt changed nothing


@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "13")
@pytest.mark.requirement("RFC 6749", "10.5")
def test_a_replayed_auth_req_id_revokes_the_tokens_it_gave(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    assert error(rp.poll(auth_req_id)) == "invalid_grant"
    assert rp.userinfo(tokens["access_token"]).status_code == 401
    assert error(rp.refresh(tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.requirement("CIBA Core", "10.1.1")
def test_a_user_deactivated_after_the_approval_gets_no_tokens(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    get_user_model().objects.update(is_active=False)
    assert error(rp.poll(auth_req_id)) == "access_denied"
    assert find(auth_req_id).status == "authorized"
    assert not Token.objects.exists()


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({"grant_type": CIBA}, "invalid_request"),
        ({"grant_type": CIBA, "auth_req_id": ""}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant"),
    ],
)
def test_a_token_request_that_lacks_something_says_what(
    rp: RelyingParty, parameters: dict[str, str], code: str
) -> None:
    assert error(rp.post("access_token", parameters)) == code


@pytest.mark.requirement("RFC 6749", "5.2")
def test_a_client_that_is_not_registered_for_the_grant_is_unauthorized_client(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(grant_types=[CIBA])
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    assert "refresh_token" not in tokens
    assert error(rp.refresh("any")) == "unauthorized_client"


@pytest.mark.requirement("RFC 6749", "5.2")
def test_the_client_is_proved_before_the_grant_is_looked_at(rp: RelyingParty) -> None:
    answer = rp.post("access_token", {"grant_type": "password"}, authenticated=False)
    assert error(answer, 401) == "invalid_client"


@pytest.mark.requirement("OIDC Core", "2")
@pytest.mark.requirement("OIDC Core", "3.1.3.6")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_the_id_token_is_signed_by_the_clients_alg_and_verifies_by_the_published_key(
    relying_party: RelyingParties, realm: Realm, alice: AbstractBaseUser, alg: str
) -> None:
    rp = relying_party(id_token_signed_response_alg=alg)
    auth_req_id = rp.auth_req_id(acr_values="none push")
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    published = jwt.PyJWKSet.from_dict(rp.http.get("/oauth2/connect/jwk_uri").json())
    header = jwt.get_unverified_header(tokens["id_token"])
    assert header["alg"] == alg
    claims = jwt.decode(
        tokens["id_token"],
        published[header["kid"]],
        algorithms=[alg],
        audience="shop",
        issuer=realm.issuer,
    )
    assert set(claims) == {
        "iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "at_hash",
    }  # fmt: skip
    assert claims["sub"] == str(alice.pk)
    assert claims["acr"] == "push"
    assert claims["amr"] == ["pwd"]
    assert claims["at_hash"] == token_hash(tokens["access_token"], alg)
    assert abs(claims["auth_time"] - claims["iat"]) <= 2


@pytest.mark.requirement("OIDC Core", "2")
def test_an_id_token_holds_no_null_and_no_nonce(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()  # no acr_values: the default journey, no acr to tell of
    approve(auth_req_id)
    claims = claims_of(rp.poll(auth_req_id).json()["id_token"])
    assert None not in claims.values()
    assert {"nonce", "acr"}.isdisjoint(claims)


@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "14")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "15")
@pytest.mark.requirement("RFC 6749", "5.1")
def test_the_token_response_has_the_members_and_headers_of_the_seeds(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    answer = rp.poll(auth_req_id)
    assert answer["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3599
    assert tokens["scope"] == "openid profile"


@pytest.mark.requirement("OIDC Core", "12.2")
@pytest.mark.requirement("RFC 9700", "4.14.2")
def test_a_refresh_gives_a_new_pair_and_the_old_one_is_spent(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    first = rp.poll(auth_req_id).json()
    second = rp.refresh(first["refresh_token"])
    assert second.status_code == 200, second.content
    assert second.json()["refresh_token"] != first["refresh_token"]
    before, after = claims_of(first["id_token"]), claims_of(second.json()["id_token"])
    for name in ("iss", "sub", "aud", "auth_time"):
        assert before[name] == after[name]
    assert rp.userinfo(second.json()["access_token"]).status_code == 200


@pytest.mark.requirement("RFC 9700", "4.14.2")
def test_a_reused_refresh_token_ends_the_whole_family(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    first = rp.poll(auth_req_id).json()
    second = rp.refresh(first["refresh_token"]).json()
    assert error(rp.refresh(first["refresh_token"])) == "invalid_grant"
    assert error(rp.refresh(second["refresh_token"])) == "invalid_grant"
    assert rp.userinfo(second["access_token"]).status_code == 401


@pytest.mark.requirement("RFC 6749", "6")
def test_a_refresh_may_narrow_the_scope_for_one_access_token_and_never_widen_it(
    rp: RelyingParty,
) -> None:
    auth_req_id = rp.auth_req_id(scope="openid profile")
    approve(auth_req_id)
    first = rp.poll(auth_req_id).json()
    assert error(rp.refresh(first["refresh_token"], scope="openid email")) == "invalid_scope"
    assert error(rp.refresh(first["refresh_token"], scope="profile")) == "invalid_scope"
    narrowed = rp.refresh(first["refresh_token"], scope="openid").json()
    assert narrowed["scope"] == "openid"
    assert set(rp.userinfo(narrowed["access_token"]).json()) == {"sub", "subname"}
    assert rp.refresh(narrowed["refresh_token"]).json()["scope"] == "openid profile"


@pytest.mark.requirement("RFC 6749", "6")
def test_a_foreign_expired_or_inactive_users_refresh_token_is_invalid_grant(
    rp: RelyingParty, relying_party: RelyingParties, alice: AbstractBaseUser
) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    value = rp.poll(auth_req_id).json()["refresh_token"]
    assert error(relying_party(client_id="other").refresh(value)) == "invalid_grant"
    users = get_user_model().objects
    users.update(is_active=False)
    assert error(rp.refresh(value)) == "invalid_grant"
    users.update(is_active=True)
    Token.objects.filter(kind="refresh").update(expires_at=timezone.now())
    assert error(rp.refresh(value)) == "invalid_grant"
    month = timedelta(days=30)
    Token.objects.filter(kind="refresh").update(expires_at=F("created_at") + month)
    assert rp.refresh(value).status_code == 200


@pytest.mark.requirement("RFC 6749", "6")
def test_an_access_token_is_no_refresh_token_and_the_other_way_round(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    assert error(rp.refresh(tokens["access_token"])) == "invalid_grant"
    assert rp.userinfo(tokens["refresh_token"]).status_code == 401


@pytest.mark.requirement("CIBA Core", "7.3")
def test_no_secret_that_left_is_stored_as_it_is(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    stored = repr([list(model.objects.values()) for model in (AuthenticationRequest, Grant, Token)])
    for value in (auth_req_id, tokens["access_token"], tokens["refresh_token"], rp.secret):
        assert value not in stored


@pytest.mark.requirement("CIBA Core", "10.1.1")
def test_an_auth_req_id_of_one_realm_is_unknown_in_another(
    rp: RelyingParty, relying_party: RelyingParties, realm: Realm
) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    elsewhere = relying_party(realm=make_realm("alpha", realm))
    assert error(elsewhere.poll(auth_req_id)) == "invalid_grant"


@pytest.mark.requirement("RFC 6749", "3.3")
def test_a_scope_that_the_client_lost_since_is_in_no_token(rp: RelyingParty) -> None:
    early, late = rp.auth_req_id(), rp.auth_req_id()
    approve(early)
    approve(late)
    before = rp.poll(early).json()
    rp.client.scope = "openid"
    rp.client.save()
    assert set(rp.userinfo(before["access_token"]).json()) == {"sub", "subname"}
    assert rp.refresh(before["refresh_token"]).json()["scope"] == "openid"
    assert rp.poll(late).json()["scope"] == "openid"


@pytest.mark.requirement("CIBA Core", "7.3")
@pytest.mark.parametrize("interval", [2148, 3600])
def test_a_very_long_interval_is_paced_on_every_engine(
    rp: RelyingParty, realm: Realm, interval: int
) -> None:
    realm.settings = {"polling_interval": interval, "polling_interval_max": 3600}
    realm.save()
    with at(0):
        auth_req_id = rp.auth_req_id()
        assert error(rp.poll(auth_req_id)) == "authorization_pending"
    with at(599):
        assert error(rp.poll(auth_req_id)) == "slow_down"
