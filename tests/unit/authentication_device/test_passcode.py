"""A passcode that was sent to the user is typed where they answer."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.journeys import Demand
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuditEvent, AuthenticationRequest, Delivery
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_decisions import page, stored

pytestmark = pytest.mark.django_db

Answer, Status = AuthenticationRequest.Answer, AuthenticationRequest.Status


def asked(user: User, tries: int = 1) -> AuthenticationRequest:
    found = arrange.waiting(user)
    found.demand = Demand(passcode=sealed(found, "123456"), tries=tries).stored()
    found.save()
    return found


def sent(found: AuthenticationRequest, channel: str, state: str = "delivered") -> None:
    Delivery.objects.create(
        authentication_request=found,
        kind=Delivery.Kind.PROMPT,
        channel=channel,
        state=state,
        due_at=timezone.now(),
        created_at=timezone.now(),
    )


def typed(browser: Client, found: AuthenticationRequest, passcode: str) -> Any:
    return browser.post(page(found), {"verdict": "approved", "passcode": passcode})


def test_there_is_a_field_that_telephones_fill_in(browser: Client, alice: User) -> None:
    text = browser.get(page(asked(alice))).content.decode()
    assert "Type the code that we sent you</label>" in text
    assert 'autocomplete="one-time-code"' in text
    assert 'inputmode="numeric"' in text
    assert "Allow ExampleBank to transfer £50" in text


@pytest.mark.parametrize("given", ["123456", "123 456", " 123456\t"])
def test_the_code_approves_however_it_is_grouped(browser: Client, alice: User, given: str) -> None:
    found = asked(alice)
    assert typed(browser, found, given).status_code == 303
    assert (stored(found).status, stored(found).amr) == (Status.AUTHORIZED, ["pwd", "otp"])


@pytest.mark.parametrize(
    ("channel", "state", "amr"),
    [
        ("sms", "delivered", ["pwd", "otp", "sms"]),
        ("sms", "dead", ["pwd", "otp"]),
        ("email", "delivered", ["pwd", "otp"]),
    ],
)
def test_amr_says_that_it_went_by_text_message(
    browser: Client, alice: User, channel: str, state: str, amr: list[str]
) -> None:
    found = asked(alice)
    sent(found, channel, state)
    typed(browser, found, "123456")
    assert stored(found).amr == amr


def test_a_wrong_code_is_counted_and_the_last_ends_the_request(
    browser: Client, alice: User
) -> None:
    found = asked(alice, tries=2)
    first = typed(browser, found, "123457")
    assert first.status_code == 422
    assert "That is not the code. Nothing was approved." in first.content.decode()
    assert stored(found).answer == ""
    last = typed(browser, found, "123457")
    assert last.status_code == 422
    assert "That was not the code. Nothing was approved, and the request has ended." in (
        last.content.decode()
    )
    assert (stored(found).status, stored(found).answer) == (Status.FAILED, Answer.FAILED)
    assert typed(browser, found, "123456").status_code == 409
    wrong = AuditEvent.objects.filter(event=AuditEvent.Event.WRONG_PASSCODE)
    assert wrong.count() == 2
    assert "123457" not in str(wrong.values_list())


@pytest.mark.parametrize("given", ["", "   "])
def test_no_code_is_no_answer_and_no_try(browser: Client, alice: User, given: str) -> None:
    found = asked(alice)
    answer = typed(browser, found, given)
    assert answer.status_code == 422
    assert "the code that we sent you is missing" in answer.content.decode()
    assert typed(browser, found, "123456").status_code == 303


def test_a_denial_needs_no_code(browser: Client, alice: User) -> None:
    found = asked(alice)
    assert browser.post(page(found), {"verdict": "denied", "passcode": ""}).status_code == 303
    assert stored(found).status == Status.DENIED
