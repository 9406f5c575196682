"""UserInfo as a signed JWT (OpenID Connect Core §5.3.2)."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.hooks import CibaHooks
from django_ciba.models import Realm
from tests.authorization_details import PAYMENT, make_details_type, payment
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import refused, signed_by, tokens_of
from tests.provider import approve
from tests.relying_party import RelyingParty


@pytest.mark.requirement("OIDC Core", "5.3.2")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_it_is_signed_as_the_client_is_registered(
    relying_party: RelyingParties, realm: Realm, alice: AbstractBaseUser, alg: str
) -> None:
    rp = relying_party(userinfo_signed_response_alg=alg)
    tokens = tokens_of(rp, claims={"userinfo": {"email": None}}, scope="openid")
    answer = rp.userinfo(tokens["access_token"])
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/jwt"
    assert answer["Cache-Control"] == "no-store"
    assert signed_by(realm, answer.content.decode(), alg, "JWT") == {
        "iss": ISSUER,
        "aud": "shop",
        "sub": str(alice.pk),
        "subname": str(alice.pk),
        "email": "alice@example.com",
    }


@pytest.mark.requirement("OIDC Core", "5.3.3")
def test_a_refusal_is_json_though_the_answer_is_signed(relying_party: RelyingParties) -> None:
    rp = relying_party(userinfo_signed_response_alg="ES256")
    answer = rp.userinfo("unknown")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["error"] == "invalid_token"


@pytest.mark.requirement("OIDC Core", "5.3.2")
def test_it_is_no_id_token_hint(relying_party: RelyingParties) -> None:
    rp = relying_party(userinfo_signed_response_alg="ES256")
    answer = rp.userinfo(tokens_of(rp)["access_token"])
    hint = rp.authenticate(login_hint=None, id_token_hint=answer.content.decode())
    refused(hint, "invalid_request", "exp is needed", stored=1)


@pytest.mark.requirement("RFC 8725", "2.8")
def test_an_algorithm_that_the_realm_lost_is_a_fault_of_ours(
    relying_party: RelyingParties, realm: Realm, caplog: pytest.LogCaptureFixture
) -> None:
    rp = relying_party(userinfo_signed_response_alg="EdDSA")
    tokens = tokens_of(rp)
    realm.signing_keys.filter(alg="EdDSA").delete()
    realm.save()
    answer = rp.userinfo(tokens["access_token"])
    refused(answer, "server_error", "no signing key", status=500, stored=1)
    assert "EdDSA" in caplog.text


class Silent(CibaHooks):
    def claims(self, user: Any, scopes: Any, client: Any) -> dict[str, Any]:
        return {"name": None, "locale": "ka"}


@pytest.mark.requirement("OIDC Core", "5.3.2")
def test_a_claim_without_a_value_is_left_out(rp: RelyingParty, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Silent"}
    claims = rp.userinfo(tokens_of(rp)["access_token"]).json()
    assert set(claims) == {"sub", "subname", "locale"}


@pytest.mark.requirement("RFC 9396", "9")
def test_authorization_details_are_said_for_as_long_as_the_client_may_have_them(
    realm: Realm, relying_party: RelyingParties
) -> None:
    make_details_type(realm)
    rp = relying_party(authorization_details_types=[PAYMENT])
    auth_req_id = rp.auth_req_id(authorization_details=[payment()])
    approve(auth_req_id)
    access_token = rp.poll(auth_req_id).json()["access_token"]
    assert rp.userinfo(access_token).json()["authorization_details"] == [payment()]
    rp.client.authorization_details_types = []
    rp.client.save()
    assert "authorization_details" not in rp.userinfo(access_token).json()
