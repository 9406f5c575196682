"""The journey of the seeds walked from bc-authorize to its end, and what no journey can do."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client as HttpClient

from django_ciba.journeys import NotAnswerable, walk_due
from django_ciba.models import AuthenticationRequest, Client, Delivery
from django_ciba.protocol.errors import AccessDenied
from tests import provider
from tests.relying_party import RelyingParty
from tests.unit.journeys import site_nodes
from tests.unit.journeys.arrange import (
    NOON,
    SEEDS,
    Answer,
    Status,
    after,
    begin,
    path,
    say,
    seeds,
    stored,
    straight,
)

pytestmark = pytest.mark.django_db


def end(found: AuthenticationRequest) -> tuple[Any, ...]:
    return found.status, found.node, found.due_at, found.ended_at


# --- the journey of the seeds -------------------------------------------------------------------


def test_the_request_waits_with_the_user_prompted(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, client, alice)
    assert path(found) == [("username", "found"), ("send", "sent"), ("verify", "waiting")]
    assert (found.status, found.node, found.answer) == (Status.PENDING, "wait", "")
    assert (found.prompted_at, found.prompt_until) == (NOON, after(120))
    assert list(AuthenticationRequest.objects.waiting_for(alice, NOON)) == [found]
    assert list(found.deliveries.values_list("channel", "state", "round").order_by("channel")) == [
        ("console", "due", 1),
        ("email", "due", 1),
    ]


def test_an_approval_authorizes(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, client, alice)
    answered = say(found, Answer.APPROVED, after(30), authenticated_at=after(25), amr=["pwd"])
    assert end(answered) == (Status.AUTHORIZED, "", None, after(30))
    assert (answered.authenticated_at, answered.amr) == (after(25), ["pwd"])
    assert (answered.answer, answered.answered_at) == (Answer.APPROVED, after(30))
    assert path(answered)[3:] == [("wait", "done"), ("verify", "success")]
    kept = stored(found)
    assert kept.walk == answered.walk
    assert end(kept) == end(answered)
    assert (kept.authenticated_at, kept.amr) == (after(25), ["pwd"])
    assert kept.step == answered.step


def test_a_denial_denies_and_proves_nothing(client: Client, alice: AbstractBaseUser) -> None:
    answered = say(begin(SEEDS, client, alice), Answer.DENIED, after(30))
    assert end(stored(answered)) == (Status.DENIED, "", None, after(30))
    assert (answered.authenticated_at, answered.amr) == (None, [])
    assert path(answered)[3:] == [("wait", "done"), ("verify", "failure")]


def test_without_an_answer_the_message_runs_out_at_its_timer(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(SEEDS, client, alice)
    assert not walk_due(found.pk, after(119.9))
    assert stored(found).status == Status.PENDING
    assert walk_due(found.pk, after(120))
    ended = stored(found)
    assert end(ended) == (Status.FAILED, "", None, after(120))
    assert path(ended)[3:] == [("wait", "done"), ("verify", "expired")]
    assert not walk_due(found.pk, after(121))


def test_a_user_who_may_not_sign_in_is_not_found(client: Client, alice: AbstractBaseUser) -> None:
    alice.is_active = False
    with pytest.raises(AccessDenied):
        begin(SEEDS, client, alice)
    assert AuthenticationRequest.objects.count() == 0


def test_a_request_for_nobody_walks_nowhere_and_prompts_nobody(client: Client) -> None:
    found = begin(SEEDS, client, None, seconds=60)
    assert (found.status, found.node, found.walk, found.prompted_at) == ("pending", "", [], None)
    assert found.due_at == after(60)
    assert not walk_due(found.pk, after(59))
    assert Delivery.objects.count() == 0


def test_a_prompt_without_a_timeout_lives_as_long_as_its_request(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(seeds(send={**SEEDS["nodes"]["send"], "config": {}}), client, alice)
    assert found.prompt_until == found.due_at == after(600)


def test_a_prompt_lives_no_longer_than_its_request(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, client, alice, seconds=60)
    assert found.prompt_until == found.due_at == after(60)


# --- what no journey can do ---------------------------------------------------------------------


def test_success_without_the_users_yes_ends_as_failed(
    client: Client, alice: AbstractBaseUser, caplog: pytest.LogCaptureFixture
) -> None:
    document = seeds(
        verify={
            **SEEDS["nodes"]["verify"],
            "outcomes": {**SEEDS["nodes"]["verify"]["outcomes"], "expired": "@success"},
        }
    )
    found = begin(document, client, alice)
    assert walk_due(found.pk, after(120))
    assert stored(found).status == Status.FAILED
    version = found.journey_version_id
    assert caplog.messages == [
        f"journey version {version} reached @success without the user's approval"
    ]


def test_success_after_a_denial_ends_as_failed(client: Client, alice: AbstractBaseUser) -> None:
    outcomes = {**SEEDS["nodes"]["verify"]["outcomes"], "failure": "@success"}
    document = seeds(verify={**SEEDS["nodes"]["verify"], "outcomes": outcomes})
    answered = say(begin(document, client, alice), Answer.DENIED, after(5))
    assert stored(answered).status == Status.FAILED


def test_failure_after_an_approval_ends_as_failed_without_tokens(
    client: Client, alice: AbstractBaseUser
) -> None:
    outcomes = {**SEEDS["nodes"]["verify"]["outcomes"], "success": "@failure"}
    document = seeds(verify={**SEEDS["nodes"]["verify"], "outcomes": outcomes})
    answered = say(begin(document, client, alice), Answer.APPROVED, after(5))
    assert stored(answered).status == Status.FAILED


@pytest.mark.parametrize("target", ["@success", "@failure"])
def test_a_journey_that_asks_nobody_is_refused_at_once(
    client: Client, alice: AbstractBaseUser, target: str
) -> None:
    with pytest.raises(AccessDenied, match="the user cannot be asked now"):
        begin(straight("Step", end=target), client, alice)
    assert AuthenticationRequest.objects.count() == 0
    assert Delivery.objects.count() == 0


def test_a_circle_without_a_wait_ends_as_failed(
    client: Client,
    alice: AbstractBaseUser,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a node may lead to itself that has another outcome too, the document is valid."""
    monkeypatch.setattr(site_nodes.Weather, "says", "wet")
    circle = {"type": "Weather", "outcomes": {"dry": "@failure", "wet": "weather"}}
    wait = {"type": "PollingWait", "outcomes": {"done": "weather"}}
    document = {"start": "wait", "nodes": {"wait": wait, "weather": circle}}
    found = begin(document, client, alice)
    assert walk_due(found.pk, after(8))
    ended = stored(found)
    assert end(ended) == (Status.FAILED, "", None, after(8))
    assert len(path(ended)) == 100
    assert caplog.messages == [f"journey version {found.journey_version_id} walks in a circle"]


