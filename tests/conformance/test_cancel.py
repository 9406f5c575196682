"""bc-authorize/cancel, our own endpoint: a client takes back what it has asked."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client as HttpClient

from django_ciba import signals
from django_ciba.due import run_due
from django_ciba.models import AuthenticationRequest, Delivery
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import at
from tests.provider import approve, deny, find
from tests.relying_party import Answer, RelyingParty

pytestmark = pytest.mark.django_db

NOTIFICATION = {
    "backchannel_token_delivery_mode": "ping",
    "backchannel_client_notification_endpoint": "https://shop.example.com/cb",
}


def cancel(rp: RelyingParty, auth_req_id: str, **changes: Any) -> Answer:
    return rp.post("bc-authorize/cancel", {"auth_req_id": auth_req_id, **changes})


def error(answer: Answer) -> str:
    return str(answer.json()["error"])


def test_a_client_cancels_its_own_waiting_request(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    answer = cancel(rp, auth_req_id)
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer["Cache-Control"] == "no-store"
    found = find(auth_req_id)
    assert found.status == AuthenticationRequest.Status.CANCELLED
    assert found.ended_at is not None
    assert found.due_at is None


@pytest.mark.requirement("CIBA Core", "11")
def test_polls_after_a_cancellation_are_access_denied_and_say_so(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    cancel(rp, auth_req_id)
    answer = rp.poll(auth_req_id)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "access_denied",
            "error_description": "The request was cancelled before it was approved",
        },
    )


def test_whoever_lost_our_answer_may_cancel_again(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    cancel(rp, auth_req_id)
    ended_at = find(auth_req_id).ended_at
    answer = cancel(rp, auth_req_id)
    assert (answer.status_code, answer.json()) == (200, {})
    assert find(auth_req_id).ended_at == ended_at


def test_what_is_not_there_to_cancel_is_one_and_the_same_invalid_grant(
    rp: RelyingParty, relying_party: RelyingParties
) -> None:
    other = relying_party(client_id="other")
    with at(0):
        foreign = other.auth_req_id()
        approved, denied, redeemed = (
            rp.auth_req_id(binding_message=f"Pay {each}") for each in range(3)
        )
        approve(approved)
        deny(denied)
        approve(redeemed)
        assert rp.poll(redeemed).status_code == 200
        short = rp.auth_req_id(requested_expiry=60)
    before = list(AuthenticationRequest.objects.order_by("pk").values())
    with at(60):
        ids = ("unknown", foreign, approved, denied, redeemed, short)
        answers = [cancel(rp, each) for each in ids]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json() == {
        "error": "invalid_grant",
        "error_description": "auth_req_id is unknown, has ended, or was issued to another client",
    }
    assert list(AuthenticationRequest.objects.order_by("pk").values()) == before
    with at(60):
        assert rp.poll(approved).status_code == 200  # what was approved is not lost by asking


def test_a_request_for_nobody_is_cancelled_like_any_other(
    relying_party: RelyingParties,
) -> None:
    """A client that may not learn who has an account does not learn it here."""
    rp = relying_party(hide_unknown_users=True)
    known, unknown = rp.auth_req_id(), rp.auth_req_id(login_hint="nobody")
    assert cancel(rp, known).content == cancel(rp, unknown).content
    assert rp.poll(known).content == rp.poll(unknown).content


def test_without_auth_req_id_it_says_what_is_missing(rp: RelyingParty) -> None:
    answer = rp.post("bc-authorize/cancel", {"auth_req": "1"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": "auth_req_id is missing"},
    )


def test_a_client_that_is_not_proved_cancels_nothing(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    answer = rp.post(
        "bc-authorize/cancel",
        {"auth_req_id": auth_req_id, "client_id": "shop", "client_secret": "wrong"},
        authenticated=False,
    )
    assert (answer.status_code, error(answer)) == (401, "invalid_client")
    assert find(auth_req_id).status == AuthenticationRequest.Status.PENDING


def test_only_post_is_taken(rp: RelyingParty) -> None:
    answer = rp.http.get("/oauth2/bc-authorize/cancel")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_discovery_does_not_name_it(client: HttpClient, rp: RelyingParty) -> None:
    assert "cancel" not in client.get("/oauth2/.well-known/openid-configuration").content.decode()


def test_a_prompt_that_waits_for_its_turn_is_withdrawn(rp: RelyingParty) -> None:
    cancel(rp, rp.auth_req_id())
    prompt = Delivery.objects.get()
    assert (prompt.state, prompt.problem) == ("withdrawn", "the request was cancelled")
    assert prompt.ended_at is not None
    assert run_due() == 0
    assert mail.outbox == []


@pytest.mark.requirement("CIBA Core", "10.2")
def test_a_client_that_cancels_is_not_called_about_it(relying_party: RelyingParties) -> None:
    rp = relying_party(**NOTIFICATION)
    auth_req_id = rp.auth_req_id(client_notification_token="t" * 43)
    assert find(auth_req_id).client_notification_token
    cancel(rp, auth_req_id)
    assert not Delivery.objects.exclude(kind=Delivery.Kind.PROMPT).exists()
    found = find(auth_req_id)
    assert (found.client_notification_token, found.auth_req_id_encrypted) == ("", "")


def test_the_prompt_goes_away_on_the_device(rp: RelyingParty, alice: Any) -> None:
    device = HttpClient()
    device.force_login(alice)
    auth_req_id = rp.auth_req_id()
    name = str(find(auth_req_id).public_id)
    assert [each["id"] for each in device.get("/ciba/waiting.json").json()["waiting"]] == [name]
    cancel(rp, auth_req_id)
    assert device.get("/ciba/waiting.json").json()["waiting"] == []
    shown = device.get(f"/ciba/requests/{name}/").content.decode()
    assert "withdrawn" in shown.lower()
    late = device.post(f"/ciba/requests/{name}/", {"verdict": "approved"})
    assert late.status_code == 410
    assert find(auth_req_id).status == AuthenticationRequest.Status.CANCELLED


def test_who_listens_hears_of_it_once(
    rp: RelyingParty, django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[Any] = []

    def listen(authentication_request: Any, **kwargs: Any) -> None:
        heard.append(authentication_request)

    signals.request_cancelled.connect(listen)
    try:
        auth_req_id = rp.auth_req_id()
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                cancel(rp, auth_req_id)
    finally:
        signals.request_cancelled.disconnect(listen)
    assert heard == [find(auth_req_id)]
