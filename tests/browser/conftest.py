"""A phone and a live site: the machine's own Chromium, driven by Playwright."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from django_ciba.authentication_device.logins import SESSION_KEY
from tests.browser.indexed_png import indexed
from tests.services import Chromium
from tests.unit.authentication_device import arrange

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

PHONE = {"width": 360, "height": 740}
# A violation is an event of the page; the console message alone could be lost.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation",
  (event) => console.error("CSP", event.violatedDirective, event.blockedURI));
"""
# Chromium reports every reply of 400 and above so; the tests look at those themselves.
EXPECTED = ("Failed to load resource", "Service Worker registration blocked by Playwright")

SCREENSHOTS = Path(__file__).parents[2] / "docs" / "_static" / "screenshots"
WANTED = "CIBA_SCREENSHOTS"

NewPage: TypeAlias = "Callable[..., Page]"


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def chromium_process(chromium: Path) -> "Iterator[Browser]":
    """Ends with the module: Playwright's event loop would forbid later tests the database."""
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        process = playwright.chromium.launch(
            executable_path=chromium, args=Chromium.arguments(), headless=True
        )
        yield process
        process.close()


@pytest.fixture
def alice(transactional_db: None) -> User:
    return arrange.user("alice")


@pytest.fixture
def new_page(chromium_process: "Browser", live_server: Any) -> Iterator[NewPage]:
    """Opens pages, signed in or not; at the end there must have been no error and no stranger."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def heard(message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning") and not any(
            known in message.text for known in EXPECTED
        ):
            problems.append(f"{message.type}: {message.text}")

    def asked(address: str) -> None:
        if not address.startswith((live_server.url, "data:", "about:")):
            problems.append(f"asked {address}")

    def opened(user: User | None = None, **options: Any) -> "Page":
        context = chromium_process.new_context(
            base_url=live_server.url,
            # Routes see nothing of what a service worker fetches: tests of it say "allow".
            **{"viewport": PHONE, "locale": "en-GB", "service_workers": "block", **options},
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", heard)
        context.on("weberror", lambda error: problems.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: asked(request.url))
        if user is not None:
            browser = Client()
            browser.force_login(user, "django.contrib.auth.backends.ModelBackend")
            cookie = browser.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def long_ago() -> None:
    """Every session was opened three days ago."""
    for stored in Session.objects.all():
        session = SessionStore(stored.session_key)
        session[SESSION_KEY] = (timezone.now() - timedelta(days=3)).isoformat()
        session.save()


@pytest.fixture
def page(new_page: NewPage, alice: User) -> "Page":
    """Alice's phone."""
    return new_page(alice)


Picture: TypeAlias = "Callable[[Page | Locator, str], bytes]"


@pytest.fixture
def picture() -> Picture:
    """Takes a picture for the documentation; it is kept in a run that CIBA_SCREENSHOTS asks for."""

    def taken(of: "Page | Locator", name: str) -> bytes:
        octets = of.screenshot(animations="disabled", caret="hide")
        if os.environ.get(WANTED):
            SCREENSHOTS.mkdir(exist_ok=True)
            (SCREENSHOTS / f"{name}.png").write_bytes(indexed(octets))
        return octets

    return taken
