"""The FAPI-CIBA profile: one switch on the client, and one on the realm that forces it."""

import re
from typing import Any

import pytest

from django_ciba.jose import sign
from django_ciba.models import Realm, UsedAssertion
from tests.authorization_details import PAYMENT, make_details_type, payment
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused, tokens_of
from tests.proofs import ProofMaker
from tests.provider import approve, find, key, make_realm
from tests.relying_party import Answer, RelyingParty, claims_of

TOKEN_ENDPOINT = f"{ISSUER}/access_token"
HOUR = 3600
MINUTE = 60

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(relying_party: RelyingParties) -> RelyingParty:
    """A client of the profile, as registration lets one in."""
    return fapi(relying_party)


def poll(rp: RelyingParty, auth_req_id: str) -> Answer:
    proof = ProofMaker(key("ES256", "dpop")).proof("POST", TOKEN_ENDPOINT)
    return rp.poll(auth_req_id, headers={"DPoP": proof})


def redeemed(rp: RelyingParty, **changes: Any) -> dict[str, Any]:
    auth_req_id = accepted(rp.authenticate(**changes))
    approve(auth_req_id)
    answer = poll(rp, auth_req_id)
    assert answer.status_code == 200, answer.content
    members: dict[str, Any] = answer.json()
    return members


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


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "6")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "1")
def test_requests_are_signed_whatever_the_client_says_of_itself(
    relying_party: RelyingParties,
) -> None:
    careless = fapi(relying_party, require_signed_request_object=False)
    refused(careless.authenticate(), "invalid_request", "must be a signed jwt")


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "9")
@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize("name", ["iat", "nbf", "jti", "exp"])
def test_a_claim_that_the_profile_needs_is_named(bank: RelyingParty, name: str) -> None:
    refused(bank.authenticate(**{name: None}), "invalid_request", name)


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "9")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "13")
def test_exp_is_at_most_an_hour_after_nbf(bank: RelyingParty) -> None:
    with at():
        good = {"iat": NOW, "nbf": NOW - 45 * MINUTE, "exp": NOW + 15 * MINUTE}
        accepted(bank.authenticate(**good))
        late = bank.authenticate(**{**good, "exp": NOW + 15 * MINUTE + 1})
        refused(late, "invalid_request", "at most 60 minutes after nbf", stored=1)


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "9")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "17")
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


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "2")
def test_the_user_must_be_able_to_tell_requests_apart(bank: RelyingParty) -> None:
    answer = bank.authenticate(binding_message=None)
    refused(answer, "invalid_request", "binding_message is needed")
    assert find(accepted(bank.authenticate(binding_message="EB-1"))).binding_message == "EB-1"


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "14")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "4")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_shared_secret_is_not_enough(relying_party: RelyingParties, method: str) -> None:
    client = fapi(relying_party, token_endpoint_auth_method=method)
    refused(client.authenticate(), "unauthorized_client", "private_key_jwt")
    refused(client.poll("any"), "unauthorized_client", "private_key_jwt")


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "5")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "21")
def test_bearer_tokens_are_not_enough(relying_party: RelyingParties) -> None:
    client = fapi(relying_party, dpop_bound_access_tokens=False)
    refused(client.authenticate(), "unauthorized_client", "bound by certificate or DPoP")


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2")
@pytest.mark.parametrize("of_the_realm", [False, True])
def test_bearer_tokens_from_before_are_over(
    realm: Realm, relying_party: RelyingParties, of_the_realm: bool
) -> None:
    """Refreshed, they are bound."""
    client = relying_party(token_endpoint_auth_method="private_key_jwt")
    tokens = tokens_of(client)
    assert client.userinfo(tokens["access_token"]).status_code == 200
    client.client.profile, client.client.dpop_bound_access_tokens = "fapi-ciba", True
    client.client.save()
    if of_the_realm:
        realm.settings = {"require_fapi_ciba": True}
        realm.save()
    assert client.userinfo(tokens["access_token"]).status_code == 401
    answer = client.post("introspect", {"token": tokens["access_token"]})
    assert answer.json() == {"active": False}
    refused(client.refresh(tokens["refresh_token"]), "invalid_dpop_proof", stored=1)
    maker = ProofMaker(key("ES256", "dpop"))
    proof = maker.proof("POST", f"{ISSUER}/access_token")
    answer = client.refresh(tokens["refresh_token"], headers={"DPoP": proof})
    assert answer.json()["token_type"] == "DPoP"


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "1")
@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "16")
def test_nobody_asks_without_proving_who_it_is(bank: RelyingParty) -> None:
    sent = {"request": bank.signed_request(), "client_id": bank.client.client_id}
    for endpoint in ("bc-authorize", "access_token"):
        answer = bank.post(endpoint, sent, authenticated=False)
        refused(answer, "invalid_client", "authentication is missing", status=401)


