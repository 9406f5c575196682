"""Access tokens that are JWTs (RFC 9068)."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.models import AuthenticationRequest, Realm, Token, secrets
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import refused, signed_by, tokens_of
from tests.provider import approve, find
from tests.relying_party import RelyingParty, claims_of

ACCOUNTS = "https://api.example.com/accounts"
PAYMENTS = "https://api.example.com/payments"


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(access_token_format="jwt")


def read(realm: Realm, tokens: dict[str, Any], alg: str = "ES256") -> dict[str, Any]:
    return signed_by(realm, tokens["access_token"], alg, "at+jwt")


@pytest.mark.requirement("RFC 9068", "2.2")
def test_it_says_who_for_whom_and_until_when(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser
) -> None:
    claims = read(realm, tokens_of(rp, acr_values="push"))
    row = Token.objects.get(kind="access")
    assert len(claims.pop("jti")) == 43
    assert claims == {
        "iss": ISSUER,
        "exp": int(row.expires_at.timestamp()),
        "aud": ISSUER,
        "sub": str(alice.pk),
        "client_id": "shop",
        "iat": int(row.created_at.timestamp()),
        "scope": "openid profile",
        "auth_time": int(row.grant.authenticated_at.timestamp()),
        "acr": "push",
        "amr": ["pwd"],
    }


@pytest.mark.requirement("RFC 9068", "2.2")
def test_each_has_a_jti_of_its_own(rp: RelyingParty, realm: Realm) -> None:
    first = tokens_of(rp)
    second = rp.refresh(first["refresh_token"]).json()
    assert read(realm, first)["jti"] != read(realm, second)["jti"]


@pytest.mark.requirement("RFC 9068", "2.1")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_it_is_signed_as_id_tokens_are(
    relying_party: RelyingParties, realm: Realm, alg: str
) -> None:
    rp = relying_party(access_token_format="jwt", id_token_signed_response_alg=alg)
    read(realm, tokens_of(rp), alg)


@pytest.mark.requirement("RFC 9068", "2.2.3")
def test_a_narrowed_scope_is_what_it_says(rp: RelyingParty, realm: Realm) -> None:
    tokens = rp.refresh(tokens_of(rp)["refresh_token"], scope="openid").json()
    assert read(realm, tokens)["scope"] == "openid"


@pytest.mark.requirement("RFC 9068", "3")
@pytest.mark.parametrize("resource", [[ACCOUNTS], [ACCOUNTS, PAYMENTS]])
def test_its_audience_is_the_resource_that_was_asked_for(
    rp: RelyingParty, realm: Realm, resource: list[str]
) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    AuthenticationRequest.objects.update(resource=resource)
    claims = read(realm, rp.poll(auth_req_id).json())
    assert claims["aud"] == (resource if len(resource) > 1 else resource[0])


@pytest.mark.requirement("RFC 9068", "4")
def test_it_is_stored_revoked_and_introspected_like_an_opaque_one(
    rp: RelyingParty, realm: Realm
) -> None:
    tokens = tokens_of(rp)
    value = tokens["access_token"]
    assert Token.objects.get(kind="access").digest == secrets.digest(value)
    answer = rp.post("introspect", {"token": value}).json()
    claims = read(realm, tokens)
    assert answer.pop("active") is True
    assert answer.pop("token_type") == "Bearer"
    assert answer.pop("username") == "alice"
    assert answer == claims
    assert rp.userinfo(value).status_code == 200
    rp.post("token/revoke", {"token": value})
    assert rp.post("introspect", {"token": value}).json() == {"active": False}
    assert rp.userinfo(value).status_code == 401


@pytest.mark.requirement("RFC 9068", "4")
def test_one_bit_more_or_less_is_another_token(rp: RelyingParty) -> None:
    value = tokens_of(rp)["access_token"]
    header, payload, signature = value.split(".")
    for changed in (f"{header}.{payload}.", f"{header}.{payload}.{signature[:-2]}", f"{value}."):
        assert rp.post("introspect", {"token": changed}).json() == {"active": False}
        assert rp.userinfo(changed).status_code == 401


@pytest.mark.requirement("RFC 9068", "5")
def test_it_is_no_id_token_hint_even_of_a_client_that_bears_a_resources_name(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(client_id=ACCOUNTS, access_token_format="jwt", client_name="Accounts",
                       token_endpoint_auth_method="client_secret_post")  # fmt: skip
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    AuthenticationRequest.objects.update(resource=[ACCOUNTS])
    value = rp.poll(auth_req_id).json()["access_token"]
    assert claims_of(value)["aud"] == rp.client.client_id
    answer = rp.authenticate(login_hint=None, id_token_hint=value)
    refused(answer, "invalid_request", "typ", stored=1)


@pytest.mark.requirement("RFC 9068", "2")
def test_an_opaque_token_stays_one_by_default(relying_party: RelyingParties) -> None:
    rp = relying_party(client_id="opaque")
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    assert "." not in rp.poll(auth_req_id).json()["access_token"]
    assert find(auth_req_id).status == AuthenticationRequest.Status.REDEEMED
