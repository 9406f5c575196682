"""The user's answer: taken once, while it is asked for, from somebody who may sign in."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.hooks import CibaHooks
from django_ciba.journeys import NotAnswerable, walk_due
from django_ciba.models import AuthenticationRequest, Client
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
BOTH = pytest.mark.parametrize("verdict", [Answer.APPROVED, Answer.DENIED])


class Lockout(CibaHooks):
    """As a site that locks accounts after too many failures."""

    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        return user.get_username() != "alice"


def refused(found: AuthenticationRequest, verdict: str, now: Any = None) -> str:
    """The reason why that answer is not taken; nothing of the row has changed."""
    before = AuthenticationRequest.objects.filter(pk=found.pk).values().get()
    with pytest.raises(NotAnswerable) as caught:
        say(found, verdict, now or after(30))
    assert AuthenticationRequest.objects.filter(pk=found.pk).values().get() == before
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


# --- why an answer does not take ----------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("first", [Answer.APPROVED, Answer.DENIED])
def test_of_two_answers_the_first_counts(
    client: Client, alice: AbstractBaseUser, first: str, verdict: str
) -> None:
    found = begin(SEEDS, client, alice)
    say(found, first, after(20))
    assert refused(found, verdict) == "answered"


@BOTH
def test_a_request_that_has_run_out_is_expired(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    found = begin(SEEDS, client, alice, seconds=60)
    assert refused(found, verdict, after(60)) == "expired"


def test_the_last_moment_of_a_request_still_counts(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, client, alice, seconds=60)
    assert say(found, Answer.APPROVED, after(59.999999)).status == Status.AUTHORIZED


@BOTH
def test_a_prompt_that_has_run_out_is_expired_before_any_timer_says_so(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    found = begin(SEEDS, client, alice)
    assert refused(found, verdict, after(120)) == "expired"


@BOTH
def test_a_request_that_has_failed_is_ended(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    found = begin(SEEDS, client, alice)
    walk_due(found.pk, after(120))
    assert refused(found, verdict, after(121)) == "ended"


@BOTH
def test_a_request_that_was_cancelled_is_ended(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    found = begin(SEEDS, client, alice)
    assert AuthenticationRequest.objects.cancel(found.pk, after(10))
    assert refused(found, verdict) == "ended"


@BOTH
def test_a_request_that_was_not_put_before_its_user_is_not_prompted(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    document = straight("Vote")
    document["nodes"]["n0"]["outcomes"] = {"yes": "@success", "no": "@failure"}
    assert refused(begin(document, client, alice), verdict, after(5)) == "not_prompted"


@BOTH
def test_a_request_for_nobody_is_not_prompted(client: Client, verdict: str) -> None:
    assert refused(begin(SEEDS, client, None), verdict) == "not_prompted"


@BOTH
def test_a_user_deactivated_after_the_prompt_cannot_answer(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    found = begin(SEEDS, client, alice)
    alice.is_active = False
    alice.save()
    assert refused(found, verdict) == "user_locked"


@BOTH
def test_a_user_whom_the_sites_hook_locks_after_the_prompt_cannot_answer(
    client: Client, alice: AbstractBaseUser, settings: Any, verdict: str
) -> None:
    found = begin(SEEDS, client, alice)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Lockout"}
    assert refused(found, verdict) == "user_locked"


def test_a_user_who_is_unlocked_again_can_answer(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, client, alice)
    for active in (False, True):
        alice.is_active = active
        alice.save()
        if not active:
            assert refused(found, Answer.APPROVED) == "user_locked"
    assert say(found, Answer.APPROVED, after(31)).status == Status.AUTHORIZED


def test_the_request_of_a_client_that_was_disabled_is_ended(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Design §5: the client's state counts at the answer too."""
    found = begin(SEEDS, client, alice)
    client.enabled = False
    client.save()
    assert refused(found, Answer.APPROVED) == "ended"


