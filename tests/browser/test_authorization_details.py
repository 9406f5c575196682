"""Authorization details as a person meets them, on a phone and on a desk."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from django_ciba.models import AuthenticationRequest, Client
from tests.authorization_details import make_details_type, payment
from tests.browser.conftest import NewPage
from tests.browser.test_inbox import BASICS, own_page, press
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import expect

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LISTED: dict[str, Any] = {
    "type": "account_information",
    "accounts": [
        {"iban": "DE40100100103307118608", "owner": "\u05d3\u05d5\u05d3"},
        {"iban": "GB33BUKB20201555555555", "balance": True},
    ],
    "actions": ["list_accounts", "read_balances", "read_transactions"],
    "reference": "50\u202e00.1 <b>EUR</b>\u200b",
    "averylongnamewithoutanyplacetobreakitfortheeyethatreadsit": "x" * 120,
    "until": None,
}


def asked(alice: User) -> AuthenticationRequest:
    bank: Client = arrange.client()
    make_details_type(bank.realm)
    make_details_type(bank.realm, type="account_information", name="", schema={}, template="")
    details = [payment(creditorName="Merchant & Söhne"), LISTED]
    return arrange.waiting(alice, by=bank, authorization_details=details)


@pytest.mark.requirement("RFC 9396", "3")
@pytest.mark.parametrize("width", [360, 1280])
def test_details_are_read_before_they_are_approved(
    new_page: NewPage, alice: User, width: int
) -> None:
    found = asked(alice)
    page = new_page(alice, viewport={"width": width, "height": 900})
    page.goto(own_page(found))
    first, second = page.locator("figure.details").all()
    expect(first).to_contain_text("A payment")
    expect(first).to_contain_text("Pay EUR 123.50 to Merchant & Söhne.")
    expect(first.get_by_text("creditorName")).to_be_hidden()
    first.get_by_text("All that it says").click()
    expect(first.get_by_text("creditorName")).to_be_visible()
    for text in ("account_information", "DE40100100103307118608", "read_balances", "nothing"):
        expect(second.get_by_text(text)).to_be_visible()
    expect(second).to_contain_text("50\N{REPLACEMENT CHARACTER}00.1 <b>EUR</b>")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BASICS) == []
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()


def test_a_card_that_arrives_later_shows_them_too(new_page: NewPage, alice: User) -> None:
    page = new_page(alice)
    page.goto("/ciba/")
    asked(alice)
    expect(page.get_by_text("Pay EUR 123.50 to Merchant & Söhne.")).to_be_visible()
