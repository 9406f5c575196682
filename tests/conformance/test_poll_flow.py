"""The whole poll flow: a signed request, an answer, tokens, claims."""

import pytest

from tests.provider import approve, deny
from tests.relying_party import RelyingParty, claims_of


@pytest.mark.requirement("CIBA Core", "5")
@pytest.mark.requirement("CIBA Core", "7.3")
@pytest.mark.requirement("CIBA Core", "10.1.1")
def test_a_signed_request_an_approval_and_then_tokens(rp: RelyingParty) -> None:
    answer = rp.authenticate(acr_values="push")
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"auth_req_id", "expires_in", "interval"}
    auth_req_id = answer.json()["auth_req_id"]
    pending = rp.poll(auth_req_id)
    assert pending.status_code == 400
    assert pending.json() == {
        "error": "authorization_pending",
        "error_description": "End user has not yet been authenticated",
    }
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id)
    assert tokens.status_code == 200, tokens.content
    assert set(tokens.json()) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "id_token",
        "refresh_token",
    }
    claims = claims_of(tokens.json()["id_token"])
    assert claims["acr"] == "push"
    info = rp.userinfo(tokens.json()["access_token"])
    assert info.status_code == 200
    assert info.json()["name"] == "Alice Adams"
    assert info.json()["sub"] == claims["sub"]


@pytest.mark.requirement("CIBA Core", "11")
def test_a_denial_is_access_denied(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    deny(auth_req_id)
    answer = rp.poll(auth_req_id)
    assert answer.status_code == 400
    assert answer.json()["error"] == "access_denied"