@pytest.mark.requirement("FAPI 1.0 Advanced", "5.2.2", "15")
def test_the_request_names_the_issuer_and_no_other_name_of_ours(bank: RelyingParty) -> None:
    for aud in (f"{ISSUER}/access_token", [f"{ISSUER}/bc-authorize"], f"{ISSUER}/realms/root"):
        refused(bank.authenticate(aud=aud), "invalid_request", "aud must hold the issuer")
    accepted(bank.authenticate(aud=ISSUER))
    accepted(bank.authenticate(aud=["https://elsewhere.example.com", ISSUER]))


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "2")
def test_details_that_say_what_for_tell_requests_apart_too(relying_party: RelyingParties) -> None:
    bank = fapi(relying_party, authorization_details_types=[PAYMENT])
    make_details_type(bank.client.realm)
    accepted(bank.authenticate(binding_message=None, authorization_details=[payment()]))


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "7")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "11")
def test_a_level_of_authentication_that_is_essential_is_given_or_refused(
    bank: RelyingParty,
) -> None:
    loa3 = {"id_token": {"acr": {"essential": True, "values": ["loa3"]}}}
    refused(bank.authenticate(claims=loa3), "invalid_request", "acr is essential")
    push = {"id_token": {"acr": {"essential": True, "values": ["push"]}}}
    assert find(accepted(bank.authenticate(claims=push))).acr == "push"


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "8")
def test_the_acr_that_was_asked_for_is_in_the_id_token(bank: RelyingParty) -> None:
    claims = claims_of(redeemed(bank, acr_values="loa3 push")["id_token"])
    assert (claims["acr"], claims["amr"]) == ("push", ["pwd"])


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "10")
@pytest.mark.requirement("FAPI-CIBA", "5.3")
def test_a_request_context_for_fraud_checks_is_no_fault(bank: RelyingParty) -> None:
    context = {"geo": {"lat": 41.7, "lon": 44.8}, "device": "till 4"}
    accepted(bank.authenticate(request_context=context))


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "11")
def test_a_login_hint_says_who_the_user_is_and_nothing_else(bank: RelyingParty) -> None:
    answer = bank.authenticate(login_hint="urn:bank:intent:58923")
    refused(answer, "unknown_user_id")


@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
@pytest.mark.parametrize("name", ["id_token", "userinfo", "introspection"])
def test_no_answer_to_such_a_client_is_signed_by_another_algorithm(
    relying_party: RelyingParties, name: str
) -> None:
    """Registration refuses it; a row that was made otherwise gets no tokens either."""
    careless = fapi(relying_party, **{f"{name}_signed_response_alg": "RS256"})
    words = "answers signed by PS256 or ES256"
    refused(careless.authenticate(), "unauthorized_client", words)
    refused(careless.poll("any"), "unauthorized_client", words)


@pytest.mark.requirement("FAPI 1.0 Advanced", "8.6")
@pytest.mark.requirement("RFC 9449", "4.3", "5")
def test_proofs_are_signed_by_the_same_algorithms(bank: RelyingParty) -> None:
    auth_req_id = accepted(bank.authenticate())
    approve(auth_req_id)
    for alg in ("RS256", "EdDSA"):
        proof = ProofMaker(key(alg, "dpop")).proof("POST", TOKEN_ENDPOINT)
        answer = bank.poll(auth_req_id, headers={"DPoP": proof})
        refused(answer, "invalid_dpop_proof", "alg must be ES256 or PS256", stored=1)
    proof = ProofMaker(key("PS256", "dpop")).proof("POST", TOKEN_ENDPOINT)
    assert bank.poll(auth_req_id, headers={"DPoP": proof}).status_code == 200


@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "12")
def test_each_request_is_put_before_the_user_anew(bank: RelyingParty) -> None:
    redeemed(bank)
    again = accepted(bank.authenticate())
    refused(poll(bank, again), "authorization_pending", stored=2)


@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "13")
def test_a_name_that_was_redeemed_gives_nothing_more(bank: RelyingParty) -> None:
    auth_req_id = accepted(bank.authenticate())
    approve(auth_req_id)
    assert poll(bank, auth_req_id).status_code == 200
    refused(poll(bank, auth_req_id), "invalid_grant", stored=1)


@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "15")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "16")
def test_tokens_say_their_scopes_and_cannot_be_guessed(bank: RelyingParty) -> None:
    tokens = redeemed(bank, scope="openid email")
    assert tokens["scope"] == "openid email"
    for name in ("access_token", "refresh_token"):
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", tokens[name])  # 256 bits


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
