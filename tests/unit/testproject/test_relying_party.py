"""The demo's relying party against the real provider, and what it does not believe."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from django_ciba.models import Client, Grant
from testproject.demo.site import CLIENT_ID, key_of
from testproject.shop.keys import own_key, public
from testproject.shop.relying_party import Refused, RelyingParty, Waiting
from tests.provider import approve, deny
from tests.unit.testproject.conftest import Site


def tokens_of(party: RelyingParty) -> dict[str, Any]:
    """Ask alice, let her approve, and poll."""
    waiting = party.ask(login_hint="alice", binding_message="Pay £9.50 (CS-1)")
    approve(waiting.auth_req_id)
    tokens = party.poll(waiting)
    assert tokens is not None
    return tokens


@pytest.mark.parametrize("client_id", ["shop", CLIENT_ID])
def test_the_whole_flow_with_a_signed_assertion_and_with_a_secret(
    site: Site, client_id: str
) -> None:
    party = site.party(client_id)
    waiting = party.ask(login_hint="alice", binding_message="Pay £9.50 (CS-1)", acr_values="push")
    assert party.poll(waiting) is None
    approve(waiting.auth_req_id)
    tokens = party.poll(waiting)
    assert tokens is not None
    claims = party.verified(tokens)
    assert (claims["iss"], claims["aud"], claims["acr"]) == (party.issuer, client_id, "push")
    assert party.userinfo(tokens["access_token"], claims["sub"])["name"] == "Alice Adams"
    refreshed = party.refresh(tokens["refresh_token"])
    assert party.verified(refreshed)["sub"] == claims["sub"]


def test_it_keeps_to_the_interval_and_lengthens_it_when_told_to(site: Site) -> None:
    """CIBA Core §11: slow_down adds at least 5 seconds to the interval, for good."""
    party = site.party()
    waiting = party.ask(login_hint="alice")
    before = time.time()
    assert (party.poll(waiting), waiting.interval) == (None, 2)
    assert before + 2 <= waiting.next_poll_at <= time.time() + 2
    before = time.time()
    assert (party.poll(waiting), waiting.interval) == (None, 7)
    assert waiting.next_poll_at >= before + 7
    assert 6 < waiting.seconds_left() <= 7


def test_it_asks_a_provider_in_trouble_less_often(site: Site) -> None:
    """CIBA Core §11: after a connection fails, a client must poll less frequently."""
    party = site.party()
    waiting = party.ask(login_hint="alice")
    party.metadata["token_endpoint"] = "http://127.0.0.1:9/oauth2/access_token"
    assert (party.poll(waiting), waiting.interval) == (None, 4)
    waiting.interval = 50
    assert (party.poll(waiting), waiting.interval) == (None, 60)
    waiting.expires_at = time.time()
    with pytest.raises(requests.ConnectionError):
        party.poll(waiting)


def test_a_refusal_says_the_error_and_what_to_do(site: Site) -> None:
    with pytest.raises(Refused) as raised:
        site.party().ask(login_hint="nobody")
    assert raised.value.error == "unknown_user_id"
    assert raised.value.description


def test_a_denial_ends_the_polling(site: Site) -> None:
    party = site.party()
    waiting = party.ask(login_hint="alice")
    deny(waiting.auth_req_id)
    with pytest.raises(Refused, match="access_denied"):
        party.poll(waiting)


def test_a_provider_that_is_not_who_it_should_be_is_not_trusted(site: Site) -> None:
    """OpenID Connect Discovery §4.3: issuer must be exactly the one that was asked."""
    party = site.party()
    party.issuer = site.issuer.replace("localhost", "127.0.0.1")
    assert party.issuer != site.issuer
    with pytest.raises(Refused, match="wrong_issuer"):
        party.metadata  # noqa: B018 - reading it discovers


def other_audience(site: Site, party: RelyingParty, tokens: dict[str, Any]) -> None:
    party.client_id = "another"


def other_issuer(site: Site, party: RelyingParty, tokens: dict[str, Any]) -> None:
    party.metadata  # noqa: B018 - keeps the keys of the right one
    party.issuer = "https://op.example.com"


def other_keys(site: Site, party: RelyingParty, tokens: dict[str, Any]) -> None:
    party.metadata["jwks_uri"] = site.party(CLIENT_ID).metadata["jwks_uri"]


def other_access_token(site: Site, party: RelyingParty, tokens: dict[str, Any]) -> None:
    tokens["access_token"] += "x"


def other_claims(site: Site, party: RelyingParty, tokens: dict[str, Any]) -> None:
    """The payload of another user's token under the signature of this one."""
    header, _, signature = tokens["id_token"].split(".")
    forged = jwt.encode({"sub": "2"}, "x" * 32).split(".")[1]
    tokens["id_token"] = f"{header}.{forged}.{signature}"


def unsigned(site: Site, party: RelyingParty, tokens: dict[str, Any]) -> None:
    kid = jwt.get_unverified_header(tokens["id_token"])["kid"]
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    tokens["id_token"] = jwt.encode(claims, "", algorithm="none", headers={"kid": kid})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (other_audience, jwt.InvalidAudienceError),
        (other_issuer, jwt.InvalidIssuerError),
        (other_keys, jwt.InvalidTokenError),
        (other_access_token, jwt.InvalidTokenError),
        (other_claims, jwt.InvalidSignatureError),
        (unsigned, jwt.InvalidAlgorithmError),
    ],
)
def test_an_id_token_with_anything_wrong_is_not_believed(
    site: Site, change: Any, error: type[jwt.PyJWTError]
) -> None:
    party = site.party()
    tokens = tokens_of(party)
    change(site, party, tokens)
    with pytest.raises(error):
        party.verified(tokens)


def test_an_id_token_by_an_algorithm_it_did_not_register_for_is_not_believed(site: Site) -> None:
    Client.objects.filter(client_id="shop").update(id_token_signed_response_alg="EdDSA")
    party = site.party()
    with pytest.raises(jwt.InvalidAlgorithmError):
        party.verified(tokens_of(party))


def test_userinfo_of_somebody_else_is_not_believed(site: Site) -> None:
    party = site.party()
    tokens = tokens_of(party)
    Grant.objects.update(subject="999")
    with pytest.raises(Refused, match="wrong_subject"):
        party.userinfo(tokens["access_token"], party.verified(tokens)["sub"])


def test_an_answer_that_is_no_json_is_a_fault_of_the_provider(site: Site) -> None:
    party = site.party()
    party.metadata["token_endpoint"] = f"{site.url}/accounts/login/"
    waiting = Waiting("id", 2, time.time() + 60, 0)
    assert (party.poll(waiting), waiting.interval) == (None, 4)
    with pytest.raises(requests.RequestException):
        party.refresh("token")


def test_its_key_is_made_once_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "shop-key.jwk"
    first = own_key(file)
    assert own_key(file) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert (first["kid"], first["crv"]) == ("shop-key", "P-256")
    assert public(first).keys() == first.keys() - {"d"}


def test_each_client_of_the_demo_has_a_key_of_its_own(site: Site) -> None:
    assert public(key_of("shop")) != public(key_of(CLIENT_ID))
