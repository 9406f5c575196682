"""Whoever guesses, guesses seldom: wrong answers cool a client down as denials do."""

from collections.abc import Iterator
from typing import Any

import pytest

from django_ciba.models import AuditEvent, Journey, Realm
from django_ciba.testing import do_what_is_due
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import at
from tests.provider import make_journey
from tests.relying_party import RelyingParty
from tests.two_steps import POCKET, TWO_STEPS, Pocket, two_step_journey

pytestmark = pytest.mark.requirement("Protocol", "6")

RETRIES = {
    "again": {
        "type": "RetryLimitDecision",
        "config": {"limit": 2},
        "outcomes": {"retry": "send", "reject": "@failure"},
    }
}


@pytest.fixture(autouse=True)
def bank(site: None, settings: Any, realm: Realm) -> Iterator[None]:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": [POCKET]}
    realm.settings = {"denials_before_cool_down": 2, "cool_down": 600}
    realm.save()
    Pocket.read, Pocket.broken = [], False
    make_journey(realm, two_step_journey(tries=2))
    with at(0):
        yield


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(**TWO_STEPS)


def guessed(rp: RelyingParty, times: int) -> str:
    """Begins a request and guesses its passcode, wrongly each time; its middle token."""
    begun = rp.authenticate(binding_message=None)
    assert begun.status_code == 200, begun.content
    do_what_is_due()
    middle = str(rp.poll(begun.json()["auth_req_id"]).json()["id_token"])
    for _ in range(times):
        answer = entered(rp, middle, f"{(int(Pocket.passcode()) + 1) % 10**6:06}")
        assert answer.json()["error"] == "invalid_user_code"
    return middle


def entered(rp: RelyingParty, middle: str, code: str) -> Any:
    sent = {"id_token_hint": middle, "user_code": code, "scope": None, "login_hint": None}
    return rp.authenticate(**sent, binding_message=None)


def assert_cooled_down(rp: RelyingParty) -> None:
    assert rp.authenticate(binding_message=None).status_code == 403
    event = AuditEvent.objects.filter(event="limit_reached").latest("pk")
    assert event.detail == {"limit": "cool_down"}


def test_who_has_guessed_wrongly_to_the_end_cools_down(rp: RelyingParty) -> None:
    guessed(rp, 2)
    guessed(rp, 2)
    assert_cooled_down(rp)
    with at(600):
        guessed(rp, 1)


def test_who_stops_before_the_last_guess_cools_down_too(rp: RelyingParty) -> None:
    """Else each request gives a guess or more for nothing, and is left to run out."""
    guessed(rp, 1)
    guessed(rp, 1)
    assert_cooled_down(rp)


def test_a_new_question_of_the_same_request_forgets_no_wrong_answer(
    rp: RelyingParty, realm: Realm
) -> None:
    document = two_step_journey(tries=2)
    document["nodes"].update(RETRIES)
    document["nodes"]["verify"]["outcomes"]["failure"] = "again"
    journey = Journey.objects.get(realm=realm, name="default journey")
    journey.document = document
    journey.save()
    guessed(rp, 2)
    guessed(rp, 2)
    assert_cooled_down(rp)


def test_a_slip_of_a_user_who_then_has_it_right_is_none(rp: RelyingParty) -> None:
    for _ in range(3):
        middle = guessed(rp, 1)
        assert entered(rp, middle, Pocket.passcode()).status_code == 200
    guessed(rp, 1)
