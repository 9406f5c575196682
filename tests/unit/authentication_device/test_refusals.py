"""Answers that are refused are written down: by whom, to what, and why."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_ciba.authentication_device.refusals import FRAMES, MOST_RECORDED
from django_ciba.models import AuditEvent, AuthenticationRequest
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.conftest import signed_in
from tests.unit.authentication_device.test_decisions import answered, assert_untouched, page

pytestmark = pytest.mark.django_db

Event = AuditEvent.Event


def noted(found: AuthenticationRequest) -> list[tuple[str, Any]]:
    """Reason and user of each refusal, the first one first."""
    events = AuditEvent.objects.filter(event=Event.ANSWER_REFUSED, public_id=found.public_id)
    return [(each.detail["reason"], each.user_id) for each in events.order_by("pk")]


@pytest.fixture(params=[True, False], ids=["site checks CSRF", "site does not"])
def csrf_middleware(request: pytest.FixtureRequest, settings: Any) -> None:
    if not request.param:
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "Csrf" not in each]


@pytest.mark.parametrize("verdict", ["approved", "denied"])
def test_an_answer_by_another_user_names_who_tried(
    browser: Client, alice: User, bob: User, verdict: str
) -> None:
    found = arrange.waiting(bob)
    assert answered(browser, found, verdict).status_code == 404
    assert_untouched(found)
    assert noted(found) == [("another_user", alice.pk)]


def test_one_to_nothing_at_all_is_not_written_down(browser: Client) -> None:
    address = f"/ciba/requests/{uuid.uuid4()}/"
    assert browser.post(address, {"verdict": "approved"}).status_code == 404
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("query", [{"verdict": "approved"}, {"number": "42"}, {"passcode": "1"}])
def test_an_answer_by_get(browser: Client, alice: User, query: dict[str, str]) -> None:
    found = arrange.waiting(alice)
    assert browser.get(page(found), query).status_code == 400
    assert_untouched(found)
    assert noted(found) == [("get", alice.pk)]


def test_a_form_sent_again(browser: Client, alice: User) -> None:
    """To its sender it is one answer; whoever looks for replays finds it."""
    found = arrange.waiting(alice)
    answered(browser, found)
    assert answered(browser, found).status_code == 303
    assert answered(browser, found, "denied").status_code == 409
    assert noted(found) == [("answered", alice.pk)] * 2


def test_a_form_of_an_earlier_prompt(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, memory={"@prompts": 2})
    answer = browser.post(page(found), {"verdict": "approved", "prompt": "1"})
    assert answer.status_code == 409
    assert "You are asked again" in answer.content.decode()
    assert_untouched(found)
    assert noted(found) == [("prompted_again", alice.pk)]


@pytest.mark.usefixtures("csrf_middleware")
@pytest.mark.parametrize("token", [None, "", "x" * 64], ids=["none", "empty", "wrong"])
def test_an_answer_without_the_pages_token(alice: User, token: str | None) -> None:
    browser = signed_in(alice, enforce_csrf_checks=True)
    found = arrange.waiting(alice)
    browser.get(page(found))
    form = {"verdict": "approved"}
    if token is not None:
        form["csrfmiddlewaretoken"] = token
    answer = browser.post(page(found), form)
    assert answer.status_code == 403
    assert answer["Content-Security-Policy"]
    assert_untouched(found)
    assert noted(found) == [("csrf", alice.pk)]


@pytest.mark.usefixtures("csrf_middleware")
def test_an_answer_with_the_pages_token_is_taken(alice: User) -> None:
    browser = signed_in(alice, enforce_csrf_checks=True)
    found = arrange.waiting(alice)
    browser.get(page(found))
    token = browser.cookies["csrftoken"].value
    answer = browser.post(page(found), {"verdict": "denied", "csrfmiddlewaretoken": token})
    assert answer.status_code == 303
    assert noted(found) == []


@pytest.mark.usefixtures("csrf_middleware")
def test_the_token_of_a_page_without_a_request_is_checked_too(alice: User) -> None:
    browser = signed_in(alice, enforce_csrf_checks=True)
    assert browser.post("/ciba/user-code/", {"code": "1234"}).status_code == 403
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("frame", sorted(FRAMES))
def test_a_page_inside_another(browser: Client, alice: User, frame: str, method: str) -> None:
    found = arrange.waiting(alice)
    answer = getattr(browser, method)(
        page(found), {"verdict": "approved"}, headers={"sec-fetch-dest": frame}
    )
    assert answer.status_code == 403
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "opened or sent by another website" in answer.content.decode()
    assert_untouched(found)
    assert noted(found) == [("framed", alice.pk)]


def test_a_form_that_another_site_sends(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}
    answer = browser.post(page(found), {"verdict": "approved"}, headers=headers)
    assert answer.status_code == 403
    assert_untouched(found)
    assert noted(found) == [("framed", alice.pk)]


def test_a_link_from_another_site_opens_the_page(browser: Client, alice: User) -> None:
    """As from a mail that is read in a browser."""
    found = arrange.waiting(alice)
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}
    assert browser.get(page(found), headers=headers).status_code == 200


def test_nobody_in_particular_is_named_so(alice: User) -> None:
    found = arrange.waiting(alice)
    Client().get(page(found), headers={"sec-fetch-dest": "iframe"})
    event = AuditEvent.objects.get()
    assert event.detail == {"reason": "framed", "anonymous": True}
    assert event.user is None, "and least of all the one who was asked"
    assert event.client_id == found.client_id


def test_a_flood_of_refusals_is_not_a_flood_of_rows(browser: Client, bob: User) -> None:
    found, other = arrange.waiting(bob), arrange.waiting(bob)
    for _ in range(MOST_RECORDED + 3):
        assert answered(browser, found).status_code == 404
    assert len(noted(found)) == MOST_RECORDED
    browser.get(page(found), headers={"sec-fetch-dest": "iframe"})
    assert len(noted(found)) == MOST_RECORDED + 1  # another reason
    answered(browser, other)
    assert len(noted(other)) == 1


def test_a_late_answer_is_nobodys_attack(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, seconds=-1)
    assert answered(browser, found).status_code == 410
    assert noted(found) == []
