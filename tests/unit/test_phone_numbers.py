"""One telephone number, however it is written, and whom it finds."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_ciba.conf import CibaSettings
from django_ciba.hooks import CibaHooks
from django_ciba.models import Client, Realm
from django_ciba.protocol import phone_numbers
from django_ciba.protocol.hints import SubjectIdentifier
from django_ciba.protocol.phone_numbers import spellings

NUMBER = "+995555123456"


@pytest.mark.parametrize(
    "written",
    [
        NUMBER,
        "995555123456",
        "00995555123456",
        "555123456",
        "555 12 34 56",
        "+995 (555) 12-34-56",
        "tel:+995-555-12-34-56",
    ],
)
def test_every_spelling_of_a_number_of_the_region_is_that_number(written: str) -> None:
    found = spellings(written, "GE", international=True)
    assert found[0] == written
    assert set(found) >= {
        NUMBER,
        "995555123456",
        "00995555123456",
        "+995 555 12 34 56",
        "555 12 34 56",
        "555123456",
    }


@pytest.mark.parametrize("written", ["+447911123456", "447911123456"])
@pytest.mark.parametrize("region", ["GE", None])
def test_a_number_of_elsewhere_has_no_spelling_without_its_country(
    written: str, region: str | None
) -> None:
    assert set(spellings(written, region, international=True)) == {
        "+447911123456",
        "447911123456",
        "00447911123456",
        "+44 7911 123456",
    }


def test_national_spellings_have_their_leading_zero_and_not() -> None:
    found = spellings("+442079460000", "GB")
    assert {"020 7946 0000", "02079460000", "2079460000"} <= set(found)


@pytest.mark.parametrize(
    "written",
    [
        "555123456",  # of no region
        "0555123456",
        "",
        "+",
        "+1",
        "12",
        "alice",
        "+995 555 FLOWER",
        "+995555123456;ext=5",
        "+995555123456 x5",
        "\u0665\u0665\u0665\u0661\u0662\u0663\u0664\u0665\u0666",  # digits, and none of ours
        "+99555512345678901234",
        "9" * 1000,
        "+995\x00555123456",
    ],
)
def test_what_is_no_number_is_what_is_written(written: str) -> None:
    assert spellings(written, None, international=True) == (written,)


def test_bare_digits_begin_with_a_country_code_in_an_msisdn_alone() -> None:
    """Else a number of the region could be taken for one of another country."""
    assert "+995322123456" in spellings("995322123456", "US", international=True)
    assert spellings("995322123456", "US") == ("995322123456",)


def test_without_the_extra_a_number_is_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_numbers, "CAN_READ_NUMBERS", False)
    assert spellings(NUMBER, None) == (NUMBER,)
    assert "pip install 'django-ciba[phone]'" in str(CibaSettings.PHONE_REGION.problem("GE"))
    assert CibaSettings.PHONE_REGION.problem(None) is None


@pytest.mark.parametrize("region", ["ge", "GEO", "Georgia", "", 995, "ZZ", "XX"])
def test_a_region_is_a_country(region: Any) -> None:
    assert CibaSettings.PHONE_REGION.problem(region)
    assert CibaSettings.PHONE_REGION.problem("GE") is None


# --- whom it finds --------------------------------------------------------------------------------


@pytest.fixture
def by_phone(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Client:
    """`last_name` is where this site keeps telephone numbers."""
    fields = {"msisdn": ("last_name",), "phone_number": ("last_name",)}
    monkeypatch.setattr("django_ciba.hooks.FORMAT_FIELDS", fields)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PHONE_REGION": "GE"}
    return Client(realm=Realm(name="root", path="/"), client_id="shop")


def found(client: Client, name: str, number: str) -> Any:
    with CaptureQueriesContext(connection) as asked:
        user = CibaHooks().find_user(SubjectIdentifier(name, {name: number}), client)
    assert len(asked) == 1
    return user


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["msisdn", "phone_number"])
@pytest.mark.parametrize("kept", [NUMBER, "995555123456", "555 12 34 56", "555123456"])
@pytest.mark.parametrize("asked", [NUMBER, "995555123456", "555-12-34-56"])
def test_a_user_is_found_however_both_are_written(
    by_phone: Client, name: str, kept: str, asked: str
) -> None:
    alice = User.objects.create(username="alice", last_name=kept)
    User.objects.create(username="bob", last_name="+995555123457")
    assert found(by_phone, name, asked) == alice


@pytest.mark.django_db
def test_two_with_one_number_are_nobody(by_phone: Client) -> None:
    User.objects.create(username="alice", last_name=NUMBER)
    User.objects.create(username="bob", last_name="555123456")
    assert found(by_phone, "msisdn", "995555123456") is None


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["not a number", "+1", "+995555123450"])
def test_what_fits_nobody_means_nobody(by_phone: Client, number: str) -> None:
    User.objects.create(username="alice", last_name=NUMBER)
    assert found(by_phone, "msisdn", number) is None
