"""A report ends a request also while no answer to it would count: between two prompts of it."""

import copy
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import (
    Evidence,
    NotAnswerable,
    PasscodeRefused,
    enter_passcode,
    report,
    walk_due,
)
from django_ciba.models import AuditEvent, AuthenticationRequest, Client, Delivery
from tests.unit.journeys.arrange import Answer, Status, after, begin, say, seeds, stored
from tests.unit.journeys.test_nodes import carried, passcode

pytestmark = pytest.mark.django_db

# The prompt runs out after 120 seconds; a minute later the user is prompted again.
PROMPTS_TWICE = seeds(
    verify={
        "type": "PushResultVerifier",
        "outcomes": {
            "success": "@success",
            "failure": "pause",
            "expired": "pause",
            "waiting": "wait",
        },
    },
    pause={"type": "PollingWait", "config": {"seconds": 60}, "outcomes": {"done": "again"}},
    again={
        "type": "RetryLimitDecision",
        "config": {"limit": 5},
        "outcomes": {"retry": "send", "reject": "@failure"},
    },
)


def test_who_reports_a_prompt_that_has_run_out_is_not_prompted_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(PROMPTS_TWICE, client, alice)
    assert walk_due(found.pk, after(120))
    assert stored(found).status == Status.PENDING
    assert report(found, now=after(130))
    now = stored(found)
    assert (now.status, now.answer, now.answered_at) == (Status.DENIED, Answer.DENIED, after(130))
    assert not walk_due(found.pk, after(180))
    prompts = Delivery.objects.filter(kind=Delivery.Kind.PROMPT)
    assert set(prompts.values_list("state", flat=True)) == {"withdrawn"}
    assert [str(each.event) for each in AuditEvent.objects.order_by("pk")] == ["denied", "reported"]


def test_the_client_of_such_a_request_is_called(client: Client, alice: AbstractBaseUser) -> None:
    client.backchannel_token_delivery_mode = "ping"
    client.backchannel_client_notification_endpoint = "https://rp.example.com/ping"
    client.save()
    found = begin(PROMPTS_TWICE, client, alice)
    AuthenticationRequest.objects.update(client_notification_token="for the ping")
    walk_due(found.pk, after(120))
    report(found, now=after(130))
    assert Delivery.objects.filter(kind=Delivery.Kind.PING).count() == 1


def test_who_reports_after_a_wrong_number_is_not_prompted_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = copy.deepcopy(PROMPTS_TWICE)
    document["nodes"]["send"]["config"] = {"push_type": "challenge", "number_entry": "type"}
    found = begin(document, client, alice)
    with pytest.raises(NotAnswerable):
        say(found, Answer.APPROVED, after(10), evidence=Evidence(number="1"))
    assert (stored(found).status, stored(found).answer) == (Status.PENDING, Answer.FAILED)
    assert report(found, now=after(20))
    assert (stored(found).status, stored(found).answer) == (Status.DENIED, Answer.DENIED)
    assert not walk_due(found.pk, after(70))


def test_who_reports_a_waiting_prompt_is_not_prompted_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Its journey has more to do after a no; a report ends it at once."""
    found = begin(PROMPTS_TWICE, client, alice)
    assert report(found, now=after(10))
    assert (stored(found).status, stored(found).answer) == (Status.DENIED, Answer.DENIED)
    assert not walk_due(found.pk, after(70))


@pytest.mark.parametrize("entered_at", ["device", "relying_party"])
def test_who_reports_a_passcode_is_sent_no_other(
    client: Client, alice: AbstractBaseUser, entered_at: str
) -> None:
    """A no leads to another passcode at once, as that journey is wired."""
    document = passcode({"entered_at": entered_at, "channel": "email"})
    document["nodes"]["verify"]["outcomes"]["failure"] = "send"
    found = begin(document, client, alice)
    assert report(found, now=after(10))
    assert (stored(found).status, stored(found).answer) == (Status.DENIED, Answer.DENIED)
    prompts = Delivery.objects.filter(kind=Delivery.Kind.PROMPT)
    assert set(prompts.values_list("state", flat=True)) == {"withdrawn"}


def asks_anew_after_a_no() -> dict[str, Any]:
    """The seeds' journey, with `failure` wired to a second sender."""
    document = seeds(
        second={
            "type": "PushSender",
            "config": {"push_type": "default", "message_timeout": 120},
            "outcomes": {"sent": "verify", "not_registered": "@failure"},
        }
    )
    document["nodes"]["verify"]["outcomes"]["failure"] = "second"
    return document


@pytest.mark.parametrize("which", [0, 1])
def test_what_looks_like_a_reported_prompt_does_not_ask_again(
    client: Client, alice: AbstractBaseUser, which: int
) -> None:
    """A no leads to another question at once, as that journey is wired."""
    document = asks_anew_after_a_no()
    rows = [begin(document, client, alice, now=after(second)) for second in range(2)]
    assert report(rows[which], now=after(10))
    assert [(stored(each).status, stored(each).answer) for each in rows] == [
        (Status.DENIED, Answer.DENIED)
    ] * 2
    assert not AuthenticationRequest.objects.waiting_for(alice, after(10)).exists()
    prompts = Delivery.objects.filter(kind=Delivery.Kind.PROMPT)
    assert set(prompts.values_list("state", flat=True)) == {"withdrawn"}
    events = sorted(str(each.event) for each in AuditEvent.objects.all())
    assert events == ["denied", "denied", "reported"]


def test_what_looks_like_a_report_of_an_ended_request_does_not_ask_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = asks_anew_after_a_no()
    rows = [begin(document, client, alice, now=after(second)) for second in range(3)]
    AuthenticationRequest.objects.cancel(rows[2].pk, after(9))
    assert report(rows[2], now=after(10))
    assert [stored(each).status for each in rows] == ["denied", "denied", "cancelled"]


def test_what_looks_like_a_reported_prompt_and_is_between_two_does_not_ask_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    """The older's prompt has run out, and a minute later it would be put once more."""
    older = begin(PROMPTS_TWICE, client, alice)
    newer = begin(PROMPTS_TWICE, client, alice, now=after(100))
    assert walk_due(older.pk, after(120))
    assert report(newer, now=after(130))
    assert [stored(each).status for each in (older, newer)] == [Status.DENIED] * 2
    assert not walk_due(older.pk, after(180))


def test_what_was_approved_and_looks_like_a_reported_prompt_stays(
    client: Client, alice: AbstractBaseUser
) -> None:
    """The user's own yes; its journey has a later step to go."""
    document = seeds()
    document["nodes"]["pause"] = {
        **PROMPTS_TWICE["nodes"]["pause"],
        "outcomes": {"done": "@success"},
    }
    document["nodes"]["verify"]["outcomes"]["success"] = "pause"
    rows = [begin(document, client, alice, now=after(second)) for second in range(2)]
    say(rows[0], Answer.APPROVED, after(5))
    assert report(rows[1], now=after(10))
    assert [stored(each).status for each in rows] == ["pending", "denied"]


def test_a_report_of_what_is_asked_at_the_client_denies_what_looks_the_same(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = passcode({"entered_at": "relying_party", "channel": "email"})
    rows = [begin(document, client, alice, now=after(second)) for second in range(2)]
    code = carried(rows[0], "passcode")
    assert report(rows[1], now=after(10))
    assert [stored(each).status for each in rows] == [Status.DENIED] * 2
    with pytest.raises(PasscodeRefused, match="over"):
        enter_passcode(rows[0], code, now=after(11), amr=["otp"])
