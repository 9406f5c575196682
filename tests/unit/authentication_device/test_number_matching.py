"""The number that the client shows: picked out of three, or typed."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.authentication_device.presentation import Card
from django_ciba.authentication_device.refusals import REFUSALS
from django_ciba.journeys import Demand, choices
from django_ciba.models import AuditEvent, AuthenticationRequest
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_decisions import page, stored

pytestmark = pytest.mark.django_db

Answer, Status = AuthenticationRequest.Answer, AuthenticationRequest.Status


def asked(user: User, entry: Any = "pick", **fields: Any) -> AuthenticationRequest:
    demand = Demand(number=entry, tries=fields.pop("tries", 1))
    return arrange.waiting(user, demand=demand.stored(), number="42", **fields)


def picked(browser: Client, found: AuthenticationRequest, number: str) -> Any:
    return browser.post(page(found), {"verdict": "approved", "number": number})


def another(found: AuthenticationRequest) -> str:
    return next(each for each in choices(found) if each != found.number)


@pytest.mark.parametrize("address", arrange.WITH_ITS_CARD)
def test_the_card_offers_three_numbers_and_no_button_that_does_without(
    browser: Client, alice: User, address: str
) -> None:
    found = asked(alice)
    text = browser.get(address.format(found.public_id)).content.decode()
    assert "Pick the number that <bdi>Example Bank</bdi> shows" in text
    for number in choices(found):
        assert f'name="number" value="{number}"' in text
    assert text.count('name="number"') == 3
    assert 'class="approve"' not in text
    assert "None of these numbers" in text
    assert "Allow ExampleBank to transfer £50" in text


def test_the_right_number_approves(browser: Client, alice: User) -> None:
    found = asked(alice)
    assert picked(browser, found, "42").status_code == 303
    assert stored(found).status == Status.AUTHORIZED


def test_a_wrong_number_ends_the_request_and_says_so(browser: Client, alice: User) -> None:
    found = asked(alice)
    answer = picked(browser, found, another(found))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "That was another number. Nothing was approved, and the request has ended." in text
    assert "start again at <bdi>Example Bank</bdi>" in text
    assert 'name="verdict"' not in text
    now = stored(found)
    assert (now.status, now.answer) == (Status.FAILED, Answer.FAILED)


def test_while_there_are_tries_left_it_says_what_to_do(browser: Client, alice: User) -> None:
    found = asked(alice, tries=2)
    answer = picked(browser, found, another(found))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "That is another number. Nothing was approved." in text
    assert "If you see no number there, deny this." in text
    assert text.count('name="number"') == 3
    assert stored(found).status == Status.PENDING
    assert picked(browser, found, "42").status_code == 303


@pytest.mark.parametrize("entry", ["pick", "type"])
def test_a_yes_without_a_number_is_no_answer(browser: Client, alice: User, entry: str) -> None:
    found = asked(alice, entry)
    answer = browser.post(page(found), {"verdict": "approved"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Nothing was approved yet: the number that <bdi>Example Bank</bdi> shows" in text
    assert stored(found).answer == ""
    noted = AuditEvent.objects.get(event=AuditEvent.Event.ANSWER_REFUSED)
    assert (noted.detail, noted.public_id) == ({"reason": "needs_number"}, found.public_id)


@pytest.mark.parametrize("entry", ["pick", "type"])
def test_a_denial_needs_no_number(browser: Client, alice: User, entry: str) -> None:
    found = asked(alice, entry)
    assert browser.post(page(found), {"verdict": "denied", "number": ""}).status_code == 303
    assert stored(found).status == Status.DENIED


def test_a_number_can_be_typed(browser: Client, alice: User) -> None:
    found = asked(alice, "type")
    text = browser.get(page(found)).content.decode()
    assert "Type the number that <bdi>Example Bank</bdi> shows</label>" in text
    assert 'inputmode="numeric"' in text
    assert ">42<" not in text
    assert picked(browser, found, " 42 ").status_code == 303
    assert stored(found).status == Status.AUTHORIZED


def test_enter_in_the_field_never_denies(browser: Client, alice: User) -> None:
    """HTML §4.10.21.2: it presses the first button that belongs to the field's form."""
    text = browser.get(page(asked(alice, "type"))).content.decode()
    form = text[text.index('<form class="answer with"') :]
    form = form[: form.index("</form>")]
    first = form.index('type="submit"')
    assert form[first:].startswith('type="submit" form="deny-')
    assert 'name="verdict" value="denied"' not in form


def test_beside_another_proof_the_number_is_typed(alice: User) -> None:
    """A button for each number would send the form before the rest of it is filled in."""
    demand = Demand(number="pick", passcode="0" * 64).stored()
    shown = Card(arrange.waiting(alice, demand=demand, number="42"), timezone.now())
    assert (shown.picks_number, shown.types_number) == (False, True)


def test_every_reason_to_refuse_has_its_status() -> None:
    assert REFUSALS["wrong_number"] == REFUSALS["needs_number"] == 422
    assert set(REFUSALS.values()) == {400, 403, 404, 409, 410, 422}
