"""Push (CIBA Core §10.3, §12): tokens go to the client, once made and kept until they are taken."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, connections
from django.utils import timezone

from django_ciba.due import cleanup, run_due
from django_ciba.jose import verify
from django_ciba.journeys import cancel
from django_ciba.models import Client, Delivery, Grant, Realm, Token
from django_ciba.tokens import pushed_tokens
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
    live,
    pass_by,
    settle,
    site_that_calls,
)
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import refused
from tests.provider import approve, deny, find
from tests.relying_party import RelyingParty, claims_of

AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"
RT_HASH = "urn:openid:params:jwt:claim:rt_hash"


@pytest.fixture(autouse=True)
def loopback(site: None, settings: Any) -> None:
    site_that_calls(settings, PUSH_DELIVERY=True)


@pytest.fixture
def rp(relying_party: RelyingParties, callback: CallbackServer) -> RelyingParty:
    return called_client(relying_party, "push", callback)


def pushed(rp: RelyingParty) -> str:
    """An approved request; its auth_req_id."""
    auth_req_id = ask(rp)
    approve(auth_req_id)
    return auth_req_id


def half_hash(token: str) -> str:
    """OpenID Connect Core §3.1.3.6, for ES256."""
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


# --- the request ----------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.3")
def test_a_push_client_is_told_no_interval(rp: RelyingParty) -> None:
    answer = rp.authenticate(client_notification_token=TOKEN)
    assert set(answer.json()) == {"auth_req_id", "expires_in"}


@pytest.mark.requirement("CIBA Core", "7.1")
def test_without_a_client_notification_token_nothing_begins(rp: RelyingParty) -> None:
    refused(rp.authenticate(), "invalid_request", "client_notification_token is missing")


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backchannel_client_notification_endpoint": ""}, "no backchannel_client_notification"),
        ({"dpop_bound_access_tokens": True}, "bound access tokens, which cannot be pushed"),
        (
            {"tls_client_certificate_bound_access_tokens": True},
            "bound access tokens, which cannot be pushed",
        ),
    ],
)
def test_a_client_whose_tokens_cannot_be_pushed_is_refused(
    rp: RelyingParty, changes: dict[str, Any], words: str
) -> None:
    Client.objects.filter(pk=rp.client.pk).update(**changes)
    answer = rp.authenticate(client_notification_token=TOKEN)
    assert answer.json()["error"] == "unauthorized_client"
    assert words in answer.json()["error_description"]
    assert answer.status_code == 400
    assert not Delivery.objects.exists()


@pytest.mark.requirement("FAPI-CIBA", "5.2.2", "3")
def test_a_fapi_client_cannot_have_its_tokens_pushed(
    relying_party: RelyingParties, callback: CallbackServer
) -> None:
    """Not even where the realm pushes, and the row has come about past every registration."""
    rp = relying_party(
        profile="fapi-ciba",
        token_endpoint_auth_method="private_key_jwt",
        dpop_bound_access_tokens=True,
        backchannel_token_delivery_mode="push",
        backchannel_client_notification_endpoint=callback.url,
    )
    answer = rp.authenticate(client_notification_token=TOKEN)
    refused(answer, "unauthorized_client", "FAPI-CIBA allows poll and ping only")


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("shut", [{"push_delivery": False}, {"require_fapi_ciba": True}])
def test_a_realm_that_does_not_push_refuses_the_client(
    rp: RelyingParty, realm: Realm, shut: dict[str, bool]
) -> None:
    realm.settings = shut
    realm.save()
    answer = rp.authenticate(client_notification_token=TOKEN)
    refused(answer, "unauthorized_client")


@pytest.mark.requirement("CIBA Core", "11")
@pytest.mark.parametrize("end", [lambda _: None, approve, deny])
def test_a_push_client_that_polls_is_refused_whatever_the_state(
    rp: RelyingParty, end: Callable[[str], Any]
) -> None:
    auth_req_id = ask(rp)
    end(auth_req_id)
    before = find(auth_req_id).status
    answer = rp.poll(auth_req_id)
    assert answer.status_code == 400
    assert answer.json()["error"] == "unauthorized_client"
    assert find(auth_req_id).status == before


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "5")
@pytest.mark.requirement("CIBA Core", "9")
@pytest.mark.requirement("CIBA Core", "10.3.1")
def test_the_tokens_come_as_a_token_response_with_the_auth_req_id(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = pushed(rp)
    assert find(auth_req_id).status == "authorized"
    settle()
    (call,) = callback.received
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.headers["content-type"] == "application/json"
    assert set(call.body) == {
        "auth_req_id",
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "id_token",
        "refresh_token",
    }
    assert call.body["auth_req_id"] == auth_req_id
    assert call.body["token_type"] == "Bearer"
    assert rp.userinfo(call.body["access_token"]).json()["name"] == "Alice Adams"
    assert find(auth_req_id).status == "redeemed"
    assert rp.refresh(call.body["refresh_token"]).status_code == 200


@pytest.mark.requirement("CIBA Core", "10.3.1")
def test_the_id_token_is_bound_to_the_request_and_to_both_tokens(
    rp: RelyingParty, callback: CallbackServer, realm: Realm
) -> None:
    auth_req_id = pushed(rp)
    settle()
    (body,) = callback.bodies
    keys = Realm.objects.get(pk=realm.pk).verification_keys
    claims = verify(body["id_token"], keys, algs=["ES256"]).claims
    assert claims[AUTH_REQ_ID] == auth_req_id
    assert claims["at_hash"] == half_hash(body["access_token"])
    assert claims[RT_HASH] == half_hash(body["refresh_token"])
    assert claims["aud"] == "shop"


@pytest.mark.requirement("CIBA Core", "10.3.1")
def test_without_a_refresh_token_there_is_no_hash_of_one(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    rp.client.grant_types = ["urn:openid:params:grant-type:ciba"]
    rp.client.save()
    pushed(rp)
    settle()
    (body,) = callback.bodies
    assert "refresh_token" not in body
    claims = claims_of(body["id_token"])
    assert RT_HASH not in claims
    assert AUTH_REQ_ID in claims


@pytest.mark.requirement("CIBA Core", "10.3")
@pytest.mark.django_db(transaction=True)
def test_tokens_can_be_used_at_the_very_moment_of_the_push(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    """From inside the handler: they have been committed before they are sent."""
    answers: list[int] = []

    def use_at_once(received: Received) -> None:
        try:
            answers.append(rp.userinfo(received.body["access_token"]).status_code)
        finally:
            connections.close_all()

    callback.meanwhile = use_at_once
    pushed(rp)
    settle()
    assert answers == [200]


@pytest.mark.requirement("CIBA Core", "10.3")
@pytest.mark.parametrize("name", RULES)
def test_what_the_endpoint_answers_decides_how_often_the_same_tokens_are_sent(
    rp: RelyingParty, callback: CallbackServer, name: str
) -> None:
    """Nothing comes after the first 2xx, 3xx or 4xx but 429."""
    callback.answers, calls, state = list(RULES[name][0]), *RULES[name][1:]
    auth_req_id = pushed(rp)
    settle()
    assert len(callback.received) == calls
    assert len({each.octets for each in callback.received}) == 1
    delivery = call_of(auth_req_id)
    assert (delivery.state, delivery.attempts, delivery.payload) == (state, calls, "")
    assert not keeps_secrets(auth_req_id)
    assert Grant.objects.count() == 1
    assert Token.objects.count() == 2
    body = callback.bodies[0]
    assert live(body["access_token"]) == (state == "delivered")
    info = rp.userinfo(body["access_token"])
    assert info.status_code == (200 if state == "delivered" else 401)


@pytest.mark.parametrize("answer", [endpoint.status(500), endpoint.reset, endpoint.silence])
def test_no_push_is_tried_again_past_the_life_of_the_request_and_its_tokens_end(
    rp: RelyingParty, callback: CallbackServer, answer: endpoint.Answer, settings: Any
) -> None:
    site_that_calls(settings, PUSH_DELIVERY=True, OUTBOUND_DEADLINE=1.0)  # nobody answers in time
    callback.answers = [answer]
    auth_req_id = ask(rp, requested_expiry=60)
    approve(auth_req_id)
    settle()
    delivery = call_of(auth_req_id)
    assert delivery.state == "dead"
    assert len(callback.received) == delivery.attempts
    assert len({each.octets for each in callback.received}) == 1
    last = delivery.history.last()
    assert last is not None
    assert last.at < find(auth_req_id).expires_at
    assert not live(callback.bodies[0]["access_token"])
    assert rp.refresh(callback.bodies[0]["refresh_token"]).json()["error"] == "invalid_grant"


def test_tokens_that_were_never_taken_wait_encrypted(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(500)]
    auth_req_id = pushed(rp)
    run_due()
    body = callback.bodies[0]
    assert json.loads(call_of(auth_req_id).payload) == body
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM django_ciba_delivery")
        (row,) = cursor.fetchall()
    for secret in (auth_req_id, body["access_token"], body["refresh_token"], TOKEN):
        assert secret not in repr(row)
        assert secret not in repr(attempts(call_of(auth_req_id)))


def test_a_dead_push_of_tokens_is_not_sent_again(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(410)]
    auth_req_id = pushed(rp)
    settle()
    assert call_of(auth_req_id).state == "dead"
    assert Delivery.objects.send_again(timezone.now()) == 0
    settle()
    assert len(callback.received) == 1


def test_a_worker_that_dies_after_the_client_took_them_sends_the_same_tokens(
    rp: RelyingParty, callback: CallbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the process is killed between the answer and its record: it cannot know."""
    auth_req_id = pushed(rp)

    class Killed(BaseException):
        pass

    def die(*args: Any, **more: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("django_ciba.outbox.worker._end", die)
        with pytest.raises(Killed):
            run_due()
    assert len(callback.received) == 1
    settle()
    assert len(callback.received) == 2
    assert callback.received[0].octets == callback.received[1].octets
    assert call_of(auth_req_id).state == "delivered"
    assert live(callback.bodies[0]["access_token"])
    assert Token.objects.count() == 2


def test_a_worker_that_was_too_slow_to_mint_leaves_the_push_to_the_next(
    rp: RelyingParty, callback: CallbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ran out while it was signing, and another one has begun."""
    auth_req_id = pushed(rp)

    def slow(*args: Any) -> str | None:
        monkeypatch.undo()
        with time_machine.travel(timezone.now() + timedelta(seconds=31)):
            assert run_due() == 1
        return pushed_tokens(*args)

    monkeypatch.setattr("django_ciba.delivery.push.pushed_tokens", slow)
    run_due()
    assert len(callback.received) == 1
    assert call_of(auth_req_id).state == "delivered"
    assert Token.objects.count() == 2
    assert live(callback.bodies[0]["access_token"])


def test_tokens_that_were_revoked_before_a_retry_are_not_sent(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(500), endpoint.status(204)]
    auth_req_id = pushed(rp)
    run_due()
    Grant.objects.all().revoke(timezone.now())
    settle()
    assert len(callback.received) == 1
    assert attempts(call_of(auth_req_id))[-1] == ("withdrawn", "its tokens have been revoked")


# --- failures -------------------------------------------------------------------------------------


def fail(auth_req_id: str) -> None:
    """Nobody answers the prompt in time, which its journey takes for a failure."""
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        run_due()


def withdraw(auth_req_id: str) -> None:
    assert cancel(find(auth_req_id).pk, timezone.now())


@pytest.mark.requirement("CIBA Core", "12")
@pytest.mark.parametrize(
    ("end", "error", "words"),
    [
        (deny, "access_denied", "The end user denied the request"),
        (fail, "transaction_failed", "The request ended without the end user's approval"),
        (withdraw, "transaction_failed", "The request ended without the end user's approval"),
        (
            pass_by,
            "expired_token",
            "the auth_req_id has expired: start a new authentication request",
        ),
    ],
)
def test_a_request_without_tokens_is_told_by_its_error(
    rp: RelyingParty,
    callback: CallbackServer,
    end: Callable[[str], Any],
    error: str,
    words: str,
) -> None:
    auth_req_id = ask(rp, requested_expiry=1200)
    end(auth_req_id)
    settle()
    assert callback.bodies == [
        {"auth_req_id": auth_req_id, "error": error, "error_description": words}
    ]
    assert callback.received[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert not keeps_secrets(auth_req_id)
    assert call_of(auth_req_id).state == "delivered"
    assert not Token.objects.exists()


@pytest.mark.requirement("CIBA Core", "12")
def test_a_hint_that_named_nobody_runs_out_as_any_other(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    rp.client.hide_unknown_users = True
    rp.client.save()
    auth_req_id = ask(rp, login_hint="nobody")
    pass_by(auth_req_id)
    settle()
    assert [each["error"] for each in callback.bodies] == ["expired_token"]


@pytest.mark.requirement("CIBA Core", "12")
def test_an_approval_that_no_worker_took_in_time_is_told_as_expired(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = pushed(rp)
    pass_by(auth_req_id)
    settle()
    assert [each["error"] for each in callback.bodies] == ["expired_token"]
    assert not Token.objects.exists()


@pytest.mark.requirement("CIBA Core", "12")
def test_a_user_who_was_locked_after_the_approval_gets_no_tokens(
    rp: RelyingParty, callback: CallbackServer, alice: AbstractBaseUser
) -> None:
    """And what was said once is said again, although the account may be used by then."""
    callback.answers = [endpoint.status(500), endpoint.status(204)]
    pushed(rp)
    alice.is_active = False
    alice.save()
    run_due()
    alice.is_active = True
    alice.save()
    settle()
    assert [each["error"] for each in callback.bodies] == ["transaction_failed"] * 2
    assert callback.bodies[0]["error_description"] == "The end user's account cannot be used"
    assert callback.received[0].octets == callback.received[1].octets
    assert not Token.objects.exists()


def test_a_dead_failure_may_be_sent_again(rp: RelyingParty, callback: CallbackServer) -> None:
    callback.answers = [endpoint.status(401), endpoint.status(204)]
    auth_req_id = ask(rp)
    deny(auth_req_id)
    run_due()
    assert call_of(auth_req_id).state == "dead"
    assert keeps_secrets(auth_req_id)
    assert Delivery.objects.send_again(timezone.now()) == 1
    run_due()
    assert [each["error"] for each in callback.bodies] == ["access_denied"] * 2
    assert not keeps_secrets(auth_req_id)


def test_a_dead_failure_keeps_nothing_once_its_request_is_over(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(401)]
    auth_req_id = ask(rp)
    deny(auth_req_id)
    run_due()
    assert call_of(auth_req_id).payload
    cleanup(find(auth_req_id).expires_at)
    assert call_of(auth_req_id).payload == ""
    assert not keeps_secrets(auth_req_id)


# --- a client that has changed since --------------------------------------------------------------


def disable(rp: RelyingParty) -> None:
    rp.client.enabled = False
    rp.client.save()


def poll_instead(rp: RelyingParty) -> None:
    rp.client.backchannel_token_delivery_mode = "poll"
    rp.client.save()


def shut_the_realm(rp: RelyingParty) -> None:
    realm = rp.client.realm
    realm.settings = {"push_delivery": False}
    realm.save()


@pytest.mark.parametrize("change", [disable, poll_instead, shut_the_realm])
def test_no_tokens_are_made_for_a_client_that_must_not_be_pushed_to_any_more(
    rp: RelyingParty, callback: CallbackServer, change: Callable[[RelyingParty], None]
) -> None:
    auth_req_id = pushed(rp)
    change(rp)
    settle()
    assert callback.received == []
    assert call_of(auth_req_id).state == "withdrawn"
    assert not Token.objects.exists()
    assert not keeps_secrets(auth_req_id)


@pytest.mark.parametrize("change", [disable, poll_instead, shut_the_realm])
def test_tokens_that_it_has_not_taken_by_then_are_revoked(
    rp: RelyingParty, callback: CallbackServer, change: Callable[[RelyingParty], None]
) -> None:
    callback.answers = [endpoint.status(500), endpoint.status(204)]
    auth_req_id = pushed(rp)
    run_due()
    change(rp)
    settle()
    assert len(callback.received) == 1
    assert call_of(auth_req_id).state == "withdrawn"
    assert not live(callback.bodies[0]["access_token"])
    assert call_of(auth_req_id).payload == ""


def test_a_client_that_was_changed_to_poll_may_ask_itself(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = pushed(rp)
    poll_instead(rp)
    settle()
    assert rp.poll(auth_req_id).status_code == 200
    assert callback.received == []
