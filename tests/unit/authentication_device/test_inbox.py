"""The list, what its script reads, and the history."""

import re
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from django_ciba.authentication_device.presentation import Card
from django_ciba.models import AuditEvent, AuthenticationRequest, Realm, configuration
from django_ciba.models import Client as RelyingParty
from django_ciba.models.authentication_request import ROUNDS
from tests.unit.authentication_device import arrange

pytestmark = pytest.mark.django_db

Status = AuthenticationRequest.Status


def names(answer: Any) -> list[str]:
    return [each["id"] for each in answer.json()["waiting"]]


def test_the_inbox_needs_a_login() -> None:
    answer = Client().get("/ciba/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/ciba/")


def test_the_login_url_of_the_site_is_respected(settings: Any) -> None:
    settings.LOGIN_URL = "/sso/start"
    assert Client().get("/ciba/")["Location"] == "/sso/start?next=/ciba/"


def test_an_empty_inbox_says_so_and_looks_again_without_a_script(browser: Client) -> None:
    text = browser.get("/ciba/").content.decode()
    assert 'data-count="0"' in text
    assert "<title>Nothing is waiting for you</title>" in text
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in text


def test_a_page_that_is_being_read_does_not_reload_itself(browser: Client, alice: User) -> None:
    arrange.waiting(alice)
    assert "http-equiv" not in browser.get("/ciba/").content.decode()


def test_the_only_request_is_shown_in_full_at_once(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    text = browser.get("/ciba/").content.decode()
    assert "<title>Example Bank asks for your approval</title>" in text
    assert "(EB-0246326)" in text
    assert f'action="/ciba/requests/{found.public_id}/"' in text


def test_several_requests_are_listed_the_most_urgent_first(browser: Client, alice: User) -> None:
    now = timezone.now()
    later = arrange.waiting(alice, prompt_until=now + timedelta(seconds=300))
    sooner = arrange.waiting(alice, prompt_until=now + timedelta(seconds=200))
    text = browser.get("/ciba/").content.decode()
    assert "<title>(2) Requests wait for you</title>" in text
    assert text.index(str(sooner.public_id)) < text.index(str(later.public_id))


def test_only_what_waits_for_this_user_is_listed(browser: Client, alice: User, bob: User) -> None:
    now = timezone.now()
    mine = arrange.waiting(alice)
    arrange.waiting(bob)
    arrange.waiting(None)
    arrange.waiting(alice, seconds=-1)
    arrange.waiting(alice, prompted_at=None, prompt_until=None)
    arrange.waiting(alice, status=Status.CANCELLED, ended_at=now)
    arrange.waiting(alice, status=Status.DENIED, answer="denied", answered_at=now, ended_at=now)
    assert names(browser.get("/ciba/waiting.json")) == [str(mine.public_id)]
    assert browser.get("/ciba/").content.decode().count("data-request=") == 1


@pytest.mark.parametrize("disabled", ["client", "realm", "realm above"])
def test_what_nobody_asks_any_more_waits_nowhere_and_says_so(
    browser: Client, alice: User, disabled: str
) -> None:
    """As long as its client, or the client's realm, or one above that, is disabled."""
    root = arrange.client().realm
    realm = Realm.objects.create(name="alpha", parent=root)
    client = RelyingParty.objects.create(realm=realm, client_id="of-alpha", client_name="Alpha")
    found = arrange.waiting(alice, by=client)
    rows: dict[str, QuerySet[Any]] = {
        "client": RelyingParty.objects.filter(pk=client.pk),
        "realm": Realm.objects.filter(pk=realm.pk),
        "realm above": Realm.objects.filter(pk=root.pk),
    }
    own = f"/ciba/requests/{found.public_id}/"
    rows[disabled].update(enabled=False)
    assert names(browser.get("/ciba/waiting.json")) == []
    assert "data-request=" not in browser.get("/ciba/").content.decode()
    assert "Not completed" in browser.get("/ciba/history/").content.decode()
    assert browser.get(f"{own}card/").status_code == 404
    text = browser.get(own).content.decode()
    assert "could not be completed. Nothing was approved." in text
    assert "data-waiting" not in text
    assert 'value="approved"' not in text
    for verdict in ("approved", "denied"):
        answer = browser.post(own, {"verdict": verdict})
        assert answer.status_code == 410
        assert "This no longer waits for an answer" in answer.content.decode()
    rows[disabled].update(enabled=True)
    assert names(browser.get("/ciba/waiting.json")) == [str(found.public_id)]
    assert found.public_id.hex not in browser.get("/ciba/history/").content.decode()


def test_the_script_gets_a_name_and_an_address_and_nothing_of_the_content(
    browser: Client, alice: User
) -> None:
    found = arrange.waiting(alice, memory={ROUNDS: 2})
    answer = browser.get("/ciba/waiting.json")
    own = f"/ciba/requests/{found.public_id}/"
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "login": ANY,
        "waiting": [{"id": str(found.public_id), "prompt": 2, "card": f"{own}card/"}],
    }
    arrange.waiting(alice)
    assert browser.get(f"{own}waiting.json").json() == answer.json()
    assert len(names(browser.get("/ciba/waiting.json"))) == 2


