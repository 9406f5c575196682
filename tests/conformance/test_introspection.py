"""Token introspection (RFC 7662) and its signed answers (RFC 9701)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from django_ciba.models import AuthorizationDetailsType, Client, Grant, Realm, Token
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import refused, signed_by, tokens_of
from tests.provider import make_realm
from tests.relying_party import Answer, RelyingParty

INACTIVE = {"active": False}
SIGNED = "application/token-introspection+jwt"
ACCOUNTS = "https://api.example.com/accounts"
PAYMENTS = "https://api.example.com/payments"


def asked(caller: RelyingParty, token: str, **changes: Any) -> Answer:
    return caller.post("introspect", {"token": token, **changes})


def said(caller: RelyingParty, token: str, **changes: Any) -> dict[str, Any]:
    answer = asked(caller, token, **changes)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    members = answer.json()
    assert isinstance(members, dict)
    return members


@pytest.fixture
def tokens(rp: RelyingParty) -> dict[str, Any]:
    return tokens_of(rp, acr_values="push")


@pytest.fixture
def api(relying_party: RelyingParties) -> RelyingParty:
    """A resource server of the same realm."""
    return relying_party(client_id="api", may_introspect=True)


@pytest.mark.requirement("RFC 7662", "2.2")
def test_the_tokens_own_client_and_a_resource_server_read_it(
    rp: RelyingParty, api: RelyingParty, tokens: dict[str, Any], alice: AbstractBaseUser
) -> None:
    row = Token.objects.get(kind="access")
    expected = {
        "active": True,
        "scope": "openid profile",
        "client_id": "shop",
        "username": "alice",
        "token_type": "Bearer",
        "exp": int(row.expires_at.timestamp()),
        "iat": int(row.created_at.timestamp()),
        "sub": str(alice.pk),
        "aud": ISSUER,
        "iss": ISSUER,
        "auth_time": int(row.grant.authenticated_at.timestamp()),
        "acr": "push",
        "amr": ["pwd"],
    }
    assert said(rp, tokens["access_token"]) == expected
    assert said(api, tokens["access_token"]) == expected


@pytest.mark.requirement("RFC 7662", "2.2")
def test_a_scope_without_profile_tells_no_user_name(rp: RelyingParty) -> None:
    assert "username" not in said(rp, tokens_of(rp, scope="openid")["access_token"])


@pytest.mark.requirement("RFC 7662", "2.1")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "banana", ""])
def test_the_hint_is_only_a_hint(rp: RelyingParty, tokens: dict[str, Any], hint: str) -> None:
    for name in ("access_token", "refresh_token"):
        assert said(rp, tokens[name], token_type_hint=hint)["active"] is True


@pytest.mark.requirement("RFC 7662", "2.2")
def test_a_refresh_token_is_read_by_its_client_alone(
    rp: RelyingParty, api: RelyingParty, tokens: dict[str, Any]
) -> None:
    own = said(rp, tokens["refresh_token"])
    assert own["active"] is True
    assert "token_type" not in own
    assert said(api, tokens["refresh_token"]) == INACTIVE
    rp.refresh(tokens["refresh_token"])
    assert said(rp, tokens["refresh_token"]) == INACTIVE  # spent


@pytest.mark.requirement("RFC 7662", "4")
def test_another_client_learns_nothing(
    relying_party: RelyingParties, rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    other = relying_party(client_id="other")
    for name in ("access_token", "refresh_token"):
        assert said(other, tokens[name]) == INACTIVE
        assert said(rp, tokens[name])["active"] is True


@pytest.mark.requirement("RFC 7662", "4")
def test_a_resource_server_of_another_realm_learns_nothing(
    relying_party: RelyingParties, realm: Realm, tokens: dict[str, Any]
) -> None:
    alpha = make_realm("alpha", realm)
    stranger = relying_party(client_id="api", realm=alpha, may_introspect=True)
    assert said(stranger, tokens["access_token"]) == INACTIVE


@pytest.mark.requirement("RFC 7662", "2.2")
@pytest.mark.parametrize("token", ["unknown", "x y", "\u00e9", "a.b.c", "a" * 5000])
def test_what_is_no_token_is_inactive(rp: RelyingParty, token: str) -> None:
    assert said(rp, token) == INACTIVE


def expire() -> None:
    Token.objects.update(expires_at=timezone.now())


def revoke() -> None:
    Grant.objects.all().revoke(timezone.now())


def lock() -> None:
    get_user_model().objects.update(is_active=False)


def disable() -> None:
    client = Client.objects.get(client_id="shop")
    client.enabled = False
    client.save()


@pytest.mark.requirement("RFC 7662", "2.2")
@pytest.mark.parametrize("end", [expire, revoke, lock, disable])
def test_a_token_that_is_over_is_inactive_and_nothing_more_is_said(
    api: RelyingParty, tokens: dict[str, Any], end: Callable[[], None]
) -> None:
    assert said(api, tokens["access_token"])["active"] is True
    end()
    assert said(api, tokens["access_token"]) == INACTIVE


@pytest.mark.requirement("RFC 7662", "2.2")
def test_a_token_is_active_until_the_second_it_expires_in(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    Token.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    assert said(rp, tokens["access_token"])["active"] is True


@pytest.mark.requirement("RFC 8707", "4")
@pytest.mark.parametrize(
    ("of_token", "of_server", "active"),
    [
        ([ACCOUNTS], [ACCOUNTS], True),
        ([ACCOUNTS, PAYMENTS], [PAYMENTS], True),
        ([ACCOUNTS], [PAYMENTS], False),
        ([ACCOUNTS], [ACCOUNTS + "/more"], False),
        ([], [PAYMENTS], True),
        ([ACCOUNTS], [], True),
    ],
)
def test_a_resource_server_reads_tokens_that_are_for_it(
    relying_party: RelyingParties,
    tokens: dict[str, Any],
    of_token: list[str],
    of_server: list[str],
    active: bool,
) -> None:
    Token.objects.update(resource=of_token)
    server = relying_party(client_id="api", may_introspect=True, resource_identifiers=of_server)
    found = said(server, tokens["access_token"])
    assert found["active"] is active
    if active:
        assert found["aud"] == (of_token if len(of_token) > 1 else (of_token or [ISSUER])[0])
    else:
        assert found == INACTIVE


@pytest.mark.requirement("RFC 8705", "3.2")
@pytest.mark.requirement("RFC 9449", "6.2")
def test_what_a_token_is_bound_to_is_said(rp: RelyingParty, tokens: dict[str, Any]) -> None:
    Token.objects.update(x5t_s256="c" * 43)
    found = said(rp, tokens["access_token"])
    assert found["cnf"] == {"x5t#S256": "c" * 43}
    assert found["token_type"] == "Bearer"
    Token.objects.update(x5t_s256="", jkt="k" * 43)
    found = said(rp, tokens["access_token"])
    assert found["cnf"] == {"jkt": "k" * 43}
    assert found["token_type"] == "DPoP"


@pytest.mark.requirement("RFC 9396", "9.2")
def test_authorization_details_are_said_while_the_client_may_have_them(
    rp: RelyingParty, tokens: dict[str, Any], realm: Realm
) -> None:
    details = [{"type": "payment", "amount": "10.00"}]
    AuthorizationDetailsType.objects.create(realm=realm, type="payment")
    Client.objects.update(authorization_details_types=["payment"])
    Grant.objects.update(authorization_details=details)
    assert said(rp, tokens["access_token"])["authorization_details"] == details
    assert rp.userinfo(tokens["access_token"]).json()["authorization_details"] == details
    Client.objects.update(authorization_details_types=[])
    assert "authorization_details" not in said(rp, tokens["access_token"])
    assert "authorization_details" not in rp.userinfo(tokens["access_token"]).json()


@pytest.mark.requirement("RFC 7662", "2.2")
def test_a_scope_that_an_operator_took_from_the_client_is_gone(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    rp.client.scope = "openid"
    rp.client.save()
    assert said(rp, tokens["access_token"])["scope"] == "openid"


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7662", "2.3")
def test_whoever_does_not_prove_to_be_a_client_is_refused(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    parameters = {"token": tokens["access_token"]}
    answer = rp.post("introspect", parameters, authenticated=False)
    refused(answer, "invalid_client", "is missing", status=401, stored=1)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = rp.post("introspect", parameters, authenticated=False, headers=bearer)
    refused(answer, "invalid_client", status=401, stored=1)
    assert answer["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.requirement("RFC 7662", "2.1")
def test_a_missing_token_and_one_sent_twice_are_refused(rp: RelyingParty) -> None:
    hint = {"token_type_hint": "access_token"}
    refused(rp.post("introspect", hint), "invalid_request", "token is missing")
    refused(rp.post("introspect", {"token": ""}), "invalid_request", "token is missing")
    twice = [("token", "a"), ("token", "b")]
    refused(rp.post("introspect", twice), "invalid_request", "more than once")
    refused(rp.post("introspect", {"token": "a\0b"}), "invalid_request", "NUL")


@pytest.mark.requirement("RFC 7662", "2.1")
@pytest.mark.usefixtures("realm")
def test_only_post_is_taken(rp: RelyingParty) -> None:
    answer = rp.http.get("/oauth2/introspect?token=abc")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"


# --- signed answers -------------------------------------------------------------------------------


def signed(caller: RelyingParty, token: str, accept: str = SIGNED) -> str:
    answer = caller.post("introspect", {"token": token}, headers={"Accept": accept})
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == SIGNED
    assert answer["Cache-Control"] == "no-store"
    return answer.content.decode()


@pytest.mark.requirement("RFC 9701", "4")
@pytest.mark.requirement("RFC 9701", "5")
@pytest.mark.parametrize("accept", [SIGNED, f"application/json;q=0.5, {SIGNED.upper()};q=1"])
def test_a_signed_answer_is_for_the_caller_and_looks_like_no_token(
    realm: Realm, api: RelyingParty, tokens: dict[str, Any], accept: str
) -> None:
    claims = signed_by(
        realm,
        signed(api, tokens["access_token"], accept),
        "RS256",
        "token-introspection+jwt",
    )
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "api"
    assert claims["token_introspection"] == said(api, tokens["access_token"])


@pytest.mark.requirement("RFC 9701", "5")
def test_an_inactive_token_is_said_signed_too(realm: Realm, api: RelyingParty) -> None:
    claims = signed_by(realm, signed(api, "unknown"), "RS256", "token-introspection+jwt")
    assert claims["token_introspection"] == INACTIVE


@pytest.mark.requirement("RFC 9701", "6")
@pytest.mark.parametrize(
    ("registered", "alg"),
    [
        ({"introspection_signed_response_alg": "EdDSA"}, "EdDSA"),
        (
            {
                "id_token_signed_response_alg": "PS256",
                "profile": "fapi-ciba",
                "dpop_bound_access_tokens": True,
            },
            "PS256",
        ),
        ({}, "RS256"),
    ],
)
def test_it_is_signed_as_the_caller_is_registered(
    realm: Realm, relying_party: RelyingParties, registered: dict[str, Any], alg: str
) -> None:
    server = relying_party(
        client_id="api",
        may_introspect=True,
        token_endpoint_auth_method="private_key_jwt",
        **registered,
    )
    signed_by(realm, signed(server, "unknown"), alg, "token-introspection+jwt")


@pytest.mark.requirement("RFC 9701", "6")
def test_a_realm_without_rs256_signs_as_it_does_id_tokens(
    realm: Realm, relying_party: RelyingParties
) -> None:
    realm.settings = {"signing_algs": ["ES256"]}
    realm.save()
    server = relying_party(client_id="api", may_introspect=True)
    signed_by(realm, signed(server, "unknown"), "ES256", "token-introspection+jwt")


@pytest.mark.requirement("RFC 9701", "5")
def test_a_refusal_is_json_however_it_was_asked_for(rp: RelyingParty) -> None:
    answer = rp.post("introspect", {"token": ""}, headers={"Accept": SIGNED})
    refused(answer, "invalid_request")


@pytest.mark.requirement("RFC 9701", "8.1")
def test_a_signed_answer_is_no_id_token_hint(api: RelyingParty, tokens: dict[str, Any]) -> None:
    answer = api.authenticate(login_hint=None, id_token_hint=signed(api, tokens["access_token"]))
    refused(answer, "invalid_request", "typ", stored=1)
