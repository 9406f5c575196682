"""The FAPI-CIBA profile: one switch on the client, and one on the realm that forces it."""

from typing import Any

import pytest

from django_ciba.jose import sign
from django_ciba.models import Realm, UsedAssertion
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused
from tests.provider import find, key, make_realm
from tests.relying_party import RelyingParty

HOUR = 3600
MINUTE = 60

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(relying_party: RelyingParties) -> RelyingParty:
    """A client of the profile, as registration lets one in."""
    return fapi(relying_party)


def fapi(relying_party: RelyingParties, **changes: Any) -> RelyingParty:
    return relying_party(
        **{
            "profile": "fapi-ciba",
            "token_endpoint_auth_method": "private_key_jwt",
            "dpop_bound_access_tokens": True,
            **changes,
        }
    )


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_a_good_request_of_the_profile_is_taken(bank: RelyingParty) -> None:
    accepted(bank.authenticate())


# --- the signed request -------------------------------------------------------------------------


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_requests_are_signed_whatever_the_client_says_of_itself(
    relying_party: RelyingParties,
) -> None:
    careless = fapi(relying_party, require_signed_request_object=False)
    refused(careless.authenticate(), "invalid_request", "must be a signed jwt")


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize("name", ["iat", "nbf", "jti", "exp"])
def test_a_claim_that_the_profile_needs_is_named(bank: RelyingParty, name: str) -> None:
    refused(bank.authenticate(**{name: None}), "invalid_request", name)


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_exp_is_at_most_an_hour_after_nbf(bank: RelyingParty) -> None:
    with at():
        good = {"iat": NOW, "nbf": NOW - 45 * MINUTE, "exp": NOW + 15 * MINUTE}
        accepted(bank.authenticate(**good))
        late = bank.authenticate(**{**good, "exp": NOW + 15 * MINUTE + 1})
        refused(late, "invalid_request", "at most 60 minutes after nbf", stored=1)


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_nbf_is_at_most_an_hour_ago(bank: RelyingParty) -> None:
    with at():
        accepted(bank.authenticate(iat=NOW, nbf=NOW - HOUR + 1, exp=NOW + 1))
        # Whatever exp says: near nbf it has passed, and ahead it is too far from it.
        for exp, words in ((NOW - 31, "exp lies in the past"), (NOW + 1, "after nbf")):
            old = bank.authenticate(iat=NOW, nbf=NOW - HOUR - 31, exp=exp)
            refused(old, "invalid_request", words, stored=1)


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_request_from_the_future_is_refused(bank: RelyingParty, name: str) -> None:
    with at():
        refused(bank.authenticate(**{name: NOW + 31}), "invalid_request", name)


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_a_request_is_taken_once(bank: RelyingParty) -> None:
    token = bank.signed_request()
    accepted(bank.send(token))
    refused(bank.send(token), "invalid_request", "jti has been used", stored=1)


@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
@pytest.mark.parametrize("alg", ["RS256", "EdDSA"])
def test_other_algorithms_are_refused(relying_party: RelyingParties, alg: str) -> None:
    keys = [key("ES256", "client").public_jwk, key(alg, "other").public_jwk]
    client = fapi(relying_party, jwks={"keys": keys})
    other = sign(client.request_claims(), key(alg, "other"))
    refused(client.send(other), "invalid_request", "alg must be ES256 or PS256")


@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
def test_ps256_is_taken_too(relying_party: RelyingParties) -> None:
    accepted(fapi(relying_party, alg="PS256").authenticate())


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_the_user_must_be_able_to_tell_requests_apart(bank: RelyingParty) -> None:
    answer = bank.authenticate(binding_message=None)
    refused(answer, "invalid_request", "binding_message is needed")
    assert find(accepted(bank.authenticate(binding_message="EB-1"))).binding_message == "EB-1"


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_shared_secret_is_not_enough(relying_party: RelyingParties, method: str) -> None:
    client = fapi(relying_party, token_endpoint_auth_method=method)
    refused(client.authenticate(), "unauthorized_client", "private_key_jwt")
    refused(client.poll("any"), "unauthorized_client", "private_key_jwt")


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2")
def test_bearer_tokens_are_not_enough(relying_party: RelyingParties) -> None:
    client = fapi(relying_party, dpop_bound_access_tokens=False)
    refused(client.authenticate(), "unauthorized_client", "bound by certificate or DPoP")


# --- the realm's switch -------------------------------------------------------------------------


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_a_realm_can_force_the_profile(realm: Realm, relying_party: RelyingParties) -> None:
    strict = make_realm("bank", realm, require_fapi_ciba=True)
    shop = relying_party(realm=strict, token_endpoint_auth_method="private_key_jwt")
    answer = refused(shop.authenticate(), "unauthorized_client", "profile fapi-ciba")
    assert "REQUIRE" not in answer.json()["error_description"]
    refused(shop.poll("any"), "unauthorized_client", "profile fapi-ciba")
    accepted(fapi(relying_party, realm=strict, client_id="bank").authenticate())


@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
@pytest.mark.parametrize("alg", ["RS256", "EdDSA"])
def test_assertions_are_held_to_the_same_algorithms(
    relying_party: RelyingParties, alg: str
) -> None:
    refused(
        fapi(relying_party, alg=alg).authenticate(), "invalid_client", "alg must be", status=401
    )


@pytest.mark.requirement("OIDC Discovery", "3")
def test_discovery_of_such_a_realm_promises_no_more(
    realm: Realm, relying_party: RelyingParties
) -> None:
    strict = make_realm("bank", realm, require_fapi_ciba=True, push_delivery=True)
    bank = fapi(relying_party, realm=strict)
    metadata = bank.http.get(f"{bank.mount}.well-known/openid-configuration").json()
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    for name in ("token_endpoint_auth", "backchannel_authentication_request"):
        assert metadata[f"{name}_signing_alg_values_supported"] == ["PS256", "ES256"]
    assert metadata["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]


def test_a_refusal_of_the_profile_remembers_no_request(bank: RelyingParty) -> None:
    refused(bank.authenticate(nbf=None), "invalid_request", "nbf is missing")
    assert UsedAssertion.objects.count() == 1  # the client assertion's
