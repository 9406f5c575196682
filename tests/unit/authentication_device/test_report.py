"""This was not me: from the card, the outcome and the history; and what the user hears then."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import clear_url_caches

from django_ciba.models import AuditEvent, AuthenticationRequest, MutedClient
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.conftest import signed_in
from tests.unit.authentication_device.test_decisions import (
    answered,
    assert_untouched,
    page,
    stored,
)
from tests.unit.authentication_device.test_refusals import noted

pytestmark = pytest.mark.django_db

Status = AuthenticationRequest.Status


def reported(browser: Client, found: AuthenticationRequest) -> Any:
    return browser.post(f"{page(found)}report/")


def test_a_report_denies_and_says_what_follows(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    answer = reported(browser, found)
    assert (answer.status_code, answer["Location"]) == (303, f"{page(found)}report/")
    assert stored(found).status == Status.DENIED
    assert MutedClient.objects.get().user == alice
    assert AuditEvent.objects.filter(event=AuditEvent.Event.REPORTED).count() == 1
    text = browser.get(answer["Location"]).content.decode()
    assert "<bdi>Example Bank</bdi> gets nothing by this request." in text
    assert "<bdi>Example Bank</bdi> may not ask you again until" in text
    assert "Change your password</a>" not in text


def test_it_leads_to_the_page_that_changes_the_password(
    browser: Client, alice: User, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.unit.authentication_device.password_urls"
    clear_url_caches()
    found = arrange.waiting(alice)
    reported(browser, found)
    text = browser.get(f"{page(found)}report/").content.decode()
    assert 'href="/account/password_change/">Change your password</a>' in text


def test_what_was_given_by_an_approval_has_ended_and_is_not_said_to_go_on(
    browser: Client, alice: User
) -> None:
    found = arrange.waiting(alice)
    answered(browser, found)
    AuthenticationRequest.objects.update(status=Status.REDEEMED)
    text = browser.get(reported(browser, found)["Location"]).content.decode()
    assert "What <bdi>Example Bank</bdi> was given by this request has ended." in text
    assert "gets nothing by this request" not in text
    text = browser.get(page(found)).content.decode()
    assert "You had approved this. What <bdi>Example Bank</bdi> was given by it has ended." in text
    assert "can go on" not in text


def test_an_approval_is_taken_back(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    answered(browser, found)
    assert "This was not me: report it<span" in browser.get(page(found)).content.decode()
    reported(browser, found)
    assert stored(found).status == Status.DENIED
    text = browser.get(page(found)).content.decode()
    assert "You have reported this: it was not you." in text
    assert "report it</button>" not in text


@pytest.mark.parametrize("address", ["/ciba/", "/ciba/requests/{}/", "/ciba/history/"])
def test_it_is_offered_wherever_the_request_is_shown(
    browser: Client, alice: User, address: str
) -> None:
    found = arrange.waiting(alice)
    if "history" in address:
        answered(browser, found)
    text = browser.get(address.format(found.public_id)).content.decode()
    assert f'action="{page(found)}report/"' in text


def test_a_second_report_is_the_same_report(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    reported(browser, found)
    assert reported(browser, found).status_code == 303
    assert AuditEvent.objects.filter(event=AuditEvent.Event.REPORTED).count() == 1


def test_another_users_request_cannot_be_reported(browser: Client, alice: User, bob: User) -> None:
    found = arrange.waiting(bob)
    assert reported(browser, found).status_code == 404
    assert_untouched(found)
    assert noted(found) == [("another_user", alice.pk)]
    assert not MutedClient.objects.exists()


def test_a_get_reports_nothing(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    answer = browser.get(f"{page(found)}report/")
    assert (answer.status_code, answer["Location"]) == (303, page(found))
    assert_untouched(found)


def test_a_report_needs_the_pages_token(alice: User) -> None:
    found = arrange.waiting(alice)
    assert reported(signed_in(alice, enforce_csrf_checks=True), found).status_code == 403
    assert_untouched(found)
    assert noted(found) == [("csrf", alice.pk)]
