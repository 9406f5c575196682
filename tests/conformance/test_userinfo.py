"""UserInfo (OpenID Connect Core §5.3, RFC 6750)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from django_ciba.hooks import CibaHooks
from django_ciba.models import Client, Grant, Realm, Token
from tests.conformance.conftest import RelyingParties
from tests.provider import approve, make_realm
from tests.relying_party import FORM, RelyingParty


@pytest.fixture
def access_token(rp: RelyingParty) -> str:
    auth_req_id = rp.auth_req_id(scope="openid profile")
    approve(auth_req_id)
    return str(rp.poll(auth_req_id).json()["access_token"])


def refused(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.content
    assert answer.json()["error"] == code
    challenge = answer["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert f'error="{code}"' in challenge


@pytest.mark.requirement("OIDC Core", "5.3.2")
def test_the_claims_are_those_of_the_seeds(
    rp: RelyingParty, access_token: str, alice: AbstractBaseUser
) -> None:
    answer = rp.userinfo(access_token)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "name": "Alice Adams",
        "given_name": "Alice",
        "family_name": "Adams",
        "preferred_username": "alice",
        "sub": str(alice.pk),
        "subname": str(alice.pk),
    }


@pytest.mark.requirement("OIDC Core", "5.4")
@pytest.mark.parametrize(
    ("scope", "names"),
    [("openid", set()), ("openid email", {"email"})],
)
def test_a_scope_opens_its_claims_and_no_others(
    rp: RelyingParty, scope: str, names: set[str]
) -> None:
    auth_req_id = rp.auth_req_id(scope=scope)
    approve(auth_req_id)
    answer = rp.userinfo(rp.poll(auth_req_id).json()["access_token"])
    assert set(answer.json()) == {"sub", "subname"} | names


@pytest.mark.requirement("OIDC Core", "5.3.1")
def test_post_works_as_get_does(rp: RelyingParty, access_token: str) -> None:
    answer = rp.http.post(
        "/oauth2/userinfo",
        data=b"",
        content_type=FORM,
        headers={"Authorization": f"Bearer {access_token}"},
    )
    assert answer.status_code == 200


@pytest.mark.requirement("RFC 6750", "3.1")
def test_without_a_token_the_challenge_names_no_error(rp: RelyingParty) -> None:
    answer = rp.http.get("/oauth2/userinfo")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="userinfo", DPoP realm="userinfo", algs="ES256 PS256 RS256 EdDSA"'
    )


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("value", ["unknown", "\u00e9", "a" * 5000])
def test_an_unknown_token_is_invalid_token(rp: RelyingParty, value: str) -> None:
    answer = rp.http.get("/oauth2/userinfo", HTTP_AUTHORIZATION=f"Bearer {value}")
    refused(answer, 401, "invalid_token")


@pytest.mark.requirement("RFC 6750", "2.3")
def test_a_token_in_the_query_is_refused_even_beside_a_good_one(
    rp: RelyingParty, access_token: str
) -> None:
    answer = rp.http.get(
        f"/oauth2/userinfo?access_token={access_token}",
        headers={"Authorization": f"Bearer {access_token}"},
    )
    refused(answer, 400, "invalid_request")


@pytest.mark.requirement("RFC 6750", "3.1")
def test_an_expired_or_revoked_token_is_invalid_token(rp: RelyingParty, access_token: str) -> None:
    now = timezone.now()
    Token.objects.filter(kind="access").update(expires_at=now)
    refused(rp.userinfo(access_token), 401, "invalid_token")
    Token.objects.filter(kind="access").update(expires_at=now + timedelta(hours=1))
    assert rp.userinfo(access_token).status_code == 200
    Grant.objects.all().revoke(now)
    refused(rp.userinfo(access_token), 401, "invalid_token")


@pytest.mark.requirement("RFC 6750", "3.1")
def test_a_locked_user_or_a_disabled_client_ends_the_token_at_once(
    rp: RelyingParty, access_token: str, alice: AbstractBaseUser
) -> None:
    users = get_user_model().objects
    users.update(is_active=False)
    refused(rp.userinfo(access_token), 401, "invalid_token")
    users.update(is_active=True)
    Client.objects.update(enabled=False)
    refused(rp.userinfo(access_token), 401, "invalid_token")


@pytest.mark.requirement("RFC 6750", "3.1")
def test_a_token_of_another_realm_is_invalid_token(
    rp: RelyingParty, access_token: str, realm: Realm
) -> None:
    make_realm("alpha", realm)
    answer = rp.http.get(
        "/oauth2/realms/root/realms/alpha/userinfo",
        headers={"Authorization": f"Bearer {access_token}"},
    )
    refused(answer, 401, "invalid_token")


class Impostor(CibaHooks):
    """A hook that claims to be somebody else."""

    def claims(self, user: Any, scopes: Any, client: Any) -> dict[str, Any]:
        return {"sub": "somebody else", "favourite_colour": "green"}


@pytest.mark.requirement("OIDC Core", "5.3.2")
def test_a_hook_adds_claims_but_cannot_change_the_subject(
    rp: RelyingParty, relying_party: RelyingParties, settings: Any, access_token: str
) -> None:
    before = rp.userinfo(access_token).json()["sub"]
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Impostor"}
    assert rp.userinfo(access_token).json() == {
        "sub": before,
        "subname": before,
        "favourite_colour": "green",
    }
