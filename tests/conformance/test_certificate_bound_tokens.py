"""Certificate-bound access tokens over HTTP (RFC 8705 §3, §4)."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.jose import base64url
from django_ciba.models import Client, Grant, Realm, Token, UsedProof
from tests.certificates import Certified, as_rfc9440, certified
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import at
from tests.proofs import ProofMaker, ath
from tests.provider import approve, find, key
from tests.relying_party import Answer, RelyingParty

NEEDED = "this client's tokens are bound to its certificate: show it in the TLS handshake"


@pytest.fixture(autouse=True)
def proxy(site: None, settings: Any) -> None:
    """A proxy on this machine hands certificates on."""
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "CLIENT_CERTIFICATE_HEADER": "Client-Cert",
        "CLIENT_CERTIFICATE_FORMAT": "rfc9440",
        "TRUSTED_PROXIES": ("127.0.0.1",),
    }


@pytest.fixture(scope="module")
def mine() -> Certified:
    return certified()


@pytest.fixture(scope="module")
def other() -> Certified:
    """Of the same subject, as a thief with a leaked authority could have it."""
    return certified()


@pytest.fixture
def bound(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(tls_client_certificate_bound_access_tokens=True)


def shown(certificate: Certified) -> dict[str, str]:
    return {"Client-Cert": as_rfc9440(certificate.der)}


def tokens(rp: RelyingParty, certificate: Certified) -> dict[str, Any]:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    answer = rp.poll(auth_req_id, headers=shown(certificate))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def refused(answer: Answer, code: str, words: str, *, status: int = 400) -> None:
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert (set(body), body["error"]) == ({"error", "error_description"}, code), body
    assert words in body["error_description"], body


# --- the token endpoint --------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8705", "3")
@pytest.mark.requirement("RFC 8705", "3.1")
def test_tokens_are_bound_to_the_certificate_that_they_were_asked_for_with(
    bound: RelyingParty, mine: Certified, alice: AbstractBaseUser
) -> None:
    response = tokens(bound, mine)
    assert response["token_type"] == "Bearer"
    stored = Token.objects.get(kind="access")
    assert stored.x5t_s256 == base64url(sha256(mine.der).digest())
    answer = bound.userinfo(response["access_token"], **shown(mine))
    assert answer.json()["sub"] == str(alice.pk)


@pytest.mark.requirement("RFC 8705", "4")
def test_client_authentication_need_not_be_by_certificate(
    relying_party: RelyingParties, mine: Certified, other: Certified
) -> None:
    """Bound by a certificate that nobody has registered, and that no authority has issued."""
    rp = relying_party(
        token_endpoint_auth_method="private_key_jwt",
        tls_client_certificate_bound_access_tokens=True,
    )
    token = tokens(rp, mine)["access_token"]
    assert rp.userinfo(token, **shown(mine)).status_code == 200
    assert rp.userinfo(token, **shown(other)).status_code == 401


@pytest.mark.requirement("RFC 8705", "3.4")
def test_without_its_certificate_the_client_is_told_before_state_is_looked_at(
    bound: RelyingParty,
) -> None:
    with at(0):
        auth_req_id = bound.auth_req_id()
        for _ in range(3):
            refused(bound.poll(auth_req_id), "invalid_request", NEEDED)
        assert (find(auth_req_id).polled_us, find(auth_req_id).slow_downs) == (0, 0)
        approve(auth_req_id)
        refused(bound.poll(auth_req_id), "invalid_request", NEEDED)
    assert find(auth_req_id).status == "authorized"
    assert not Grant.objects.exists()
    refused(bound.poll("unknown"), "invalid_request", NEEDED)
    refused(bound.refresh("unknown"), "invalid_request", NEEDED)


@pytest.mark.requirement("RFC 8705", "3.4")
def test_a_client_that_did_not_ask_for_it_gets_tokens_for_bearers(
    rp: RelyingParty, mine: Certified
) -> None:
    token = tokens(rp, mine)["access_token"]
    assert Token.objects.get(kind="access").x5t_s256 == ""
    assert rp.userinfo(token).status_code == 200


@pytest.mark.requirement("RFC 8705", "7.1")
def test_a_refresh_binds_anew_to_the_certificate_of_its_own_request(
    bound: RelyingParty, mine: Certified, other: Certified
) -> None:
    """So a client can renew its certificate without asking its users again (RFC 8705 §7.1)."""
    refresh_token = tokens(bound, mine)["refresh_token"]
    refused(bound.refresh(refresh_token), "invalid_request", NEEDED)
    renewed = bound.refresh(refresh_token, headers=shown(other))
    assert renewed.status_code == 200, renewed.content
    token = renewed.json()["access_token"]
    assert bound.userinfo(token, **shown(other)).status_code == 200
    refused(bound.userinfo(token, **shown(mine)), "invalid_token", "another", status=401)


@pytest.mark.requirement("RFC 8705", "7.1")
def test_a_refresh_token_is_bound_to_its_client_and_to_no_certificate(
    bound: RelyingParty, mine: Certified
) -> None:
    tokens(bound, mine)
    assert Token.objects.get(kind="refresh").x5t_s256 == ""


@pytest.mark.requirement("RFC 8705", "6.3")
def test_an_expired_certificate_binds_nothing(bound: RelyingParty) -> None:
    auth_req_id = bound.auth_req_id()
    approve(auth_req_id)
    now = datetime.now(UTC)
    expired = certified(begins=now - timedelta(days=2), ends=now - timedelta(days=1))
    answer = bound.poll(auth_req_id, headers=shown(expired))
    refused(answer, "invalid_client", "has expired", status=401)
    assert find(auth_req_id).status == "authorized"


@pytest.mark.requirement("RFC 8705", "3")
def test_a_token_can_be_bound_to_certificate_and_key_at_once(
    relying_party: RelyingParties, mine: Certified, other: Certified
) -> None:
    rp = relying_party(
        tls_client_certificate_bound_access_tokens=True, dpop_bound_access_tokens=True
    )
    maker = ProofMaker(key("ES256", "dpop"))
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    proof = {"DPoP": maker.proof("POST", f"{ISSUER}/access_token")}
    refused(rp.poll(auth_req_id, headers=proof), "invalid_request", NEEDED)
    refused(rp.poll(auth_req_id, headers=shown(mine)), "invalid_dpop_proof", "must send")
    assert not UsedProof.objects.exists()
    answer = rp.poll(auth_req_id, headers={**proof, **shown(mine)})
    token = answer.json()["access_token"]

    def ask(**headers: str) -> Answer:
        proof = maker.proof("GET", f"{ISSUER}/userinfo", ath=ath(token))
        return rp.userinfo(token, Authorization=f"DPoP {token}", DPoP=proof, **headers)

    refused(ask(), "invalid_token", "certificate", status=401)
    refused(ask(**shown(other)), "invalid_token", "another client certificate", status=401)
    refused(rp.userinfo(token, **shown(mine)), "invalid_token", "DPoP key", status=401)
    assert ask(**shown(mine)).status_code == 200


# --- UserInfo ------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8705", "3")
def test_without_the_certificate_the_token_is_worth_nothing(
    bound: RelyingParty, mine: Certified, other: Certified
) -> None:
    token = tokens(bound, mine)["access_token"]
    without = bound.userinfo(token)
    refused(without, "invalid_token", "show it in the TLS handshake", status=401)
    assert without["WWW-Authenticate"].startswith('Bearer realm="userinfo", error="invalid_token"')
    refused(bound.userinfo(token, **shown(other)), "invalid_token", "another", status=401)
    unreadable = bound.userinfo(token, **{"Client-Cert": ":AAAA:"})
    refused(unreadable, "invalid_token", "cannot be read", status=401)
    assert bound.userinfo(token, **shown(mine)).status_code == 200


@pytest.mark.requirement("RFC 8705", "6.5")
def test_a_certificate_header_from_elsewhere_proves_nothing(
    bound: RelyingParty, mine: Certified, settings: Any
) -> None:
    token = tokens(bound, mine)["access_token"]
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "TRUSTED_PROXIES": ("10.0.0.0/8",)}
    answer = bound.userinfo(token, **shown(mine))
    refused(answer, "invalid_request", "from the proxy of this provider alone")
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CLIENT_CERTIFICATE_HEADER": None}
    refused(bound.userinfo(token, **shown(mine)), "invalid_token", "TLS handshake", status=401)


@pytest.mark.requirement("RFC 8705", "3")
def test_a_token_for_bearers_needs_no_certificate_and_minds_none(
    rp: RelyingParty, mine: Certified
) -> None:
    token = tokens(rp, mine)["access_token"]
    for headers in ({}, shown(mine), {"Client-Cert": ":AAAA:"}):
        assert rp.userinfo(token, **headers).status_code == 200


@pytest.mark.requirement("RFC 8705", "3")
def test_a_client_that_gives_up_binding_does_not_loosen_the_tokens_it_has(
    bound: RelyingParty, mine: Certified, realm: Realm
) -> None:
    token = tokens(bound, mine)["access_token"]
    Client.objects.update(tls_client_certificate_bound_access_tokens=False)
    assert bound.userinfo(token).status_code == 401


@pytest.mark.requirement("RFC 8705", "3")
def test_a_client_that_authenticates_by_certificate_binds_to_that_one(
    relying_party: RelyingParties, mine: Certified
) -> None:
    rp = relying_party(
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks={"keys": [mine.jwk, key("ES256", "client").public_jwk]},
        tls_client_certificate_bound_access_tokens=True,
    )
    begun = rp.post("bc-authorize", {"request": rp.signed_request()}, headers=shown(mine))
    auth_req_id = begun.json()["auth_req_id"]
    approve(auth_req_id)
    answer = rp.poll(auth_req_id, headers=shown(mine))
    assert answer.status_code == 200, answer.content
    token = answer.json()["access_token"]
    assert rp.userinfo(token, **shown(mine)).status_code == 200
    assert rp.userinfo(token).status_code == 401
