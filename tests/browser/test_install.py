"""The device as an app on the home screen: that a browser takes it for one, and the offer."""

import pytest
from django.contrib.auth.models import User

from tests.browser.conftest import NewPage
from tests.plugin import PREFIX

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

# What a page shows and does in a browser, any database gives it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.only_on("sqlite"),
    pytest.mark.django_db(transaction=True),
]

OFFERED = """() => {
  const event = new Event("beforeinstallprompt", { cancelable: true });
  event.prompt = () => { window.prompted = true; };
  return window.dispatchEvent(event);
}"""


def test_chromium_finds_nothing_that_keeps_it_from_being_installed(
    new_page: NewPage, alice: User
) -> None:
    page = new_page(alice, service_workers="allow")
    page.goto("/ciba/")
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    session = page.context.new_cdp_session(page)
    found = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Playwright's pages are private windows, which install nothing at all.
    assert [each["errorId"] for each in found] == ["in-incognito"]
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/ciba/manifest.webmanifest")


def test_the_offer_to_install_stands_at_the_end_of_the_page_until_it_is_taken(page: Page) -> None:
    page.goto("/ciba/")
    button = page.get_by_role("button", name="Install as an app")
    expect(button).to_be_hidden()
    assert page.evaluate(OFFERED) is False, "the browser's own banner is put off"
    button.click()
    assert page.evaluate("window.prompted") is True
    page.evaluate("window.dispatchEvent(new Event('appinstalled'))")
    expect(button).to_be_hidden()