def test_the_longest_journey_is_no_circle(client: Client, alice: AbstractBaseUser) -> None:
    document = straight("Ask", *["Step"] * 98, "Vote", yes="@success")
    last = document["nodes"]["n99"]
    last["outcomes"] = {"yes": "@success", "no": "@failure"}
    found = begin(document, client, alice)
    assert (found.node, len(found.walk)) == ("n99", 99)
    assert say(found, Answer.APPROVED, after(5)).status == Status.AUTHORIZED


def test_a_walk_that_ends_sends_nothing(client: Client, alice: AbstractBaseUser) -> None:
    """Its prompts would ask for an answer that nobody can give any more."""
    wait = {"type": "PollingWait", "outcomes": {"done": "ask"}}
    ask = {"type": "Ask", "outcomes": {"next": "@failure"}}
    document = {"start": "wait", "nodes": {"wait": wait, "ask": ask}}
    found = begin(document, client, alice)
    assert walk_due(found.pk, after(8))
    assert stored(found).status == Status.FAILED
    assert Delivery.objects.count() == 0


# --- a node that fails --------------------------------------------------------------------------


def relying_party(client: Client) -> RelyingParty:
    return RelyingParty(
        http=HttpClient(raise_request_exception=False),
        client=client,
        issuer=client.realm.issuer,
        mount="/oauth2/",
        key=provider.key("ES256", "client"),
    )


