"""The hot steps cost the statements that performance asks for, on both engines."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client as HttpClient
from django.test.utils import CaptureQueriesContext

from tests.conformance.conftest import RelyingParties
from tests.provider import approve
from tests.relying_party import RelyingParty

CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("kept_configuration"),
]


@pytest.fixture
def kept_configuration(settings: Any) -> None:
    """The process looks at the configuration's version once, not in the middle of a count."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 3600.0}


def statements(step: Callable[[], Any]) -> list[str]:
    """What the database was asked in one step, without transaction control."""
    with CaptureQueriesContext(connection) as captured:
        step()
    return [each["sql"] for each in captured if not each["sql"].startswith(CONTROL)]


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


@pytest.fixture(params=["client_secret_basic", "private_key_jwt"])
def warm(request: pytest.FixtureRequest, relying_party: RelyingParties) -> RelyingParty:
    """A relying party whose client the process already holds, and the key that signs for it."""
    rp = relying_party(token_endpoint_auth_method=request.param)
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    rp.poll(auth_req_id)
    return rp


def assertion(rp: RelyingParty) -> int:
    """A client assertion costs one statement: its jti is consumed."""
    return int(rp.client.token_endpoint_auth_method == "private_key_jwt")


def test_bc_authorize_finds_the_user_and_stores_the_request(warm: RelyingParty) -> None:
    asked = statements(warm.auth_req_id)
    # user, request and its prompts: PostgreSQL takes the last two in one.
    assert len(asked) == assertion(warm) + (2 if on_postgresql() else 3), asked


def test_bc_authorize_without_a_channel_is_two_statements_everywhere(
    warm: RelyingParty, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": []}
    asked = statements(warm.auth_req_id)
    assert len(asked) == assertion(warm) + 2, asked


def test_a_request_that_a_ping_follows_costs_no_more_to_ask_for(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint="https://shop.example.com/ciba",
    )
    ask = partial(rp.auth_req_id, client_notification_token="8d67dc78-7faa-4d41-aabd-67707b374255")
    ask()
    assert len(statements(ask)) == (2 if on_postgresql() else 3)


def test_a_pending_poll_is_one_statement(warm: RelyingParty) -> None:
    auth_req_id = warm.auth_req_id()
    asked = statements(lambda: warm.poll(auth_req_id))
    assert len(asked) == assertion(warm) + 1, asked
    assert asked[-1].lstrip().startswith("UPDATE")


def test_a_slow_down_is_one_statement_too(warm: RelyingParty) -> None:
    auth_req_id = warm.auth_req_id()
    warm.poll(auth_req_id)
    asked = statements(lambda: warm.poll(auth_req_id))
    assert len(asked) == assertion(warm) + 1, asked


def test_redemption_paces_reads_and_claims(warm: RelyingParty) -> None:
    auth_req_id = warm.auth_req_id()
    approve(auth_req_id)
    asked = statements(lambda: warm.poll(auth_req_id))
    # The claim, the grant and its tokens are one statement on PostgreSQL, three in one
    # transaction elsewhere.
    assert len(asked) == assertion(warm) + (3 if on_postgresql() else 5), asked


def test_userinfo_is_one_statement(warm: RelyingParty) -> None:
    auth_req_id = warm.auth_req_id()
    approve(auth_req_id)
    token = warm.poll(auth_req_id).json()["access_token"]
    warm.userinfo(token)
    assert len(statements(lambda: warm.userinfo(token))) == 1


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_introspection_is_one_statement_however_the_token_stands(
    warm: RelyingParty, kind: str
) -> None:
    auth_req_id = warm.auth_req_id()
    approve(auth_req_id)
    token = warm.poll(auth_req_id).json()[kind]

    def introspect() -> bool:
        return bool(warm.post("introspect", {"token": token}).json()["active"])

    assert introspect()
    asked = statements(introspect)
    assert len(asked) == assertion(warm) + 1, asked
    warm.post("token/revoke", {"token": token})
    asked = statements(introspect)
    assert len(asked) == assertion(warm) + 1, asked
    assert not introspect()


def test_a_resource_server_introspects_with_one_statement_too(
    warm: RelyingParty, relying_party: RelyingParties
) -> None:
    api = relying_party(client_id="api", may_introspect=True)
    auth_req_id = warm.auth_req_id()
    approve(auth_req_id)
    token = warm.poll(auth_req_id).json()["access_token"]
    for _ in range(2):  # both clients are kept by then
        assert api.post("introspect", {"token": token}).json()["active"]
    asked = statements(lambda: api.post("introspect", {"token": token}))
    assert len(asked) == 1, asked


def test_revocation_is_one_statement_known_or_not(warm: RelyingParty) -> None:
    auth_req_id = warm.auth_req_id()
    approve(auth_req_id)
    for token in (warm.poll(auth_req_id).json()["refresh_token"], "unknown"):
        asked = statements(partial(warm.post, "token/revoke", {"token": token}))
        assert len(asked) == assertion(warm) + 1, asked


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("path", [".well-known/openid-configuration", "connect/jwk_uri"])
def test_discovery_and_jwks_ask_the_database_nothing(client: HttpClient, path: str) -> None:
    client.get(f"/oauth2/{path}")
    assert statements(lambda: client.get(f"/oauth2/{path}")) == []


def test_an_unproved_client_costs_no_statement(warm: RelyingParty) -> None:
    def wrong() -> None:
        answer = warm.post(
            "bc-authorize",
            {"client_id": "shop", "client_secret": "wrong"},
            authenticated=False,
        )
        assert answer.status_code == 401

    assert statements(wrong) == []