def test_the_request_of_a_realm_that_was_disabled_is_ended(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(SEEDS, client, alice)
    client.realm.enabled = False
    client.realm.save()
    assert refused(found, Answer.APPROVED) == "ended"


@pytest.mark.parametrize("verdict", ["", "yes", "APPROVED"])
def test_no_verdict_is_no_answer(client: Client, alice: AbstractBaseUser, verdict: str) -> None:
    found = begin(SEEDS, client, alice)
    with pytest.raises(ValueError, match="approved or denied"):
        say(found, verdict, after(5))
    assert stored(found).answered_at is None


# --- races --------------------------------------------------------------------------------------


def voting(client: Client, alice: AbstractBaseUser) -> AuthenticationRequest:
    """A request during whose walk another answer may be stored."""
    document = straight("Ask", "AnsweredMeanwhile", "Vote")
    document["nodes"]["n2"]["outcomes"] = {"yes": "@success", "no": "@failure"}
    return begin(document, client, alice)


@pytest.mark.parametrize(
    ("first", "second"), [(Answer.APPROVED, Answer.DENIED), (Answer.DENIED, Answer.APPROVED)]
)
def test_the_answer_that_is_stored_first_counts(
    client: Client, alice: AbstractBaseUser, first: str, second: str
) -> None:
    """The second had found the request unanswered, and had walked it, before the first wrote."""
    found = voting(client, alice)
    site_nodes.AnsweredMeanwhile.other.append(first)
    with pytest.raises(NotAnswerable) as caught:
        say(found, second, after(5))
    assert caught.value.reason == "answered"
    kept = stored(found)
    assert kept.answer == first
    assert kept.status == (Status.AUTHORIZED if first == Answer.APPROVED else Status.DENIED)
    assert path(kept)[-2:] == [
        ("n1", "next"),
        ("n2", "yes" if first == Answer.APPROVED else "no"),
    ]


def moved(found: AuthenticationRequest) -> None:
    """As a timer does that wakes the request up between an answer's read and its write."""
    row = stored(found)
    assert AuthenticationRequest.objects.advance(row, after(5))


def cancelled(found: AuthenticationRequest) -> None:
    assert AuthenticationRequest.objects.cancel(found.pk, after(5))


class Meanwhile:
    """Does something to the row during the first walks of an answer."""

    def __init__(self, what: Callable[[AuthenticationRequest], None], times: int) -> None:
        self.what = what
        self.times = times
        self.walks = 0

    def __call__(self, found: AuthenticationRequest) -> None:
        self.walks += 1
        if self.walks <= self.times:
            self.what(found)


@pytest.mark.parametrize("times", [1, 4])
def test_a_timer_in_between_delays_the_answer_and_does_not_lose_it(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    found, meanwhile = voting(client, alice), Meanwhile(moved, times)
    monkeypatch.setattr(site_nodes.AnsweredMeanwhile, "meanwhile", [meanwhile])
    assert say(found, Answer.APPROVED, after(5)).status == Status.AUTHORIZED
    assert meanwhile.walks == times + 1
    assert stored(found).step == times + 1


def test_an_answer_gives_up_on_a_request_that_never_stands_still(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, meanwhile = voting(client, alice), Meanwhile(moved, 99)
    monkeypatch.setattr(site_nodes.AnsweredMeanwhile, "meanwhile", [meanwhile])
    with pytest.raises(NotAnswerable) as caught:
        say(found, Answer.APPROVED, after(5))
    assert caught.value.reason == "ended"
    assert stored(found).answer == ""
    assert meanwhile.walks == 5


def test_a_request_that_is_cancelled_in_between_is_ended(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = voting(client, alice)
    monkeypatch.setattr(site_nodes.AnsweredMeanwhile, "meanwhile", [Meanwhile(cancelled, 1)])
    with pytest.raises(NotAnswerable) as caught:
        say(found, Answer.APPROVED, after(5))
    assert caught.value.reason == "ended"
    assert (stored(found).status, stored(found).answer) == (Status.CANCELLED, "")


def test_a_timer_that_walked_before_an_answer_was_stored_does_not_undo_it(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = voting(client, alice)
    site_nodes.AnsweredMeanwhile.other.append(Answer.APPROVED)
    assert not walk_due(found.pk, after(30))
    assert stored(found).status == Status.AUTHORIZED


def test_a_stale_copy_of_the_request_is_read_again(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(seeds(), client, alice)
    stale = stored(found)
    say(found, Answer.DENIED, after(5))
    assert stale.answer == ""
    assert refused(stale, Answer.APPROVED) == "answered"


def test_prompted_at_the_very_moment_the_request_can_be_answered(
    client: Client, alice: AbstractBaseUser
) -> None:
    assert say(begin(SEEDS, client, alice), Answer.DENIED, NOON).status == Status.DENIED


# --- which prompt is answered -------------------------------------------------------------------


def asked_twice(client: Client, alice: AbstractBaseUser) -> AuthenticationRequest:
    """Approved once, and prompted a second time for it."""
    outcomes = SEEDS["nodes"]["verify"]["outcomes"]
    sure = {"sure": {**SEEDS["nodes"]["verify"], "outcomes": {**outcomes, "waiting": "rest"}}}
    document = seeds(
        verify={**SEEDS["nodes"]["verify"], "outcomes": {**outcomes, "success": "again"}},
        again={
            **SEEDS["nodes"]["send"],
            "outcomes": {"sent": "sure", "not_registered": "@failure"},
        },
        rest={**SEEDS["nodes"]["wait"], "outcomes": {"done": "sure"}},
        **sure,
    )
    found = begin(document, client, alice)
    assert found.prompt_number == 1
    return say(found, Answer.APPROVED, after(5), prompt=1)


@BOTH
def test_a_form_sent_twice_does_not_answer_the_next_prompt(
    client: Client, alice: AbstractBaseUser, verdict: str
) -> None:
    found = asked_twice(client, alice)
    assert (found.prompt_number, found.answer) == (2, "")
    with pytest.raises(NotAnswerable) as caught:
        say(found, verdict, after(6), prompt=1)
    assert caught.value.reason == "prompted_again"
    assert stored(found).answer == ""


def test_the_next_prompt_is_answered_by_its_own_form(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = asked_twice(client, alice)
    assert say(found, Answer.APPROVED, after(6), prompt=2).status == Status.AUTHORIZED
