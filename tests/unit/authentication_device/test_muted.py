"""Clients that a user does not want to hear from."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from django_ciba.models import AuditEvent, MutedClient
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.conftest import signed_in

pytestmark = pytest.mark.django_db

MUTED = "/ciba/muted/"


def mute(user: User, name: str = "Example Bank", *, days: int | None = None) -> MutedClient:
    now = timezone.now()
    until = now + timedelta(days=days) if days is not None else None
    client = arrange.client(name, name)
    MutedClient.objects.mute(user, client, because="muted", now=now, until=until)
    return MutedClient.objects.get(user=user, client=client)


def events(user: User) -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(user=user).order_by("pk")
    return [(each.event, str(each.client)) for each in rows]


def test_the_page_lists_the_users_own_and_what_still_holds(
    browser: Client, alice: User, bob: User
) -> None:
    mute(alice, "Pushy Shop")
    mute(alice, "Long ago", days=-1)
    mute(bob, "Bob's bank")
    text = browser.get(MUTED).content.decode()
    assert "Pushy Shop" in text
    assert "Long ago" not in text
    assert "Bob" not in text


def test_clients_that_have_asked_are_offered_once_the_latest_first(
    browser: Client, alice: User, bob: User
) -> None:
    first, second = arrange.client("First", "first"), arrange.client("Second", "second")
    for of in (first, second, first):
        arrange.waiting(alice, by=of)
    arrange.waiting(bob, by=arrange.client("Bob's bank", "bobs"))
    arrange.waiting(
        alice, by=arrange.client("Never shown", "never"), prompted_at=None, prompt_until=None
    )
    text = browser.get(MUTED).content.decode()
    assert text.count("<h3><bdi>First</bdi></h3>") == text.count("<h3><bdi>Second</bdi></h3>") == 1
    assert text.index("First") < text.index("Second")
    assert "Bob" not in text
    assert "Never shown" not in text


def test_the_history_leads_to_the_client_in_question(browser: Client, alice: User) -> None:
    asked = arrange.waiting(alice, by=arrange.client("First", "first"), seconds=-1)
    arrange.waiting(alice, by=arrange.client("Second", "second"))
    address = f"{MUTED}?request={asked.public_id}"
    assert f'href="{address}"' in browser.get("/ciba/history/").content.decode()
    text = browser.get(address).content.decode()
    assert text.index("<bdi>First</bdi>") < text.index("<bdi>Second</bdi>")
    assert text.count("<details open>") == 1


@pytest.mark.parametrize(
    ("how_long", "days"), [("day", 1), ("week", 7), ("always", None)], ids=["day", "week", "always"]
)
def test_a_client_is_muted_and_that_is_noted(
    browser: Client, alice: User, how_long: str, days: int | None
) -> None:
    asked = arrange.waiting(alice)
    answer = browser.post(MUTED, {"request": str(asked.public_id), "how_long": how_long})
    assert (answer.status_code, answer["Location"]) == (303, f"{MUTED}?done=muted")
    held = MutedClient.objects.get()
    assert (held.user, held.client, held.because) == (alice, asked.client, "muted")
    if days is None:
        assert held.until is None
    else:
        assert held.until == held.created_at + timedelta(days=days)
    assert events(alice) == [("client_muted", "Example Bank")]


def test_a_muted_client_is_not_offered_again(browser: Client, alice: User) -> None:
    asked = arrange.waiting(alice)
    browser.post(MUTED, {"request": str(asked.public_id), "how_long": "always"})
    text = browser.get(MUTED).content.decode()
    assert "<h2" in text
    assert "<h3>" not in text


@pytest.mark.parametrize("how_long", ["", "never", "DAY"])
def test_without_a_known_time_nothing_is_muted(browser: Client, alice: User, how_long: str) -> None:
    asked = arrange.waiting(alice)
    answer = browser.post(MUTED, {"request": str(asked.public_id), "how_long": how_long})
    assert answer.status_code == 422
    assert "Choose for how long." in answer.content.decode()
    assert not MutedClient.objects.exists()


@pytest.mark.parametrize("whose", ["bob's", "nobody's", "no name", "unseen"])
def test_only_a_client_that_has_asked_this_user_is_muted(
    browser: Client, alice: User, bob: User, whose: str
) -> None:
    name = {
        "bob's": str(arrange.waiting(bob).public_id),
        "nobody's": str(uuid4()),
        "no name": "1' or 1=1",
        "unseen": str(arrange.waiting(alice, prompted_at=None, prompt_until=None).public_id),
    }[whose]
    answer = browser.post(MUTED, {"request": name, "how_long": "always"})
    assert answer.status_code == 404
    assert not MutedClient.objects.exists()


def test_a_client_may_ask_again(browser: Client, alice: User) -> None:
    held = mute(alice)
    address = f"{MUTED}{held.pk}/"
    answer = browser.post(address)
    assert (answer.status_code, answer["Location"]) == (303, f"{MUTED}?done=unmuted")
    assert not MutedClient.objects.exists()
    assert events(alice) == [("client_unmuted", "Example Bank")]
    assert browser.post(address).status_code == 404
    assert len(events(alice)) == 1


def test_nobody_ends_another_users_muting(browser: Client, bob: User) -> None:
    held = mute(bob)
    assert browser.post(f"{MUTED}{held.pk}/").status_code == 404
    assert MutedClient.objects.filter(pk=held.pk).exists()
    assert events(bob) == []


def test_muting_takes_a_form_of_ours_alone(alice: User) -> None:
    held, asked = mute(alice), arrange.waiting(alice, by=arrange.client("Shop", "shop"))
    browser = signed_in(alice, enforce_csrf_checks=True)
    body = {"request": str(asked.public_id), "how_long": "always"}
    assert browser.post(MUTED, body).status_code == 403
    assert browser.post(f"{MUTED}{held.pk}/").status_code == 403
    assert browser.get(f"{MUTED}{held.pk}/").status_code == 405
    assert MutedClient.objects.get() == held


def test_more_clients_cost_no_more_queries(
    browser: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(2):
        mute(alice, f"Muted {number}")
        arrange.waiting(alice, by=arrange.client(f"Shop {number}", f"shop-{number}"))
        with django_assert_num_queries(5):  # session, user, muted, which ones asked, those
            browser.get(MUTED)
