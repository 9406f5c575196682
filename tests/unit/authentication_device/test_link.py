"""The page that a link leads to: for whoever has the mailbox, and nobody else."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.journeys import Demand
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuditEvent, AuthenticationRequest, Delivery
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_decisions import assert_untouched, page, stored
from tests.unit.authentication_device.test_refusals import noted

pytestmark = pytest.mark.django_db

Status = AuthenticationRequest.Status
SECRET = "dGhlIG1haWxib3ggaXMgbWluZSwgYWxsIG1pbmUhISE"


def asked(user: User, **fields: Any) -> AuthenticationRequest:
    found = arrange.waiting(user, **fields)
    demand = Demand(link=sealed(found, SECRET), number="pick" if found.number else "")
    found.demand = demand.stored()
    found.save()
    Delivery.objects.create(
        authentication_request=found,
        kind=Delivery.Kind.PROMPT,
        channel="email",
        due_at=timezone.now(),
        created_at=timezone.now(),
    )
    return found


def link(found: AuthenticationRequest, secret: str = SECRET) -> str:
    return f"{page(found)}link/{secret}/"


def test_it_shows_the_request_without_a_login_and_for_whom(alice: User) -> None:
    found = asked(alice)
    answer = Client().get(link(found))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "You answer for <bdi>alice</bdi>, whom this link was sent to." in text
    assert "<bdi>Example Bank</bdi> asks for your approval</h1>" in text
    assert f'action="{link(found)}"' in text
    assert "Signed in as" not in text
    assert "data-waiting" not in text


def test_opening_it_answers_nothing(alice: User) -> None:
    """Mail scanners open every link, and some try what a form would send."""
    found = asked(alice)
    assert Client().head(link(found)).status_code == 200
    assert Client().get(link(found), {"verdict": "approved"}).status_code == 400
    assert_untouched(found)
    assert [reason for reason, _ in noted(found)] == ["get"]


def test_its_form_approves_by_the_mailbox_now(alice: User) -> None:
    found = asked(alice)
    before = timezone.now()
    answer = Client().post(link(found), {"verdict": "approved"})
    assert (answer.status_code, answer["Location"]) == (303, link(found))
    now = stored(found)
    assert (now.status, now.amr, now.user) == (Status.AUTHORIZED, ["email"], alice)
    assert now.authenticated_at is not None
    assert before <= now.authenticated_at <= timezone.now()
    text = Client().get(link(found)).content.decode()
    assert "<h1>Approved</h1>" in text
    assert "report it" not in text


def test_its_form_denies(alice: User) -> None:
    found = asked(alice)
    assert Client().post(link(found), {"verdict": "denied"}).status_code == 303
    assert stored(found).status == Status.DENIED


def test_signed_in_as_somebody_else_it_acts_for_the_user_who_was_asked(
    browser: Client, bob: User
) -> None:
    found = asked(bob)
    text = browser.get(link(found)).content.decode()
    assert "You answer for <bdi>bob</bdi>" in text
    assert "alice" not in text
    browser.post(link(found), {"verdict": "approved"})
    assert (stored(found).status, stored(found).user) == (Status.AUTHORIZED, bob)


@pytest.mark.parametrize("secret", ["wrong", SECRET[:-1], f"{SECRET}x", "%00", "%EF%BF"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_wrong_secret_is_the_404_of_an_unknown_request(
    alice: User, secret: str, method: str
) -> None:
    found = asked(alice)
    answer = getattr(Client(), method)(link(found, secret), {"verdict": "approved"})
    unknown = getattr(Client(), method)(
        f"/ciba/requests/00000000-0000-0000-0000-000000000000/link/{secret}/",
        {"verdict": "approved"},
    )
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.content == unknown.content
    assert "Example Bank" not in answer.content.decode()
    assert_untouched(found)
    assert [reason for reason, _ in noted(found)] == (["wrong_link"] if method == "post" else [])


def test_a_request_without_such_a_link_has_no_such_page(alice: User) -> None:
    found = arrange.waiting(alice)
    assert Client().get(link(found)).status_code == 404
    assert Client().get(link(found, "")).status_code == 404


def test_a_link_of_an_earlier_prompt_is_no_longer_good(alice: User) -> None:
    found = asked(alice)
    AuthenticationRequest.objects.update(demand={"link": sealed(found, "another")})
    assert Client().post(link(found), {"verdict": "approved"}).status_code == 404


def test_the_login_alone_does_not_approve_but_denies(browser: Client, alice: User) -> None:
    found = asked(alice)
    text = browser.get(page(found)).content.decode()
    assert "To approve, open the link that we sent you. Here you can only deny." in text
    assert 'value="approved"' not in text
    answer = browser.post(page(found), {"verdict": "approved"})
    assert answer.status_code == 403
    assert "Open the link that we sent you" in answer.content.decode()
    assert_untouched(found)
    assert browser.post(page(found), {"verdict": "denied"}).status_code == 303


def test_its_form_needs_the_pages_token(alice: User) -> None:
    found = asked(alice)
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(link(found), {"verdict": "approved"}).status_code == 403
    assert_untouched(found)
    event = AuditEvent.objects.get()
    assert event.detail == {"reason": "csrf", "anonymous": True}
    browser.get(link(found))
    token = browser.cookies["csrftoken"].value
    form = {"verdict": "approved", "csrfmiddlewaretoken": token}
    assert browser.post(link(found), form).status_code == 303


def test_its_address_is_told_to_nobody(alice: User) -> None:
    """And still Django's check on https passes, which wants the origin of our own form."""
    found = asked(alice)
    browser = Client(enforce_csrf_checks=True)
    shown = browser.get(link(found), secure=True)
    assert shown["Referrer-Policy"] == "strict-origin"
    form = {"verdict": "denied", "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    headers = {"referer": "https://testserver/", "origin": "https://testserver"}
    assert browser.post(link(found), form, secure=True, headers=headers).status_code == 303


def test_the_secret_is_in_no_log_of_ours(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    found = asked(alice)
    with caplog.at_level(logging.DEBUG, "django_ciba"):
        Client().get(link(found))
        Client().post(link(found), {"verdict": "approved"})
        Client().post(link(found), {"verdict": "denied"})
    assert not [each for each in caplog.records if each.name.startswith("django_ciba")]
    assert SECRET not in str(AuditEvent.objects.values_list())


def test_it_is_shut_in_like_every_page(alice: User) -> None:
    found = asked(alice)
    answer = Client().get(link(found))
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cache-Control"] == "no-store, private"
    framed = Client().post(
        link(found), {"verdict": "approved"}, headers={"sec-fetch-dest": "iframe"}
    )
    assert framed.status_code == 403
    assert_untouched(found)


def test_on_a_site_that_asks_for_a_login_everywhere_it_asks_for_none(
    alice: User, settings: Any
) -> None:
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert Client().get(link(asked(alice))).status_code == 200


def test_a_late_answer_hears_so(alice: User) -> None:
    found = asked(alice)
    AuthenticationRequest.objects.update(prompt_until=timezone.now() - timedelta(seconds=1))
    answer = Client().post(link(found), {"verdict": "approved"})
    assert answer.status_code == 410
    assert "Your answer came too late and was not taken." in answer.content.decode()


def test_twice_is_once_and_another_verdict_a_conflict(alice: User) -> None:
    found = asked(alice)
    for verdict, status in (("approved", 303), ("approved", 303), ("denied", 409)):
        assert Client().post(link(found), {"verdict": verdict}).status_code == status
    assert stored(found).status == Status.AUTHORIZED
    assert [reason for reason, _ in noted(found)] == ["answered", "answered"]


def test_the_form_must_say_yes_or_no(alice: User) -> None:
    found = asked(alice)
    answer = Client().post(link(found), {})
    assert answer.status_code == 400
    assert "Nothing has been answered yet." in answer.content.decode()


def test_a_number_is_asked_for_there_too(alice: User) -> None:
    found = asked(alice, number="42")
    assert Client().get(link(found)).content.decode().count('name="number"') == 3
    assert Client().post(link(found), {"verdict": "approved"}).status_code == 422
    wrong = Client().post(link(found), {"verdict": "approved", "number": "00"})
    assert wrong.status_code == 422
    assert "the request has ended" in wrong.content.decode()
    assert stored(found).status == Status.FAILED
