"""What looks the same is one card, and whoever comes by an older link finds the newest."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.models import AuthenticationRequest
from tests.unit.authentication_device import arrange

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(alice: User) -> list[AuthenticationRequest]:
    return [arrange.waiting(alice, likeness="one thing") for _ in range(3)]


def test_the_inbox_shows_one_card_that_says_how_often_it_was_asked(
    browser: Client, three: list[AuthenticationRequest]
) -> None:
    text = browser.get("/ciba/").content.decode()
    assert text.count('class="card"') == 1
    assert f'id="request-{three[2].public_id}"' in text
    assert "Asked 3 times; one answer is enough" in text


def test_what_was_asked_once_does_not_say_so(browser: Client, alice: User) -> None:
    arrange.waiting(alice, likeness="one thing")
    assert "Asked" not in browser.get("/ciba/").content.decode().split("Asked at")[0]


def test_the_pages_script_hears_of_the_newest_alone(
    browser: Client, three: list[AuthenticationRequest]
) -> None:
    waiting = browser.get("/ciba/waiting.json").json()["waiting"]
    assert [each["id"] for each in waiting] == [str(three[2].public_id)]
    card = browser.get(waiting[0]["card"]).content.decode()
    assert "Asked 3 times" in card


def test_an_older_one_leads_to_the_newest(
    browser: Client, three: list[AuthenticationRequest]
) -> None:
    answer = browser.get(f"/ciba/requests/{three[0].public_id}/")
    newest = f"/ciba/requests/{three[2].public_id}/"
    assert (answer.status_code, answer["Location"]) == (302, newest)
    assert "Asked 3 times" in browser.get(newest).content.decode()


def test_an_older_one_that_has_run_out_is_its_own_page(browser: Client, alice: User) -> None:
    before = timezone.now() - timedelta(seconds=300)
    old = arrange.waiting(alice, likeness="one thing", now=before, seconds=60)
    arrange.waiting(alice, likeness="one thing")
    assert browser.get(f"/ciba/requests/{old.public_id}/").status_code == 200


def test_one_denial_empties_the_inbox(browser: Client, three: list[AuthenticationRequest]) -> None:
    browser.post(f"/ciba/requests/{three[2].public_id}/", {"verdict": "denied"})
    assert browser.get("/ciba/waiting.json").json()["waiting"] == []
    assert set(AuthenticationRequest.objects.values_list("status", flat=True)) == {"denied"}


def test_one_approval_empties_it_too(browser: Client, three: list[AuthenticationRequest]) -> None:
    browser.post(f"/ciba/requests/{three[2].public_id}/", {"verdict": "approved"})
    assert browser.get("/ciba/waiting.json").json()["waiting"] == []
    rows = AuthenticationRequest.objects.order_by("pk").values_list("status", flat=True)
    assert list(rows) == ["cancelled", "cancelled", "authorized"]
