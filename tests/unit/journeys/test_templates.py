"""Journeys to start from: each can be saved as it is, and ends well or badly as it says."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import (
    TEMPLATES,
    Evidence,
    NotAnswerable,
    PasscodeRefused,
    document_problems,
    enter_passcode,
    shows_a_number,
    walk_due,
)
from django_ciba.models import AuthenticationRequest, Client
from tests.unit.journeys.arrange import NOON, Answer, Status, after, begin, say, stored
from tests.unit.journeys.site_channels import with_channels
from tests.unit.journeys.test_nodes import carried, other, with_passkey

pytestmark = pytest.mark.django_db
NAMES = ["push", "number-matching", "passkey", "passcode", "email-link", "two-step-user-code"]
GUESSED = ["number-matching", "passcode", "email-link"]


@pytest.fixture(autouse=True)
def one_channel(settings: Any, site: None) -> None:
    with_channels(settings, "email")


@pytest.fixture
def user(alice: AbstractBaseUser) -> AbstractBaseUser:
    with_passkey(alice)
    return alice


def asked(name: str, client: Client, user: AbstractBaseUser) -> AuthenticationRequest:
    """Started as bc-authorize does it."""
    found = begin(dict(TEMPLATES[name].document), client, user)
    assert found.status == Status.PENDING
    return found


def evidence(name: str, found: AuthenticationRequest) -> Evidence:
    if name == "number-matching":
        return Evidence(number=found.number)
    if name == "passkey":
        return Evidence(passkey=True)
    if name == "passcode":
        return Evidence(passcode=carried(found, "passcode"))
    return Evidence(link=carried(found, "link") if name == "email-link" else "")


def test_these_are_the_templates() -> None:
    assert list(TEMPLATES) == NAMES
    for each in TEMPLATES.values():
        assert each.label
        assert each.description.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_can_be_saved_at_any_site_but_for_one_without_mail(
    name: str, settings: Any
) -> None:
    assert list(document_problems(TEMPLATES[name].document)) == []
    with_channels(settings)  # a site without any channel
    problems = list(document_problems(TEMPLATES[name].document))
    if name != "email-link":
        assert problems == []
        return
    ((path, problem),) = problems
    assert path == "nodes.send.config.channel"
    assert problem.startswith("must be a name out of PROMPT_CHANNELS")
    assert problem.endswith("; its default is email")


def test_only_number_matching_has_the_client_show_a_number() -> None:
    showing = [name for name, each in TEMPLATES.items() if shows_a_number(each.document)]
    assert showing == ["number-matching"]


@pytest.mark.parametrize("name", NAMES[:-1])
def test_a_template_is_walked_to_success(name: str, client: Client, user: AbstractBaseUser) -> None:
    found = asked(name, client, user)
    answered = say(found, Answer.APPROVED, after(30), evidence=evidence(name, found))
    assert stored(answered).status == Status.AUTHORIZED


@pytest.mark.parametrize("name", NAMES[:-1])
def test_a_denial_ends_it(name: str, client: Client, user: AbstractBaseUser) -> None:
    found = asked(name, client, user)
    assert say(found, Answer.DENIED, after(30)).status == Status.DENIED


@pytest.mark.parametrize("name", GUESSED)
def test_a_guess_fails(name: str, client: Client, user: AbstractBaseUser) -> None:
    found = asked(name, client, user)
    wrong = Evidence(number="00", passcode="0", link="0")
    for _ in range(3 if name == "passcode" else 1):
        with pytest.raises(NotAnswerable, match="wrong_"):
            say(found, Answer.APPROVED, after(30), evidence=wrong)
    assert stored(found).status == Status.FAILED


@pytest.mark.parametrize("name", NAMES)
def test_without_an_answer_it_is_over_in_the_end(
    name: str, client: Client, user: AbstractBaseUser
) -> None:
    found = asked(name, client, user)
    while (kept := stored(found)).status == Status.PENDING and kept.due_at is not None:
        assert walk_due(found.pk, kept.due_at)
    assert kept.status == Status.FAILED or kept.is_expired(after(600))
    assert NOON < (kept.ended_at or kept.expires_at) <= after(600)


def test_the_passcode_of_the_two_steps_is_entered_at_the_relying_party(
    client: Client, user: AbstractBaseUser
) -> None:
    found, wrong = (asked("two-step-user-code", client, user) for _ in range(2))
    entered = enter_passcode(found, carried(found, "passcode"), now=after(30), amr=["otp"])
    assert entered.status == Status.AUTHORIZED
    code = other(carried(wrong, "passcode"))
    for _ in range(3):
        with pytest.raises(PasscodeRefused, match="wrong"):
            enter_passcode(wrong, code, now=after(30), amr=["otp"])
    assert stored(wrong).status == Status.FAILED