def test_a_card_is_the_same_in_the_list_and_alone(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, memory={ROUNDS: 2})
    card = browser.get(f"/ciba/requests/{found.public_id}/card/").content.decode()
    assert card.strip().startswith("<article")
    assert card.count("data-request=") == 1
    assert "csrfmiddlewaretoken" in card
    for name in (
        'data-prompt="2"',
        'name="verdict" value="approved"',
        'name="verdict" value="denied"',
    ):
        assert name in card
        assert name in browser.get("/ciba/").content.decode()


@pytest.mark.parametrize(
    "address", ["waiting.json", "requests/{}/waiting.json", "requests/{}/card/"]
)
def test_the_script_hears_that_its_session_is_over(alice: User, address: str) -> None:
    """A redirect would bring it the login page, which is no answer."""
    found = arrange.waiting(alice)
    answer = Client().get("/ciba/" + address.format(found.public_id))
    assert answer.status_code == 403
    assert answer.json() == {"error": "login_required"}


def test_it_hears_so_on_a_site_that_asks_for_a_login_everywhere(settings: Any) -> None:
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert Client().get("/ciba/waiting.json").status_code == 403


@pytest.mark.parametrize("address", ["", "waiting.json", "history/"])
def test_the_list_takes_no_post(browser: Client, address: str) -> None:
    answer = browser.post(f"/ciba/{address}")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("address", "queries"), [("/ciba/", 3), ("/ciba/waiting.json", 3), ("/ciba/history/", 5)]
)
def test_a_longer_list_costs_no_more_queries(
    browser: Client,
    alice: User,
    django_assert_num_queries: DjangoAssertNumQueries,
    address: str,
    queries: int,
) -> None:
    """The session, the user, the list; of the history also its length, and who was vouched for."""
    now = timezone.now()
    for _ in range(2):
        for number in range(3):
            of = arrange.client(f"Shop {number}", f"shop-{number}")
            arrange.waiting(alice, by=of)
            arrange.waiting(alice, by=of, status="denied", answer="denied", answered_at=now)
        configuration().realms()  # a process has them in memory
        with django_assert_num_queries(queries):
            assert browser.get(address).status_code == 200


def test_the_history_holds_the_users_own_last_answers(
    browser: Client, alice: User, bob: User
) -> None:
    now = timezone.now()
    yes: dict[str, Any] = {"status": "authorized", "answer": "approved", "authenticated_at": now}
    arrange.waiting(alice, binding_message="mine", answered_at=now, **yes)
    arrange.waiting(bob, binding_message="bob's", answered_at=now, **yes)
    arrange.waiting(alice, binding_message="still waiting")
    text = browser.get("/ciba/history/").content.decode()
    assert "mine" in text
    assert "<strong>Approved</strong>" in text
    assert not re.search(r"\bbob\b", text)
    assert "still waiting" not in text


def test_what_looks_like_another_question_that_waits_is_not_history_yet(
    browser: Client, alice: User
) -> None:
    for _ in range(2):
        arrange.waiting(alice, likeness="same", binding_message="asked twice")
    assert "asked twice" not in browser.get("/ciba/history/").content.decode()


