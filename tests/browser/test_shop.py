"""The demo shop in a browser: the page changes by itself, and stays strict and readable."""

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import NewPage
from tests.provider import approve, deny
from tests.unit.testproject.conftest import Site, site  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow]

DESK = {"width": 1280, "height": 900}
RELOADED = "performance.getEntriesByType('navigation')[0].type + performance.timeOrigin"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every auth_req_id that the shop gets: the page shows none."""
    from testproject.shop import views

    heard: list[str] = []
    start = views.start

    def listening(payment: views.Payment) -> None:
        start(payment)
        heard.append(payment["waiting"]["auth_req_id"])

    monkeypatch.setattr(views, "start", listening)
    return heard


def pay(page: "Page", payer: str = "alice") -> None:
    page.goto("/shop/")
    page.get_by_text("Teapot").click()
    page.get_by_label("Who pays?").fill(payer)
    page.get_by_role("button", name="Pay").click()


def fits(page: "Page") -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("viewport", [None, DESK], ids=["phone", "desk"])
def test_the_page_shows_the_payment_without_being_loaded_again(
    site: Site,  # noqa: F811
    new_page: NewPage,
    asked: list[str],
    viewport: dict[str, int] | None,
) -> None:
    page = new_page(**({"viewport": viewport} if viewport else {}))
    pay(page)
    page.get_by_role("heading", name="Waiting for alice").wait_for()
    loaded = page.evaluate(RELOADED)
    page.get_by_text("400 authorization_pending").wait_for()
    page.get_by_text("POST /oauth2/bc-authorize").click()
    page.get_by_text('"login_hint": "alice"').wait_for()
    assert fits(page)
    approve(asked[0])
    page.get_by_role("heading", name="Paid by Alice Adams").wait_for()
    assert page.evaluate(RELOADED) == loaded
    assert page.get_by_role("status").inner_text() == "Paid by Alice Adams"
    assert page.get_by_text('"login_hint": "alice"').is_visible(), "what was unfolded stays so"
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert fits(page)


def test_a_denial_shows_by_itself(
    site: Site,  # noqa: F811
    new_page: NewPage,
    asked: list[str],
) -> None:
    page = new_page()
    pay(page)
    page.get_by_role("heading", name="Waiting for alice").wait_for()
    deny(asked[0])
    page.get_by_role("heading", name="alice did not agree").wait_for()
    page.get_by_role("link", name="Back to the checkout").click()
    page.get_by_label("Who pays?").wait_for()


def test_it_works_without_scripts(
    site: Site,  # noqa: F811
    new_page: NewPage,
    asked: list[str],
) -> None:
    page = new_page(java_script_enabled=False)
    pay(page)
    page.get_by_role("heading", name="Waiting for alice").wait_for()
    approve(asked[0])
    page.get_by_role("heading", name="Paid by Alice Adams").wait_for()


def test_the_checkout_works_by_keyboard(
    site: Site,  # noqa: F811
    new_page: NewPage,
) -> None:
    page = new_page()
    page.goto("/shop/")
    page.get_by_role("radio", name="Coffee").focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("radio", name="Teapot").is_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    assert "knows nobody of that name" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("radio", name="Teapot").is_checked()
