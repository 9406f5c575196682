"""What the client asks, by a passcode that the user gives it: seen, denied, reported, muted."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.journeys import VOUCHED, NotAnswerable, answer
from django_ciba.models import AuthenticationRequest, MutedClient
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_decisions import answered, page, stored

pytestmark = pytest.mark.django_db

Answer, Status = AuthenticationRequest.Answer, AuthenticationRequest.Status
DENY_ALONE = "and to nobody else. Here you can only deny."


@pytest.fixture
def found(alice: User) -> AuthenticationRequest:
    return arrange.asked_at_client(alice)


def untouched(found: AuthenticationRequest) -> bool:
    kept = stored(found)
    return (kept.status, kept.answer, kept.step) == (Status.PENDING, "", found.step)


def test_its_page_says_who_asks_and_for_what_and_offers_a_no(
    browser: Client, found: AuthenticationRequest
) -> None:
    shown = browser.get(page(found))
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "To approve, give the passcode that we sent you to <bdi>Example Bank</bdi>," in text
    assert DENY_ALONE in text
    assert "Allow ExampleBank to transfer £50" in text
    assert "your name and profile" in text
    assert "This was not me: deny and report it" in text
    assert 'name="verdict" value="denied"' in text
    assert 'value="approved"' not in text
    assert 'name="passcode"' not in text
    assert "data-waiting=" not in text


def test_it_is_not_in_the_inbox(browser: Client, found: AuthenticationRequest) -> None:
    assert browser.get("/ciba/waiting.json").json()["waiting"] == []
    assert browser.get(f"{page(found)}card/").status_code == 404


def test_the_user_denies_it(browser: Client, found: AuthenticationRequest) -> None:
    assert answered(browser, found, "denied").status_code == 303
    assert (stored(found).answer, stored(found).authenticated_at) == (Answer.DENIED, None)
    assert "was refused" in browser.get(page(found)).content.decode()
    assert answered(browser, found, "approved").status_code == 409


@pytest.mark.parametrize("passcode", ["123456", "123457", ""])
def test_the_page_takes_no_approval(
    browser: Client, found: AuthenticationRequest, passcode: str
) -> None:
    tried = browser.post(page(found), {"verdict": "approved", "passcode": passcode})
    assert tried.status_code == 404
    assert DENY_ALONE in tried.content.decode()
    assert untouched(found)


def test_nobody_approves_it_in_the_users_place(found: AuthenticationRequest) -> None:
    now = timezone.now()
    with pytest.raises(NotAnswerable, match="not_prompted"):
        answer(found, Answer.APPROVED, now=now, authenticated_at=now, amr=["pwd"], evidence=VOUCHED)
    assert untouched(found)


def test_a_yes_to_one_in_the_inbox_that_looks_the_same_is_none_to_it(
    browser: Client, alice: User
) -> None:
    found = arrange.asked_at_client(alice, likeness="1")
    answered(browser, arrange.waiting(alice, likeness="1"), "approved")
    assert untouched(found)
    assert browser.get(page(found)).status_code == 200


def test_the_user_reports_it(browser: Client, found: AuthenticationRequest, alice: User) -> None:
    assert browser.post(f"{page(found)}report/").status_code == 303
    kept = stored(found)
    assert (kept.status, kept.answer, kept.reported_at is None) == ("denied", "denied", False)
    assert MutedClient.objects.get().user == alice
    assert "gets nothing by this request" in browser.get(f"{page(found)}report/").content.decode()


def test_the_history_leads_to_it(browser: Client, found: AuthenticationRequest) -> None:
    text = browser.get("/ciba/history/").content.decode()
    assert f'<a href="{page(found)}">' in text
    assert "<strong>Waiting</strong>" in text
    assert "This was not me: deny and report it" in text


def test_its_client_can_be_muted(browser: Client, found: AuthenticationRequest) -> None:
    assert "Example Bank" in browser.get("/ciba/muted/").content.decode()
    muted = browser.post("/ciba/muted/", {"request": str(found.public_id), "how_long": "always"})
    assert muted.status_code == 303
    assert MutedClient.objects.get().client == found.client


def test_it_is_another_users_business_alone(browser: Client, bob: User) -> None:
    found = arrange.asked_at_client(bob)
    assert browser.get(page(found)).status_code == 404
    assert browser.post(f"{page(found)}report/").status_code == 404
    assert answered(browser, found, "denied").status_code == 404
    assert untouched(found)


def test_a_notification_of_it_opens_the_page(browser: Client, found: AuthenticationRequest) -> None:
    said = browser.get(f"{page(found)}notification.json").json()
    assert said["title"] == "Example Bank asks for your approval"
    assert said["waiting"]


def test_when_it_has_run_out_it_says_so(browser: Client, alice: User) -> None:
    found = arrange.asked_at_client(alice, seconds=-1)
    assert "Time ran out" in browser.get(page(found)).content.decode()
    assert answered(browser, found, "denied").status_code == 410
