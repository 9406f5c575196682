"""Ping (CIBA Core §10.2): one call when the user has answered, and what the answer to it means."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.db import connection, connections, transaction
from django.utils import timezone

from django_ciba.due import cleanup, run_due
from django_ciba.journeys import cancel
from django_ciba.models import AuthenticationRequest, Client, Delivery, Realm
from tests import callback_server as endpoint
from tests.callback_server import CallbackServer, Received
from tests.conformance.called import (
    RULES,
    TOKEN,
    ask,
    attempts,
    call_of,
    called_client,
    keeps_secrets,
    pass_by,
    settle,
    site_that_calls,
)
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import refused
from tests.provider import approve, deny, find
from tests.relying_party import RelyingParty, claims_of

NAME = "client_notification_token"


@pytest.fixture(autouse=True)
def loopback(site: None, settings: Any) -> None:
    site_that_calls(settings)


@pytest.fixture
def rp(relying_party: RelyingParties, callback: CallbackServer) -> RelyingParty:
    return called_client(relying_party, "ping", callback)


# --- the request ----------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.3")
def test_a_ping_client_is_told_an_interval_too(rp: RelyingParty) -> None:
    answer = rp.authenticate(client_notification_token=TOKEN)
    assert set(answer.json()) == {"auth_req_id", "expires_in", "interval"}


@pytest.mark.requirement("CIBA Core", "7.1")
def test_without_a_client_notification_token_nothing_begins(rp: RelyingParty) -> None:
    refused(rp.authenticate(), "invalid_request", f"{NAME} is missing")


@pytest.mark.requirement("CIBA Core", "7.1")
@pytest.mark.parametrize(
    ("token", "words"),
    [
        (" " * 30, "must hold letters, digits and - . _ ~ + / only, then any ="),
        ("a" * 21 + "\N{LATIN SMALL LETTER E WITH ACUTE}", "must hold letters"),
        ("abcdefghijklmnop=qrstuvwxyz", "must hold letters"),
        ("=" * 30, "must hold letters"),
        ("abcdefghijklmnopqrstuvwx\r\nX-Evil: 1", "must hold letters"),
        ("Bearer abcdefghijklmnopqrstuvwxyz", "must hold letters"),
        ("abcdefghijklmnopqrstuvwxyz\n", "must hold letters"),
        ("a" * 1025, "longer than 1024 characters"),
        ("abcdefghijklmnopqrstu", "at least 128 random bits: 22 characters of base64url"),
        ("abcdefghijklmnopqrstu===", "at least 128 random bits"),
        (4711, "must be a string"),
        (["a" * 30], "must be a string"),
        ("\0" * 30, "holds NUL"),
    ],
    ids=repr,
)
def test_a_token_that_is_no_bearer_token_is_refused(
    rp: RelyingParty, token: Any, words: str
) -> None:
    refused(rp.authenticate(client_notification_token=token), "invalid_request", words)


@pytest.mark.requirement("CIBA Core", "9")
@pytest.mark.requirement("RFC 6750", "2.1")
@pytest.mark.parametrize(
    "token", ["a" * 22, "a" * 1024, "AZaz09-._~+/AZaz09-._~+/", "q83vEjRWeJCrze8SNFZ4kA=="]
)
def test_every_token_of_the_syntax_comes_back_as_it_was(
    rp: RelyingParty, callback: CallbackServer, token: str
) -> None:
    approve(ask(rp, client_notification_token=token))
    settle()
    (call,) = callback.received
    assert call.headers["authorization"] == f"Bearer {token}"


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_beside_a_signed_request_the_token_is_refused(rp: RelyingParty) -> None:
    answer = rp.send(rp.signed_request(), client_notification_token=TOKEN)
    refused(answer, "invalid_request")


@pytest.mark.requirement("CIBA Core", "7.1")
@pytest.mark.parametrize("token", ["short", 4711, TOKEN])
def test_a_poll_clients_token_is_not_looked_at(
    relying_party: RelyingParties, callback: CallbackServer, token: Any
) -> None:
    rp = relying_party(backchannel_client_notification_endpoint=callback.url)
    auth_req_id = ask(rp, client_notification_token=token)
    assert not keeps_secrets(auth_req_id)
    approve(auth_req_id)
    settle()
    assert callback.received == []
    assert not Delivery.objects.exists()
    assert rp.poll(auth_req_id).status_code == 200


@pytest.mark.requirement("CIBA Core", "4")
def test_a_ping_client_without_an_endpoint_is_refused(relying_party: RelyingParties) -> None:
    rp = relying_party(backchannel_token_delivery_mode="ping")
    answer = rp.authenticate(client_notification_token=TOKEN)
    refused(answer, "unauthorized_client", "no backchannel_client_notification_endpoint")


def test_what_must_be_sent_again_is_stored_encrypted(rp: RelyingParty) -> None:
    auth_req_id = ask(rp)
    assert keeps_secrets(auth_req_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM django_ciba_authenticationrequest")
        (row,) = cursor.fetchall()
    assert auth_req_id not in repr(row)
    assert TOKEN not in repr(row)


# --- the ping -------------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "9")
@pytest.mark.requirement("CIBA Core", "10.2")
def test_a_ping_says_the_auth_req_id_and_nothing_else(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = ask(rp)
    assert callback.received == []
    approve(auth_req_id)
    settle()
    (call,) = callback.received
    assert call.path == "/callback"
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.headers["content-type"] == "application/json"
    assert call.body == {"auth_req_id": auth_req_id}
    assert attempts(call_of(auth_req_id)) == [("delivered", "")]


def fail(auth_req_id: str) -> None:
    """Nobody answers the prompt in time, which its journey takes for a failure."""
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        run_due()
    assert find(auth_req_id).status == "failed"


def withdraw(auth_req_id: str) -> None:
    assert cancel(find(auth_req_id).pk, timezone.now())
    assert not cancel(find(auth_req_id).pk, timezone.now())


@pytest.mark.requirement("CIBA Core", "5")
@pytest.mark.requirement("CIBA Core", "10.2")
@pytest.mark.parametrize("end", [deny, fail, withdraw])
def test_a_request_that_ends_without_tokens_is_pinged_too(
    rp: RelyingParty, callback: CallbackServer, end: Callable[[str], Any]
) -> None:
    auth_req_id = ask(rp, requested_expiry=1200)
    end(auth_req_id)
    settle()
    assert callback.bodies == [{"auth_req_id": auth_req_id}]
    assert rp.poll(auth_req_id).json()["error"] == "access_denied"
    assert not keeps_secrets(auth_req_id)


@pytest.mark.requirement("CIBA Core", "10.2")
def test_a_request_that_runs_out_is_not_pinged(rp: RelyingParty, callback: CallbackServer) -> None:
    auth_req_id = ask(rp)
    pass_by(auth_req_id)
    assert callback.received == []
    assert not Delivery.objects.exists()
    assert not keeps_secrets(auth_req_id)


def test_a_user_who_must_not_be_known_of_is_not_pinged_for_either(
    relying_party: RelyingParties, callback: CallbackServer
) -> None:
    rp = relying_party(
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint=callback.url,
        hide_unknown_users=True,
    )
    auth_req_id = ask(rp, login_hint="nobody")
    pass_by(auth_req_id)
    assert callback.received == []
    assert not keeps_secrets(auth_req_id)


@pytest.mark.requirement("CIBA Core", "9")
@pytest.mark.requirement("CIBA Core", "10.2")
@pytest.mark.parametrize("name", RULES)
def test_what_the_endpoint_answers_decides_how_often_it_is_called(
    rp: RelyingParty, callback: CallbackServer, name: str
) -> None:
    """Nothing comes after the first 2xx, 3xx or 4xx but 429; the client may ask in any case."""
    callback.answers, calls, state = list(RULES[name][0]), *RULES[name][1:]
    auth_req_id = ask(rp)
    approve(auth_req_id)
    settle()
    assert callback.bodies == [{"auth_req_id": auth_req_id}] * calls
    delivery = call_of(auth_req_id)
    assert (delivery.state, delivery.attempts) == (state, calls)
    assert [outcome for outcome, _ in attempts(delivery)] == ["retry"] * (calls - 1) + [state]
    assert rp.poll(auth_req_id).status_code == 200


@pytest.mark.requirement("CIBA Core", "10.2")
@pytest.mark.parametrize("answer", [endpoint.status(500), endpoint.reset, endpoint.silence])
def test_no_ping_is_tried_again_past_the_life_of_the_request(
    rp: RelyingParty, callback: CallbackServer, answer: endpoint.Answer, settings: Any
) -> None:
    site_that_calls(settings, OUTBOUND_DEADLINE=1.0)  # nobody answers in time
    callback.answers = [answer]
    auth_req_id = ask(rp, requested_expiry=60)
    approve(auth_req_id)
    settle()
    delivery = call_of(auth_req_id)
    assert delivery.state == "dead"
    assert len(callback.received) == delivery.attempts
    assert delivery.attempts >= 3
    last = delivery.history.last()
    assert last is not None
    assert last.at < find(auth_req_id).expires_at


def test_the_endpoint_is_given_the_time_that_it_asks_for_up_to_a_minute(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    for asked, least in (("30", 30), ("86400", 60)):
        callback.answers = [endpoint.status(503, Retry_After=asked)]
        auth_req_id = ask(rp)
        approve(auth_req_id)
        run_due()
        wait = call_of(auth_req_id).due_at - timezone.now()
        assert least - 5 < wait.total_seconds() <= least


@pytest.mark.requirement("CIBA Core", "9")
@pytest.mark.requirement("CIBA Core", "10.2")
def test_an_address_that_we_must_not_call_any_more_is_not_called(
    rp: RelyingParty, callback: CallbackServer, settings: Any
) -> None:
    """It was fine when it was registered: what it leads to is looked at for every call."""
    auth_req_id = ask(rp)
    approve(auth_req_id)
    site_that_calls(settings, OUTBOUND_ALLOW_LOOPBACK=False)
    settle()
    assert callback.received == []
    assert attempts(call_of(auth_req_id)) == [
        ("dead", "not called: the address must begin with https://")
    ]


# --- and then the token request -------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "10.2")
@pytest.mark.django_db(transaction=True)
def test_a_token_request_at_the_very_moment_of_the_ping_succeeds(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    """It comes from inside the handler: what it asks for has been committed before."""
    answers: list[Any] = []

    def ask_at_once(received: Received) -> None:
        try:
            assert threading.current_thread() is not threading.main_thread()
            answers.append(rp.poll(received.body["auth_req_id"]))
        finally:
            connections.close_all()

    callback.meanwhile = ask_at_once
    auth_req_id = ask(rp)
    rp.poll(auth_req_id)
    approve(auth_req_id)
    settle()
    (answer,) = answers
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) >= {"access_token", "id_token", "refresh_token"}
    assert "urn:openid:params:jwt:claim:auth_req_id" not in claims_of(answer.json()["id_token"])
    assert call_of(auth_req_id).state == "delivered"


@pytest.mark.requirement("CIBA Core", "10.2")
def test_the_poll_after_a_ping_never_comes_too_soon(rp: RelyingParty) -> None:
    auth_req_id = ask(rp)
    assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"
    assert rp.poll(auth_req_id).json()["error"] == "slow_down"
    approve(auth_req_id)
    settle()
    assert rp.poll(auth_req_id).status_code == 200


@pytest.mark.requirement("CIBA Core", "10.1")
def test_a_client_that_has_asked_already_is_not_pinged(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = ask(rp)
    approve(auth_req_id)
    assert rp.poll(auth_req_id).status_code == 200
    assert not keeps_secrets(auth_req_id)
    settle()
    assert callback.received == []
    assert attempts(call_of(auth_req_id)) == [("withdrawn", "the client has asked already")]


# --- rows -----------------------------------------------------------------------------------------


def test_secrets_are_wiped_as_soon_as_nothing_is_left_to_send(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = ask(rp)
    approve(auth_req_id)
    assert keeps_secrets(auth_req_id)
    settle()
    assert not keeps_secrets(auth_req_id)


def test_a_dead_ping_may_be_sent_again_until_its_request_is_over(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(401), endpoint.status(204)]
    auth_req_id = ask(rp)
    approve(auth_req_id)
    run_due()
    assert call_of(auth_req_id).state == "dead"
    assert keeps_secrets(auth_req_id)
    assert Delivery.objects.send_again(timezone.now()) == 1
    run_due()
    assert [state for state, _ in attempts(call_of(auth_req_id))] == ["dead", "delivered"]
    assert len(callback.received) == 2
    assert not keeps_secrets(auth_req_id)


def test_a_dead_ping_keeps_no_secrets_once_its_request_is_over(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(401)]
    auth_req_id = ask(rp)
    approve(auth_req_id)
    run_due()
    expires_at = find(auth_req_id).expires_at
    cleanup(expires_at - timedelta(seconds=1))
    assert keeps_secrets(auth_req_id)
    cleanup(expires_at)
    assert not keeps_secrets(auth_req_id)
    assert Delivery.objects.send_again(expires_at) == 1
    run_due(expires_at)
    assert call_of(auth_req_id).state == "withdrawn"
    assert len(callback.received) == 1


def disable(client: Client) -> None:
    client.enabled = False


def poll_instead(client: Client) -> None:
    client.backchannel_token_delivery_mode = "poll"


def lose_the_endpoint(client: Client) -> None:
    client.backchannel_client_notification_endpoint = ""


def lose_the_grant(client: Client) -> None:
    client.grant_types = ["refresh_token"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (disable, "the client or its realm has been disabled"),
        (poll_instead, "the client has another delivery mode now"),
        (lose_the_endpoint, "this client has no backchannel_client_notification_endpoint"),
        (lose_the_grant, "the client may not use CIBA any more"),
    ],
)
def test_a_client_that_has_changed_since_is_not_called(
    rp: RelyingParty, callback: CallbackServer, change: Callable[[Client], None], why: str
) -> None:
    auth_req_id = ask(rp)
    approve(auth_req_id)
    change(rp.client)
    rp.client.save()
    settle()
    assert callback.received == []
    assert attempts(call_of(auth_req_id)) == [("withdrawn", why)]
    assert not keeps_secrets(auth_req_id)


def test_a_client_that_polls_when_the_user_answers_is_not_called(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = ask(rp)
    poll_instead(rp.client)
    rp.client.save()
    approve(auth_req_id)
    settle()
    assert callback.received == []
    assert not Delivery.objects.exists()
    assert not keeps_secrets(auth_req_id)
    assert rp.poll(auth_req_id).status_code == 200


def test_the_ping_is_stored_with_the_answer_or_not_at_all(rp: RelyingParty) -> None:
    auth_req_id = ask(rp)
    with transaction.atomic():
        approve(auth_req_id)
        assert Delivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert find(auth_req_id).status == "pending"


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_by_the_commit(
    rp: RelyingParty, callback: CallbackServer, settings: Any
) -> None:
    site_that_calls(settings, TASK_RUNNER="celery")
    conf = current_app.conf
    before, conf.task_always_eager = conf.task_always_eager, True
    try:
        auth_req_id = ask(rp)
        with transaction.atomic():
            approve(auth_req_id)
            assert callback.received == []
        assert callback.bodies == [{"auth_req_id": auth_req_id}]
    finally:
        conf.task_always_eager = before


@pytest.mark.requirement("CIBA Core", "4")
def test_ping_is_announced_and_push_only_where_it_is_open(rp: RelyingParty, realm: Realm) -> None:
    def announced() -> Any:
        answer = rp.http.get("/oauth2/.well-known/openid-configuration")
        return answer.json()["backchannel_token_delivery_modes_supported"]

    assert announced() == ["poll", "ping"]
    realm.settings = {"push_delivery": True}
    realm.save()
    assert announced() == ["poll", "ping", "push"]
    realm.settings = {"push_delivery": True, "require_fapi_ciba": True}
    realm.save()
    assert announced() == ["poll", "ping"]


def test_no_row_says_a_secret(rp: RelyingParty, callback: CallbackServer) -> None:
    auth_req_id = ask(rp)
    approve(auth_req_id)
    settle()
    said = [str(call_of(auth_req_id)), *map(str, AuthenticationRequest.objects.all())]
    assert said[0] == "ping (delivered)"
    assert not any(auth_req_id in each or TOKEN in each for each in said)
