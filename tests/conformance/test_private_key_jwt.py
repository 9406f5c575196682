"""private_key_jwt: a client that proves itself by a signed assertion."""

from typing import Any

import pytest

from django_ciba.jose import ASYMMETRIC_ALGS, sign
from django_ciba.models import Realm
from tests.conformance.assertions import send, unproved
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted
from tests.provider import key, make_client
from tests.relying_party import RelyingParty, compact


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(token_endpoint_auth_method="private_key_jwt")


# --- keys and algorithms -----------------------------------------------------------------------


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_an_assertion_of_each_algorithm_proves_the_client_at_both_endpoints(
    relying_party: RelyingParties, alg: str
) -> None:
    rp = relying_party(token_endpoint_auth_method="private_key_jwt", alg=alg)
    auth_req_id = accepted(rp.authenticate())
    assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"


def keys_without_alg(alg: str) -> dict[str, Any]:
    jwk = {name: value for name, value in key(alg, "client").public_jwk.items() if name != "alg"}
    return {"keys": [jwk]}


@pytest.mark.requirement("OIDC Registration", "2")
@pytest.mark.parametrize(("registered", "other"), [("PS256", "RS256"), ("RS256", "PS256")])
def test_a_registered_algorithm_is_the_only_one_taken(
    relying_party: RelyingParties, registered: str, other: str
) -> None:
    rp = relying_party(
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg=registered,
        alg="RS256",
        jwks=keys_without_alg("RS256"),
    )
    private = key("RS256", "client")
    claims = rp.assertion_claims()
    same = type(private)(kid=private.kid, alg=other, key=private.key)
    unproved(send(rp, sign(claims, same)), f"alg must be {registered}")
    good = type(private)(kid=private.kid, alg=registered, key=private.key)
    accepted(send(rp, sign(claims, good)))


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_an_assertion_without_kid_is_tried_with_every_key(
    relying_party: RelyingParties,
) -> None:
    keys = [key(alg, name).public_jwk for alg in ("ES256", "RS256") for name in ("spare", "client")]
    rp = relying_party(token_endpoint_auth_method="private_key_jwt", jwks={"keys": keys})
    accepted(send(rp, compact({"alg": "ES256"}, rp.assertion_claims(), rp.key)))


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_an_unknown_kid_is_refused(rp: RelyingParty) -> None:
    token = compact({"alg": "ES256", "kid": "other"}, rp.assertion_claims(), rp.key)
    unproved(send(rp, token), "no registered key fits kid and alg")


@pytest.mark.requirement("RFC 7517", "4.2")
def test_a_key_for_encryption_verifies_nothing(relying_party: RelyingParties) -> None:
    jwk = {**key("ES256", "client").public_jwk, "use": "enc"}
    rp = relying_party(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [jwk]})
    unproved(rp.authenticate(), "no registered key fits kid and alg")


@pytest.mark.requirement("Protocol", "2")
def test_a_client_without_keys_proves_nothing(relying_party: RelyingParties) -> None:
    rp = relying_party(token_endpoint_auth_method="private_key_jwt", jwks=None)
    unproved(rp.authenticate(), "no registered key fits kid and alg")


@pytest.mark.requirement("RFC 8725", "3.10")
@pytest.mark.parametrize("kid", ["client", "stranger"])
def test_keys_and_addresses_in_the_header_are_ignored(rp: RelyingParty, kid: str) -> None:
    stranger = key("ES256", "stranger")
    header = {
        "alg": "ES256",
        "kid": key("ES256", kid).kid,
        "jwk": stranger.public_jwk,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/certificate",
        "x5c": ["AAAA"],
    }
    claims = rp.assertion_claims()
    words = "the signature does not verify" if kid == "client" else "no registered key fits"
    unproved(send(rp, compact(header, claims, stranger)), words)
    accepted(send(rp, compact({**header, "kid": rp.key.kid}, claims, rp.key)))


@pytest.mark.requirement("RFC 7523", "3", row="9")
def test_another_clients_key_is_refused(rp: RelyingParty, realm: Realm) -> None:
    stranger = key("ES256", "stranger")
    make_client(
        realm,
        client_id="bank",
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [stranger.public_jwk]},
    )
    unproved(send(rp, sign(rp.assertion_claims(), stranger)), "no registered key fits")
    nameless = compact({"alg": "ES256"}, rp.assertion_claims(), stranger)
    unproved(send(rp, nameless), "the signature does not verify")
