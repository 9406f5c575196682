"""The pages follow the user's browser: German and Georgian by our catalogues, else English."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation

from django_ciba.journeys import Demand
from django_ciba.models import AuthenticationRequest
from tests import catalogues
from tests.plugin import leave_out
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_devices import added, passkey

pytestmark = pytest.mark.django_db

INBOX = "/ciba/"


@pytest.fixture(autouse=True)
def the_sites_language() -> Iterator[None]:
    """A test's browser leaves the language of its last page to the test that comes next."""
    yield
    translation.deactivate()


def shown(browser: Client, address: str, language: str, **data: Any) -> str:
    headers = {"accept-language": language}
    if data:
        return browser.post(address, data, headers=headers, follow=True).content.decode()
    return browser.get(address, headers=headers).content.decode()


def own_page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


@pytest.mark.parametrize(
    ("language", "none", "asks", "approve", "deny"),
    [
        ("de", "Es wartet nichts auf Sie", "bittet um Ihre Zustimmung", "Zustimmen", "Ablehnen"),
        ("de-AT,en;q=0.5", "Es wartet nichts auf Sie", "bittet um", "Zustimmen", "Ablehnen"),
        (
            "ka",
            "არცერთი მოთხოვნა არ გელოდებათ",
            "ითხოვს თქვენს დადასტურებას",
            "დადას\N{SOFT HYPHEN}ტურება",
            "უარყოფა",
        ),
    ],
)
def test_the_inbox_speaks_the_language_of_the_browser(
    browser: Client, alice: User, language: str, none: str, asks: str, approve: str, deny: str
) -> None:
    text = shown(browser, INBOX, language)
    assert f'<html lang="{language[:2]}' in text
    assert 'dir="ltr"' in text
    assert f"<title>{none}</title>" in text
    arrange.waiting(alice)
    text = shown(browser, INBOX, language)
    assert f"<bdi>Example Bank</bdi> {asks}" in text
    assert f"<strong>{approve}</strong>" in text
    assert f"<strong>{deny}</strong>" in text
    assert "Approve" not in text
    assert "Deny" not in text


@pytest.mark.parametrize(
    ("language", "pick", "type_it", "passcode"),
    [
        (
            "de",
            "Wählen Sie die Zahl, die <bdi>Example Bank</bdi> anzeigt",
            "Geben Sie die Zahl ein, die <bdi>Example Bank</bdi> anzeigt",
            "Geben Sie den Code ein, den wir Ihnen gesendet haben",
        ),
        (
            "ka",
            "აირჩიეთ რიცხვი, რომელსაც <bdi>Example Bank</bdi> აჩვენებს",
            "შეიყვანეთ რიცხვი, რომელსაც <bdi>Example Bank</bdi> აჩვენებს",
            "შეიყვანეთ კოდი, რომელიც გამოგიგზავნეთ",
        ),
    ],
)
def test_what_an_approval_takes_is_asked_in_that_language(
    browser: Client, alice: User, language: str, pick: str, type_it: str, passcode: str
) -> None:
    picked = arrange.waiting(alice, demand=Demand(number="pick").stored(), number="42")
    typed = arrange.waiting(
        alice, demand=Demand(number="type", passcode="a digest").stored(), number="42"
    )
    assert pick in shown(browser, own_page(picked), language)
    text = shown(browser, own_page(typed), language)
    assert type_it in text
    assert passcode in text


@pytest.mark.parametrize(
    ("language", "approved", "denied", "go_on"),
    [
        ("de", "Zugestimmt", "Abgelehnt", "<bdi>Example Bank</bdi> kann fortfahren."),
        (
            "ka",
            "დადასტურებულია",
            "უარყოფილია",
            "აპლიკაციას <bdi>Example Bank</bdi> შეუძლია გააგრძელოს.",
        ),
    ],
)
def test_what_came_of_it_is_said_in_that_language(
    browser: Client, alice: User, language: str, approved: str, denied: str, go_on: str
) -> None:
    text = shown(browser, own_page(arrange.waiting(alice)), language, verdict="approved")
    assert f"<h1>{approved}</h1>" in text
    assert go_on in text
    text = shown(browser, own_page(arrange.waiting(alice)), language, verdict="denied")
    assert f"<h1>{denied}</h1>" in text
    history = shown(browser, "/ciba/history/", language)
    assert f"<strong>{approved}</strong>" in history
    assert f"<strong>{denied}</strong>" in history


@pytest.mark.parametrize(
    ("language", "devices", "passkeys", "added_on", "history"),
    [
        ("de", "Ihre Geräte", "Ihre Passkeys", "Hinzugefügt am <time", "Verlauf"),
        (
            "ka",
            "თქვენი მოწყობილობები",
            "თქვენი წვდომის გასაღებები",
            "დამატებულია: <time",
            "ისტორია",
        ),
    ],
)
def test_the_devices_page_and_the_bar_below_do_too(
    browser: Client,
    alice: User,
    language: str,
    devices: str,
    passkeys: str,
    added_on: str,
    history: str,
) -> None:
    """The bar's "History" is ours, although the admin translates a word spelt alike."""
    added(alice, last_used_at=timezone.now())
    passkey(alice)
    text = shown(browser, "/ciba/devices/", language)
    assert f"<h1>{devices}</h1>" in text
    assert f"<h2>{passkeys}</h2>" in text
    assert text.count(added_on) == 2
    assert f"\n      {history}</a>" in text


def test_a_right_to_left_language_turns_the_pages_round_without_a_catalogue(
    browser: Client, alice: User
) -> None:
    """Django knows the direction of Hebrew and its own words; ours are in English until a site's
    catalogue has them.
    """
    arrange.waiting(alice)
    text = shown(browser, INBOX, "he")
    assert '<html lang="he" dir="rtl">' in text
    assert "<strong>Approve</strong>" in text
    sent = {"save": "1", "code": "", "again": ""}
    assert "יש להזין" in shown(browser, "/ciba/user-code/", "he", **sent)


def test_a_sites_own_catalogue_wins(
    browser: Client, alice: User, settings: Any, tmp_path: Path
) -> None:
    """docs/how-to/translate.md: by LOCALE_PATHS, and for the strings that it has alone."""
    if reason := catalogues.missing():
        leave_out(reason)
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalogue = folder / "django.po"
    catalogue.write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgctxt "button"\nmsgid "Approve"\nmsgstr "Freigeben"\n',
        "utf-8",
    )
    catalogues.compiled(catalogue, catalogue.with_suffix(".mo"))
    settings.LOCALE_PATHS = [tmp_path]
    arrange.waiting(alice)
    text = shown(browser, INBOX, "de")
    assert "<strong>Freigeben</strong>" in text
    assert "<strong>Ablehnen</strong>" in text
