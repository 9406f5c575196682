"""Token revocation (RFC 7009)."""

from typing import Any

import pytest

from django_ciba.models import Grant, Realm
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import refused, tokens_of
from tests.provider import make_realm
from tests.relying_party import RelyingParty


@pytest.fixture
def tokens(rp: RelyingParty) -> dict[str, Any]:
    return tokens_of(rp)


def revoke(caller: RelyingParty, token: str, **changes: Any) -> None:
    answer = caller.post("token/revoke", {"token": token, **changes})
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"


def is_alive(rp: RelyingParty, tokens: dict[str, Any]) -> bool:
    """Whether both tokens of the grant work; it never is only one of them."""
    answers = [
        rp.userinfo(tokens["access_token"]).status_code == 200,
        rp.post("introspect", {"token": tokens["refresh_token"]}).json()["active"],
    ]
    assert len(set(answers)) == 1
    return bool(answers[0])


@pytest.mark.requirement("RFC 7009", "2.1")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "banana", ""])
def test_either_token_ends_the_grant_whatever_the_hint_says(
    rp: RelyingParty, tokens: dict[str, Any], name: str, hint: str
) -> None:
    assert is_alive(rp, tokens)
    revoke(rp, tokens[name], token_type_hint=hint)
    assert not is_alive(rp, tokens)
    assert rp.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.requirement("RFC 7009", "2.1")
def test_a_spent_refresh_token_ends_its_grant_too(rp: RelyingParty, tokens: dict[str, Any]) -> None:
    successors = rp.refresh(tokens["refresh_token"]).json()
    revoke(rp, tokens["refresh_token"])
    assert not is_alive(rp, successors)


@pytest.mark.requirement("RFC 7009", "2.2")
def test_revoking_twice_is_answered_alike_and_moves_nothing(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    revoke(rp, tokens["access_token"])
    (ended,) = Grant.objects.values_list("revoked_at", flat=True)
    revoke(rp, tokens["access_token"])
    assert list(Grant.objects.values_list("revoked_at", flat=True)) == [ended]


@pytest.mark.requirement("RFC 7009", "2.2")
@pytest.mark.parametrize("token", ["unknown", "x y", "\u00e9", "a.b.c", "a" * 5000])
def test_an_unknown_token_is_answered_like_a_known_one(
    rp: RelyingParty, tokens: dict[str, Any], token: str
) -> None:
    revoke(rp, token)
    assert is_alive(rp, tokens)


@pytest.mark.requirement("RFC 7009", "2.1")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_another_clients_token_is_left_as_it_is_and_nobody_is_told(
    relying_party: RelyingParties, rp: RelyingParty, tokens: dict[str, Any], name: str
) -> None:
    other = relying_party(client_id="other", may_introspect=True)
    revoke(other, tokens[name])
    assert is_alive(rp, tokens)


@pytest.mark.requirement("RFC 7009", "2.1")
def test_a_client_of_the_same_name_in_another_realm_is_another_client(
    relying_party: RelyingParties, realm: Realm, rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    namesake = relying_party(realm=make_realm("alpha", realm))
    assert namesake.client.client_id == rp.client.client_id
    revoke(namesake, tokens["access_token"])
    assert is_alive(rp, tokens)


@pytest.mark.requirement("RFC 7009", "2.1")
def test_the_other_grants_of_the_client_live_on(rp: RelyingParty, tokens: dict[str, Any]) -> None:
    others = tokens_of(rp)
    revoke(rp, tokens["access_token"])
    assert not is_alive(rp, tokens)
    assert is_alive(rp, others)


@pytest.mark.requirement("RFC 7009", "2.2.1")
def test_an_id_token_is_refused_for_it_cannot_be_called_back(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    answer = rp.post("token/revoke", {"token": tokens["id_token"]})
    refused(answer, "unsupported_token_type", "access token or a refresh token", stored=1)
    assert is_alive(rp, tokens)


@pytest.mark.requirement("RFC 7009", "2.1")
def test_whoever_does_not_prove_to_be_a_client_is_refused(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    answer = rp.post("token/revoke", {"token": tokens["access_token"]}, authenticated=False)
    refused(answer, "invalid_client", "is missing", status=401, stored=1)
    assert is_alive(rp, tokens)


@pytest.mark.requirement("RFC 7009", "2.1")
def test_a_missing_token_and_one_sent_twice_are_refused(
    rp: RelyingParty, tokens: dict[str, Any]
) -> None:
    hint = {"token_type_hint": "access_token"}
    refused(rp.post("token/revoke", hint), "invalid_request", "token is missing", stored=1)
    twice = [("token", tokens["access_token"]), ("token", tokens["refresh_token"])]
    refused(rp.post("token/revoke", twice), "invalid_request", "more than once", stored=1)
    assert is_alive(rp, tokens)


@pytest.mark.requirement("RFC 7009", "2")
def test_only_post_is_taken(rp: RelyingParty, tokens: dict[str, Any]) -> None:
    answer = rp.http.get(f"/oauth2/token/revoke?token={tokens['access_token']}")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert is_alive(rp, tokens)
