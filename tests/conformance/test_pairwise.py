"""Pairwise subjects (OpenID Connect Core §8, CIBA Core §4)."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client as HttpClient

from django_ciba.hooks import CibaHooks, hooks
from django_ciba.models import AuthenticationRequest, Client, Grant, Realm
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import refused, tokens_of
from tests.provider import approve, find, make_realm, make_user
from tests.relying_party import RelyingParty, claims_of

SALT = "no subject can be guessed from this one"
SECTOR = "https://sector.example.com/uris.json"


@pytest.fixture(autouse=True)
def salted(site: None, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": SALT}


def unsalted(settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": None}


@pytest.fixture
def pairwise(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(subject_type="pairwise", sector_identifier_uri=SECTOR)


def sub_for(rp: RelyingParty) -> str:
    return str(claims_of(tokens_of(rp)["id_token"])["sub"])


@pytest.mark.requirement("OIDC Core", "8.1")
def test_clients_of_one_sector_know_a_user_by_one_subject_and_others_by_another(
    relying_party: RelyingParties, pairwise: RelyingParty, alice: AbstractBaseUser
) -> None:
    sister = relying_party(
        client_id="sister",
        subject_type="pairwise",
        sector_identifier_uri="https://SECTOR.example.com:8443/other.json",
    )
    stranger = relying_party(
        client_id="stranger",
        subject_type="pairwise",
        sector_identifier_uri="https://stranger.example.com/uris.json",
    )
    alone = relying_party(client_id="alone", subject_type="pairwise")
    also_alone = relying_party(client_id="also-alone", subject_type="pairwise")
    public = relying_party(client_id="public")
    assert sub_for(pairwise) == sub_for(sister) == sub_for(pairwise)
    others = {sub_for(each) for each in (pairwise, stranger, alone, also_alone, public)}
    assert len(others) == 5
    assert sub_for(public) == str(alice.pk)


@pytest.mark.requirement("OIDC Core", "8.1")
def test_two_users_are_two_subjects_that_say_nothing_of_them(pairwise: RelyingParty) -> None:
    bob = make_user("bob")
    subjects = {
        claims_of(tokens_of(pairwise, login_hint=name)["id_token"])["sub"]
        for name in ("alice", "bob")
    }
    assert len(subjects) == 2
    for each in subjects:
        assert len(each) == 43
        assert each.isascii()
        assert str(bob.pk) != each


@pytest.mark.requirement("OIDC Core", "8.1")
def test_it_is_the_same_everywhere(pairwise: RelyingParty, relying_party: RelyingParties) -> None:
    tokens = tokens_of(pairwise)
    sub = claims_of(tokens["id_token"])["sub"]
    userinfo = pairwise.userinfo(tokens["access_token"]).json()
    assert userinfo["sub"] == userinfo["subname"] == sub
    for caller in (pairwise, relying_party(client_id="api", may_introspect=True)):
        answer = caller.post("introspect", {"token": tokens["access_token"]}).json()
        assert answer["sub"] == sub
        assert "username" not in answer
    again = pairwise.refresh(tokens["refresh_token"]).json()
    assert claims_of(again["id_token"])["sub"] == sub


@pytest.mark.requirement("CIBA Core", "4")
@pytest.mark.parametrize(
    ("changes", "sector"),
    [
        ({"sector_identifier_uri": SECTOR, "jwks_uri": "https://keys.example/"}, "host:sector."),
        ({"jwks_uri": "https://keys.example/jwks"}, "host:keys.example"),
        (
            {
                "backchannel_token_delivery_mode": "ping",
                "jwks_uri": "https://keys.example/jwks",
                "backchannel_client_notification_endpoint": "https://ping.example/cb",
            },
            "host:keys.example",
        ),
        (
            {
                "backchannel_token_delivery_mode": "push",
                "jwks_uri": "https://keys.example/jwks",
                "backchannel_client_notification_endpoint": "https://push.example/cb",
            },
            "host:push.example",
        ),
        ({}, "client:/:shop"),
    ],
)
def test_the_sector_is_the_host_that_the_client_shows_to_be_its_own(
    changes: dict[str, str], sector: str
) -> None:
    client = Client(realm=Realm(path="/"), client_id="shop", **changes)
    assert client.sector.startswith(sector)


@pytest.mark.requirement("OIDC Core", "8.1")
def test_clients_of_one_name_in_two_realms_are_two_sectors(
    relying_party: RelyingParties, realm: Realm
) -> None:
    here = relying_party(subject_type="pairwise")
    there = relying_party(subject_type="pairwise", realm=make_realm("alpha", realm))
    assert here.client.client_id == there.client.client_id
    assert sub_for(here) != sub_for(there)


# --- the way back ---------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1")
def test_an_id_token_hint_leads_back_to_its_user(
    pairwise: RelyingParty, alice: AbstractBaseUser
) -> None:
    hint = tokens_of(pairwise)["id_token"]
    auth_req_id = pairwise.auth_req_id(login_hint=None, id_token_hint=hint)
    assert find(auth_req_id).user == alice


@pytest.mark.requirement("CIBA Core", "7.1")
def test_a_subject_identifier_leads_back_too_but_only_to_whom_it_was_given(
    pairwise: RelyingParty, relying_party: RelyingParties, alice: AbstractBaseUser
) -> None:
    sub = sub_for(pairwise)
    hint = {"format": "iss_sub", "iss": ISSUER, "sub": sub}
    assert find(pairwise.auth_req_id(login_hint=hint)).user == alice
    stored = AuthenticationRequest.objects.count()
    other = relying_party(client_id="other", subject_type="pairwise")
    refused(other.authenticate(login_hint=hint), "unknown_user_id", stored=stored)
    own = {**hint, "sub": str(alice.pk)}  # a public subject is none of a pairwise client's
    refused(pairwise.authenticate(login_hint=own), "unknown_user_id", stored=stored)


@pytest.mark.requirement("OIDC Core", "8.1")
def test_a_client_cannot_try_out_which_public_subject_its_own_one_is(
    pairwise: RelyingParty, alice: AbstractBaseUser
) -> None:
    own = sub_for(pairwise)
    claims = {"id_token": {"sub": {"value": own}}}
    for hint in (str(alice.pk), {"format": "opaque", "id": str(alice.pk)}):
        answer = pairwise.authenticate(login_hint=hint, claims=claims)
        refused(answer, "unknown_user_id", "login_hint names no user", stored=1)
    its_own = {"format": "opaque", "id": own}
    assert find(pairwise.auth_req_id(login_hint=its_own, claims=claims)).user == alice


@pytest.mark.requirement("OIDC Core", "8.1")
def test_a_subject_that_two_users_had_is_nobodys(
    pairwise: RelyingParty, alice: AbstractBaseUser
) -> None:
    sub = sub_for(pairwise)
    bob = make_user("bob")
    tokens_of(pairwise, login_hint="bob")
    assert hooks().user_for_subject(sub, pairwise.client) == alice
    Grant.objects.filter(user_id=bob.pk).update(subject=sub)
    assert hooks().user_for_subject(sub, pairwise.client) is None


class ByNumber(CibaHooks):
    """A site that names its users in its own way, in public."""

    def public_subject(self, user: Any) -> str:
        return f"customer-{user.pk}"


@pytest.mark.requirement("OIDC Core", "8.1")
def test_a_site_that_names_its_users_itself_keeps_pairwise_subjects(
    pairwise: RelyingParty, relying_party: RelyingParties, settings: Any, alice: AbstractBaseUser
) -> None:
    before = sub_for(pairwise)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.ByNumber"}
    assert sub_for(relying_party(client_id="public")) == f"customer-{alice.pk}"
    after = sub_for(pairwise)
    assert len(after) == 43
    assert after != before


# --- without a salt -------------------------------------------------------------------------------


@pytest.mark.requirement("OIDC Core", "8.1")
def test_without_a_salt_nobody_is_asked(
    pairwise: RelyingParty, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    unsalted(settings)
    answer = pairwise.authenticate()
    refused(answer, "server_error", "cannot name its users", status=500)
    assert "PAIRWISE_SALT is not set" in caplog.text
    assert SALT not in caplog.text


@pytest.mark.requirement("OIDC Core", "8.1")
def test_a_salt_that_was_lost_meanwhile_gives_no_tokens_and_spends_nothing(
    pairwise: RelyingParty, settings: Any
) -> None:
    auth_req_id = pairwise.auth_req_id()
    approve(auth_req_id)
    unsalted(settings)
    refused(pairwise.poll(auth_req_id), "server_error", status=500, stored=1)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": SALT}
    assert pairwise.poll(auth_req_id).status_code == 200


@pytest.mark.requirement("OIDC Discovery", "3")
@pytest.mark.usefixtures("realm")
def test_discovery_announces_pairwise_only_where_there_is_a_salt(
    client: HttpClient, settings: Any
) -> None:
    path = "/oauth2/.well-known/openid-configuration"
    assert client.get(path).json()["subject_types_supported"] == ["public", "pairwise"]
    unsalted(settings)
    assert client.get(path).json()["subject_types_supported"] == ["public"]
