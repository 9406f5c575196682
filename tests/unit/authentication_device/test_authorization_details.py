"""What the pages show of authorization details (RFC 9396 §3)."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from django_ciba.models import AuthenticationRequest, AuthorizationDetailsType, Client, Realm
from tests.authorization_details import make_details_type, payment
from tests.unit.authentication_device import arrange

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"
WORDS = "Pay <bdi>EUR</bdi> <bdi>123.50</bdi> to <strong><bdi>Merchant A</bdi></strong>."


def bank() -> Client:
    found = arrange.client()
    if not AuthorizationDetailsType.objects.exists():
        make_details_type(found.realm)
    return found


def asked(alice: User, *details: dict[str, Any]) -> AuthenticationRequest:
    return arrange.waiting(alice, by=bank(), authorization_details=list(details))


def addresses(found: AuthenticationRequest) -> list[str]:
    own = f"/ciba/requests/{found.public_id}/"
    return ["/ciba/", own, f"{own}card/"]


def texts(browser: Browser, found: AuthenticationRequest) -> list[str]:
    answers = [browser.get(address) for address in addresses(found)]
    assert [each.status_code for each in answers] == [200] * 3
    return [each.content.decode() for each in answers]


def test_every_page_of_a_request_says_it_in_the_words_of_its_type(
    browser: Browser, alice: User
) -> None:
    for text in texts(browser, asked(alice, payment())):
        assert "<bdi>A payment</bdi>" in text
        assert WORDS in text
        assert "<dt><bdi>creditorName</bdi></dt>" in text


def test_without_a_template_every_member_is_listed(browser: Browser, alice: User) -> None:
    found = asked(alice, payment())
    AuthorizationDetailsType.objects.update(template="")
    for text in texts(browser, found):
        assert "Pay <bdi>" not in text
        assert "All that it says" not in text
        assert "<dd><bdi>Merchant A</bdi></dd>" in text


def test_what_the_client_wrote_is_no_markup(browser: Browser, alice: User) -> None:
    found = asked(alice, payment(creditorName=HOSTILE), {"type": HOSTILE, HOSTILE: [HOSTILE] * 2})
    for text in texts(browser, found):
        assert HOSTILE not in text
        assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 6


@pytest.mark.parametrize("gone", [AuthorizationDetailsType, Realm])
def test_a_request_outlives_its_type(browser: Browser, alice: User, gone: type[Model]) -> None:
    found = asked(alice, payment())
    if gone is AuthorizationDetailsType:
        AuthorizationDetailsType.objects.all().delete()
        address = f"/ciba/requests/{found.public_id}/"
    else:
        Realm.objects.update(enabled=False)
        address = "/ciba/history/"
    text = browser.get(address).content.decode()
    assert "<bdi>payment_initiation</bdi>" in text
    assert "<dd><bdi>Merchant A</bdi></dd>" in text


def test_types_are_read_once_for_all_that_waits(browser: Browser, alice: User) -> None:
    def statements() -> int:
        browser.get("/ciba/")
        with CaptureQueriesContext(connection) as captured:
            browser.get("/ciba/")
        return len(captured)

    asked(alice, payment())
    few = statements()
    for _ in range(5):
        asked(alice, payment(), payment())
    assert statements() == few