@pytest.mark.requirement("CIBA Core", "13")
def test_a_node_that_fails_at_bc_authorize_leaves_nothing_stored(
    client: Client, alice: AbstractBaseUser, caplog: pytest.LogCaptureFixture
) -> None:
    rp = relying_party(client)
    rp.secret = client.new_secret()
    client.save()
    journey = client.realm.default_journey
    assert journey is not None
    ask = {"type": "Ask", "outcomes": {"next": "broken"}}
    broken = {"type": "Broken", "outcomes": {"next": "@failure"}}
    journey.document = {"start": "ask", "nodes": {"ask": ask, "broken": broken}}
    journey.save()
    answer = rp.authenticate()
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "error": "server_error",
        "error_description": "the provider failed; nothing was changed",
    }
    assert AuthenticationRequest.objects.count() == 0
    assert Delivery.objects.count() == 0
    assert any(record.exc_info for record in caplog.records)


def test_a_node_that_fails_at_a_timer_is_tried_again_after_the_lease(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = {"type": "PollingWait", "config": {"seconds": 5}, "outcomes": {"done": "broken"}}
    broken = {"type": "Broken", "outcomes": {"next": "@failure"}}
    found = begin({"start": "wait", "nodes": {"wait": wait, "broken": broken}}, client, alice)
    with pytest.raises(RuntimeError):
        walk_due(found.pk, after(5))
    assert (stored(found).status, stored(found).node) == (Status.PENDING, "wait")
    assert not walk_due(found.pk, after(34))
    monkeypatch.setattr(site_nodes.Broken, "fails", False)
    assert walk_due(found.pk, after(35))
    assert stored(found).status == Status.FAILED
    assert path(stored(found)) == [("wait", "done"), ("broken", "next")]


def test_a_node_that_fails_at_an_answer_leaves_the_request_answerable(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"type": "Broken", "outcomes": {"next": "@success"}}
    outcomes = {**SEEDS["nodes"]["verify"]["outcomes"], "success": "broken"}
    verify = {**SEEDS["nodes"]["verify"], "outcomes": outcomes}
    found = begin(seeds(verify=verify, broken=broken), client, alice)
    with pytest.raises(RuntimeError):
        say(found, Answer.APPROVED, after(5))
    kept = stored(found)
    assert (kept.status, kept.answer, kept.authenticated_at) == (Status.PENDING, "", None)
    monkeypatch.setattr(site_nodes.Broken, "fails", False)
    assert say(found, Answer.APPROVED, after(6)).status == Status.AUTHORIZED


# --- timers -------------------------------------------------------------------------------------


def test_the_timer_is_set_to_when_something_can_change(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Not to each eight seconds, when only an answer or the end of the prompt says anything new."""
    assert begin(SEEDS, client, alice).due_at == after(120)


def test_a_wait_longer_than_the_prompt_lasts_its_own_time(
    client: Client, alice: AbstractBaseUser
) -> None:
    wait = {**SEEDS["nodes"]["wait"], "config": {"seconds": 200}}
    assert begin(seeds(wait=wait), client, alice).due_at == after(200)


def test_before_a_node_that_may_say_something_any_time_the_wait_is_as_configured(
    client: Client, alice: AbstractBaseUser
) -> None:
    step = {"type": "Step", "outcomes": {"next": "verify"}}
    wait = {**SEEDS["nodes"]["wait"], "outcomes": {"done": "step"}}
    found = begin(seeds(wait=wait, step=step), client, alice)
    assert found.due_at == after(8)
    assert walk_due(found.pk, after(8))
    assert stored(found).due_at == after(16)


def test_a_wait_before_an_end_is_as_configured(client: Client, alice: AbstractBaseUser) -> None:
    wait = {**SEEDS["nodes"]["wait"], "outcomes": {"done": "@failure"}}
    assert begin(seeds(wait=wait), client, alice).due_at == after(8)


def test_no_timer_outlives_the_request(client: Client, alice: AbstractBaseUser) -> None:
    wait = {**SEEDS["nodes"]["wait"], "config": {"seconds": 2**31 - 1}}
    assert begin(seeds(wait=wait), client, alice, seconds=90).due_at == after(90)


# --- spam ---------------------------------------------------------------------------------------

WATCHED = {
    "type": "PollingWait",
    "config": {"seconds": 8, "spam_detection": True, "spam_tolerance": 2},
    "outcomes": {"done": "verify", "spam": "@failure"},
}


def polled_too_soon(found: AuthenticationRequest, times: int) -> None:
    AuthenticationRequest.objects.filter(pk=found.pk).update(slow_downs=times)


def test_a_watched_wait_wakes_up_each_time_to_look(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(seeds(wait=WATCHED), client, alice)
    assert found.due_at == after(8)
    assert walk_due(found.pk, after(8))
    assert stored(found).due_at == after(16)
    assert stored(found).status == Status.PENDING


def test_more_polls_too_soon_than_tolerated_are_spam(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(seeds(wait=WATCHED), client, alice)
    polled_too_soon(found, 3)
    assert walk_due(found.pk, after(8))
    ended = stored(found)
    assert ended.status == Status.FAILED
    assert path(ended)[-1] == ("wait", "spam")


def test_what_is_tolerated_is_counted_anew_in_each_wait(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(seeds(wait=WATCHED), client, alice)
    for number in (1, 2, 3):
        polled_too_soon(found, 2 * number)
        assert walk_due(found.pk, after(8 * number))
        assert path(stored(found))[-2:] == [("wait", "done"), ("verify", "waiting")]
    polled_too_soon(found, 9)
    assert walk_due(found.pk, after(32))
    assert stored(found).status == Status.FAILED


def test_spam_that_is_not_wired_is_a_failure(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(seeds(wait={**WATCHED, "outcomes": {"done": "verify"}}), client, alice)
    polled_too_soon(found, 3)
    assert walk_due(found.pk, after(8))
    assert stored(found).status == Status.FAILED


def test_an_unwatched_wait_takes_any_number_of_polls(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(SEEDS, client, alice)
    polled_too_soon(found, 50)
    assert say(found, Answer.APPROVED, after(20)).status == Status.AUTHORIZED


# --- more than one round ------------------------------------------------------------------------

AGAIN = {
    **SEEDS["nodes"]["verify"],
    "outcomes": {**SEEDS["nodes"]["verify"]["outcomes"], "expired": "send"},
}


def test_prompting_again_sends_again(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(seeds(verify=AGAIN), client, alice)
    Delivery.objects.update(state=Delivery.State.DELIVERED)
    assert walk_due(found.pk, after(120))
    prompted = stored(found)
    assert (prompted.prompted_at, prompted.prompt_until) == (after(120), after(240))
    rows = found.deliveries.values_list("channel", "round", "state").order_by("round", "channel")
    assert list(rows) == [
        ("console", 1, "delivered"),
        ("email", 1, "delivered"),
        ("console", 2, "due"),
        ("email", 2, "due"),
    ]
    assert say(found, Answer.APPROVED, after(130)).status == Status.AUTHORIZED


def test_two_senders_in_one_walk_are_two_rounds(client: Client, alice: AbstractBaseUser) -> None:
    document = straight("Ask", "Ask", "Vote")
    document["nodes"]["n2"]["outcomes"] = {"yes": "@success", "no": "@failure"}
    found = begin(document, client, alice)
    assert list(
        found.deliveries.filter(channel="email").order_by("round").values_list("round", flat=True)
    ) == [1, 2]


def test_a_second_question_is_not_answered_by_the_answer_to_the_first(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Whoever draws a journey that asks twice wants two answers."""
    outcomes = SEEDS["nodes"]["verify"]["outcomes"]
    document = seeds(
        verify={**SEEDS["nodes"]["verify"], "outcomes": {**outcomes, "success": "again"}},
        again={
            **SEEDS["nodes"]["send"],
            "outcomes": {"sent": "sure", "not_registered": "@failure"},
        },
        sure={**SEEDS["nodes"]["verify"], "outcomes": {**outcomes, "waiting": "rest"}},
        rest={**SEEDS["nodes"]["wait"], "outcomes": {"done": "sure"}},
    )
    found = say(begin(document, client, alice), Answer.APPROVED, after(30))
    assert (found.status, found.node, found.answer) == (Status.PENDING, "rest", "")
    assert (found.answered_at, found.authenticated_at, found.amr) == (None, None, [])
    assert list(AuthenticationRequest.objects.waiting_for(alice, after(31))) == [found]
    assert found.deliveries.filter(round=2, state="due").count() == 2
    twice = say(found, Answer.APPROVED, after(60), amr=["hwk"])
    assert (twice.status, twice.amr) == (Status.AUTHORIZED, ["hwk"])
    assert twice.authenticated_at == after(50)


@pytest.mark.parametrize("key", ["prompts", "memory", "start", "nodes", "k" * 100, "слово"])
def test_any_key_will_do(client: Client, alice: AbstractBaseUser, key: str) -> None:
    """What the engine itself remembers must not meet what a node of that key remembers."""
    node = {**WATCHED, "outcomes": {"done": "verify", "spam": "@failure"}}
    outcomes = {**AGAIN["outcomes"], "waiting": key}
    document = seeds(verify={**AGAIN, "outcomes": outcomes}, **{key: node})
    del document["nodes"]["wait"]
    found = begin(document, client, alice)
    for number in range(1, 17):
        assert walk_due(found.pk, NOON + timedelta(seconds=8 * number)), number
    assert found.deliveries.filter(channel="email").count() == 2
    assert say(found, Answer.APPROVED, after(130)).status == Status.AUTHORIZED


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


# --- clients that must not learn whom we know -----------------------------------------------------


@pytest.fixture
def kept_ignorant(client: Client) -> Client:
    client.hide_unknown_users = True
    client.save()
    return client


def test_a_failure_that_would_tell_that_there_is_a_user_runs_out_instead(
    kept_ignorant: Client, alice: AbstractBaseUser
) -> None:
    """As a request for nobody does: pending until it expires, and nobody can answer it."""
    found = begin(SEEDS, kept_ignorant, alice)
    assert walk_due(found.pk, after(120))
    kept = stored(found)
    assert end(kept) == (Status.PENDING, "", after(600), None)
    assert list(AuthenticationRequest.objects.waiting_for(alice, after(120))) == []
    with pytest.raises(NotAnswerable) as caught:
        say(found, Answer.APPROVED, after(121))
    assert caught.value.reason == "expired"
    assert not walk_due(found.pk, after(599))
    assert walk_due(found.pk, after(600))
    assert stored(found).due_at is None


def test_a_journey_that_asks_nobody_runs_out_too(
    kept_ignorant: Client, alice: AbstractBaseUser
) -> None:
    found = begin(straight("Step", end="@failure"), kept_ignorant, alice)
    assert end(found) == (Status.PENDING, "", after(600), None)
    assert Delivery.objects.count() == 0


def test_a_denial_is_told_to_every_client(kept_ignorant: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, kept_ignorant, alice)
    assert say(found, Answer.DENIED, after(5)).status == Status.DENIED
