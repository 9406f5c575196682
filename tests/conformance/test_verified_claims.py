"""Verified claims (OpenID Identity Assurance), as far as they are ours: asked, heard, said."""

import json
from typing import Any, ClassVar

import pytest

from django_ciba.hooks import CibaHooks
from django_ciba.models import Realm
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import refused, signed_by, tokens_of
from tests.relying_party import RelyingParty, claims_of

ASKED: dict[str, Any] = {
    "verification": {"trust_framework": {"value": "ge_aml"}, "time": {"max_age": 63113852}},
    "claims": {"given_name": {"essential": True}, "birthdate": None},
}
SAID = {
    "verification": {"trust_framework": "ge_aml", "time": "2025-04-21T11:30Z"},
    "claims": {"given_name": "Alice", "birthdate": "1990-05-04"},
}


class Notary(CibaHooks):
    """Keeps in mind what it was asked."""

    claims_supported = (*CibaHooks.claims_supported, "verified_claims")
    verified_claims_metadata: ClassVar = {"trust_frameworks_supported": ["ge_aml"]}
    heard: ClassVar[list[Any]] = []

    def requested_claims(self, user: Any, requested: Any, client: Any) -> dict[str, Any]:
        said = super().requested_claims(user, requested, client)
        if "verified_claims" in requested:
            self.heard.append(requested["verified_claims"])
            said["verified_claims"] = SAID
        return said


@pytest.fixture(autouse=True)
def notary(site: None, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Notary"}
    Notary.heard = []


@pytest.mark.requirement("OIDC Core", "5.5")
@pytest.mark.parametrize("asked", [ASKED, [ASKED, {**ASKED, "claims": {}}]])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_hook_hears_what_was_asked_and_says_it_in_signed_userinfo(
    relying_party: RelyingParties, realm: Realm, asked: Any, as_text: bool
) -> None:
    rp = relying_party(userinfo_signed_response_alg="ES256")
    claims: Any = {"userinfo": {"verified_claims": asked, "email": None}}
    tokens = tokens_of(rp, scope="openid", claims=json.dumps(claims) if as_text else claims)
    answer = rp.userinfo(tokens["access_token"])
    said = signed_by(realm, answer.content.decode(), "ES256", "JWT")
    assert said["verified_claims"] == SAID
    assert said["email"] == "alice@example.com"
    assert Notary.heard == [asked]
    assert "verified_claims" not in claims_of(tokens["id_token"])


@pytest.mark.requirement("OIDC Core", "5.5")
def test_they_stand_in_the_id_token_where_they_are_asked_for_there(rp: RelyingParty) -> None:
    tokens = tokens_of(rp, scope="openid", claims={"id_token": {"verified_claims": ASKED}})
    assert claims_of(tokens["id_token"])["verified_claims"] == SAID
    assert "verified_claims" not in rp.userinfo(tokens["access_token"]).json()


def test_they_are_never_said_unasked(rp: RelyingParty) -> None:
    tokens = tokens_of(rp)
    assert "verified_claims" not in claims_of(tokens["id_token"])
    assert "verified_claims" not in rp.userinfo(tokens["access_token"]).json()
    assert Notary.heard == []


@pytest.mark.requirement("OIDC Core", "5.5")
@pytest.mark.parametrize(
    "asked",
    [
        "all",
        [],
        [None],
        {},
        {"essential": True},
        {"claims": {}},
        {"verification": {}},
        {"verification": None, "claims": {}},
        {"verification": {}, "claims": ["given_name"]},
        [ASKED, {"claims": {}}],
    ],
)
def test_a_wrong_shape_is_refused(rp: RelyingParty, asked: Any) -> None:
    answer = rp.authenticate(claims={"userinfo": {"verified_claims": asked}})
    refused(answer, "invalid_request", "must be an object with verification and claims")


def test_discovery_says_so_where_a_hook_can(rp: RelyingParty) -> None:
    document = rp.http.get("/oauth2/.well-known/openid-configuration").json()
    assert "verified_claims" in document["claims_supported"]
    assert document["verified_claims_supported"] is True
    assert document["trust_frameworks_supported"] == ["ge_aml"]


def test_discovery_says_nothing_where_no_hook_can(rp: RelyingParty, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": "django_ciba.hooks.CibaHooks"}
    document = rp.http.get("/oauth2/.well-known/openid-configuration").json()
    assert "verified_claims" not in document["claims_supported"]
    assert not [name for name in document if "verified" in name or "trust" in name]
    answer = rp.authenticate(scope="openid", claims={"userinfo": {"verified_claims": ASKED}})
    assert answer.status_code == 200  # what nobody here knows is ignored
