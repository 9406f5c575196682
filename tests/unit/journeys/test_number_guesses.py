"""A request has one number: asking again, however that is wired, does not help to guess it."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import (
    Demand,
    Evidence,
    Node,
    NotAnswerable,
    Step,
    choices,
    demand_of,
    document_problems,
    dry_run,
    walk_due,
)
from django_ciba.models import AuthenticationRequest, Client, Delivery
from tests.unit.journeys.arrange import Answer, Status, after, begin, path, say, seeds, stored
from tests.unit.journeys.site_channels import with_channels
from tests.unit.journeys.test_nodes import carried, other, passcode

pytestmark = pytest.mark.django_db


def asks_for_the_number(type_: str = "PushSender", **config: Any) -> dict[str, Any]:
    """A sender of prompts of two minutes."""
    if type_ == "PushSender":
        config = {"push_type": "challenge", "message_timeout": 120, **config}
    outcomes = {"sent": "verify", "not_registered": "@failure"}
    return {"type": type_, "config": config, "outcomes": outcomes}


def circle(send: dict[str, Any], **outcomes: str) -> dict[str, Any]:
    """`send` asks, and by these outcomes of its answer the journey goes on."""
    document = seeds(send=send)
    document["nodes"]["verify"]["outcomes"].update(outcomes)
    assert list(document_problems(document)) == []
    return document


def guess(found: AuthenticationRequest, number: str, now: Any = None) -> str:
    """What became of the guess: "" for an approval."""
    try:
        say(found, Answer.APPROVED, now or after(10), evidence=Evidence(number=number))
    except NotAnswerable as error:
        return error.reason
    return ""


def wrong_numbers(found: AuthenticationRequest) -> list[str]:
    """All but the one, and those that are offered first."""
    offered = [each for each in choices(found) if each != found.number]
    every = (str(each) for each in range(10, 100))
    return [*offered, *(each for each in every if each not in {found.number, *offered})]


def assert_spent(found: AuthenticationRequest) -> None:
    """The request has failed, and the number is worth nothing any more."""
    assert (stored(found).status, stored(found).answer) == (Status.FAILED, Answer.FAILED)
    assert guess(found, found.number) == "answered"


class SiteSender(Node):
    """As a site would write a Push Sender."""

    type = "SiteSender"
    label = "Site Sender"
    outcomes = ("sent",)
    optional_outcomes = ("not_registered",)

    def step(self, step: Step) -> str:
        step.prompt(step.authentication_request.expires_at, Demand(number="pick"))
        return "sent"

    def shows_a_number(self, config: Any) -> bool:
        return True


@pytest.fixture
def site_sender(settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "JOURNEY_NODES": [f"{__name__}.SiteSender"]}


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(asks_for_the_number(), id="picked"),
        pytest.param(asks_for_the_number(number_entry="type", tries=3), id="typed"),
        pytest.param(asks_for_the_number("SiteSender"), id="a site's own node"),
    ],
)
def test_a_wrong_number_that_ended_a_question_is_followed_by_no_other(
    client: Client, alice: AbstractBaseUser, site_sender: None, send: dict[str, Any]
) -> None:
    found = begin(circle(send, failure="send"), client, alice)
    for number in wrong_numbers(found)[: demand_of(found).tries]:
        assert guess(found, number) == "wrong_number"
    assert_spent(found)
    assert path(stored(found))[-2:] == [("verify", "failure"), ("send", "not_asked_again")]
    assert not Delivery.objects.filter(authentication_request=found, round__gt=1).exists()


def test_what_looks_like_it_is_followed_by_no_other_either(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = circle(asks_for_the_number(), failure="send")
    rows = [begin(document, client, alice, now=after(second)) for second in range(2)]
    assert guess(rows[1], wrong_numbers(rows[1])[0]) == "wrong_number"
    for each in rows:
        assert_spent(each)


ASKED_UNTIL_ANSWERED = circle(asks_for_the_number(number_entry="type", tries=3), expired="send")


def test_wrong_numbers_are_counted_over_all_questions_of_a_request(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Else two of three tries are made, and the question is left to run out, again and again."""
    found = begin(ASKED_UNTIL_ANSWERED, client, alice)
    first, second, third = wrong_numbers(found)[:3]
    assert guess(found, first) == guess(found, second) == "wrong_number"
    assert walk_due(found.pk, after(120))
    assert stored(found).prompt_number == 2
    assert guess(found, third, after(130)) == "wrong_number"
    assert_spent(found)


def test_who_did_not_answer_has_it_right_when_asked_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(ASKED_UNTIL_ANSWERED, client, alice)
    assert guess(found, wrong_numbers(found)[0]) == "wrong_number"
    assert walk_due(found.pk, after(120))
    assert guess(found, found.number, after(130)) == ""
    assert stored(found).status == Status.AUTHORIZED


def test_three_that_were_offered_are_not_typed_one_after_the_other(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = circle(asks_for_the_number())
    document["nodes"]["verify"]["outcomes"]["expired"] = "typed"
    document["nodes"]["typed"] = asks_for_the_number(number_entry="type", tries=3)
    found = begin(document, client, alice)
    assert walk_due(found.pk, after(120))
    assert demand_of(stored(found)).number == "type"
    assert guess(found, wrong_numbers(found)[0], after(130)) == "wrong_number"
    assert_spent(found)


def test_another_question_between_forgets_no_wrong_number(
    client: Client, alice: AbstractBaseUser, settings: Any, site: None
) -> None:
    with_channels(settings, "email")
    document = circle(asks_for_the_number())
    between = passcode({"channel": "email"})["nodes"]
    document["nodes"]["passcode"] = {
        **between["send"],
        "outcomes": {"sent": "entered", "not_registered": "@failure"},
    }
    document["nodes"]["entered"] = {
        **between["verify"],
        "config": {"tries": 1},
        "outcomes": {"success": "@success", "failure": "send", "expired": "@failure"},
    }
    document["nodes"]["verify"]["outcomes"]["failure"] = "passcode"
    found = begin(document, client, alice)
    assert guess(found, wrong_numbers(found)[0]) == "wrong_number"
    assert stored(found).demand["passcode"]
    with pytest.raises(NotAnswerable, match="wrong_passcode"):
        say(
            found,
            Answer.APPROVED,
            after(20),
            evidence=Evidence(passcode=other(carried(found, "passcode", 2))),
        )
    assert_spent(found)


def test_a_dry_run_says_the_same(client: Client, alice: AbstractBaseUser) -> None:
    document = circle(asks_for_the_number(number_entry="type", tries=2), failure="send")
    done = dry_run(document, client, alice, answers=["wrong", "wrong"], now=after(0))
    assert (done.ended, done.steps[-1].outcome) == ("failed", "not_asked_again")
    assert len(done.sent) == 1
