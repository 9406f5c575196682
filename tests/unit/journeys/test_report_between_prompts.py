"""A report ends a request also while no answer to it would count: between two prompts of it."""

import copy

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import Evidence, NotAnswerable, report, walk_due
from django_ciba.models import AuditEvent, AuthenticationRequest, Client, Delivery
from tests.unit.journeys.arrange import Answer, Status, after, begin, say, seeds, stored
from tests.unit.journeys.test_nodes import passcode

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