def test_the_history_says_what_came_of_each_and_how(browser: Client, alice: User) -> None:
    now = timezone.now()
    yes: dict[str, Any] = {"status": "authorized", "answer": "approved", "authenticated_at": now}
    arrange.waiting(alice, answered_at=now, demand={"number": "pick", "passkey": True}, **yes)
    text = browser.get("/ciba/history/").content.decode()
    assert "with the number that was shown" in text
    assert "with a passkey" in text
    arrange.waiting(alice, seconds=-1)
    arrange.waiting(alice, status="cancelled")
    arrange.waiting(alice, status="failed", answer="failed", answered_at=now)
    text = browser.get("/ciba/history/").content.decode()
    for words in ("Time ran out", "Withdrawn", "Not completed", "What was entered was wrong."):
        assert words in text


def test_the_history_says_when_somebody_else_has_answered(browser: Client, alice: User) -> None:
    now = timezone.now()
    yes: dict[str, Any] = {"status": "authorized", "answer": "approved", "authenticated_at": now}
    found = arrange.waiting(alice, answered_at=now, demand={"passkey": True}, **yes)
    AuditEvent.objects.note(AuditEvent.Event.APPROVED, now, of=found, vouched=True)
    text = browser.get("/ciba/history/").content.decode()
    assert "by those who run this site, in your place" in text
    assert "with a passkey" not in text


@pytest.mark.parametrize(
    ("page", "first", "last"),
    [("", 44, 25), ("2", 24, 5), ("3", 4, 0), ("99", 4, 0), ("0", 4, 0), ("x", 44, 25)],
)
def test_the_history_comes_in_pages(
    browser: Client, alice: User, page: str, first: int, last: int
) -> None:
    now = timezone.now()
    for number in range(45):
        asked = now - timedelta(hours=50 - number)
        arrange.waiting(alice, now=asked, binding_message=f"number {number}.")
    text = browser.get("/ciba/history/", {"page": page}).content.decode()
    shown = [int(each) for each in re.findall(r"number (\d+)\.", text)]
    assert shown == list(range(first, last - 1, -1))


def test_an_empty_history_says_so(browser: Client) -> None:
    assert "You have answered nothing lately." in browser.get("/ciba/history/").content.decode()


def test_an_open_page_can_tell_that_another_login_has_come(
    browser: Client, alice: User, bob: User
) -> None:
    """Its forms hold the CSRF token of the login that it was made for."""

    def login() -> str:
        name = browser.get("/ciba/waiting.json").json()["login"]
        assert f'data-login="{name}"' in browser.get("/ciba/").content.decode()
        return str(name)

    first = login()
    assert login() == first
    browser.force_login(bob)
    second = login()
    browser.force_login(alice)
    assert len({first, second, login()}) == 3


@pytest.mark.urls("tests.unit.authentication_device.other_urls")
def test_the_inbox_can_be_mounted_anywhere(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    own = f"/my/approvals/requests/{found.public_id}/"
    text = browser.get("/my/approvals/").content.decode()
    assert f'action="{own}"' in text
    assert 'data-waiting="/my/approvals/waiting.json"' in text
    assert "Sign out" not in text  # that site has no view of that name
    assert browser.get("/my/approvals/waiting.json").json()["waiting"][0]["card"] == f"{own}card/"
    assert browser.post(own, {"verdict": "denied"})["Location"] == own


@pytest.mark.parametrize(
    ("seconds", "clock"), [(5, "0:05"), (65, "1:05"), (599, "9:59"), (3600, "1:00:00")]
)
def test_the_time_left_reads_like_a_clock(alice: User, seconds: int, clock: str) -> None:
    now = timezone.now()
    later = now + timedelta(seconds=9999)
    found = arrange.waiting(alice, now=now, seconds=seconds, expires_at=later)
    assert Card(found, now).clock == clock
    assert Card(found, now + timedelta(milliseconds=400)).clock == clock  # never sooner than we
    assert Card(found, later).clock == "0:00"
