"""The demo's whole checkout with number matching: a shop and a telephone, side by side.

A person does what the pages make a person do, and each thing is counted.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User

from django_ciba.models import AuthenticationRequest
from tests.browser.conftest import NewPage
from tests.plugin import PREFIX
from tests.unit.testproject.conftest import Site, site  # noqa: F401 - a fixture

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Locator

pytestmark = [pytest.mark.slow]

SHOP = {"width": 760, "height": 900}


# Seconds, by the keystroke-level model (Card, Moran and Newell), of somebody who types little.
THINK, POINT, PRESS, KEY = 1.35, 1.1, 0.2, 0.28


@dataclass
class Person:
    """Somebody with two eyes and one finger; `did` is what they had to do, in that order.

    `seconds` is how long that takes a person, who thinks before each thing that they do.
    """

    did: list[str] = field(default_factory=list)
    seconds: float = 0

    def presses(self, what: "Locator") -> None:
        self.did.append("press")
        self.seconds += THINK + POINT + PRESS
        what.click()

    def types(self, text: str, into: "Locator") -> None:
        self.did.append("type")
        self.seconds += THINK + KEY * (len(text) + 1)  # and the key that leads to the field
        into.press_sequentially(text)

    def reads(self, what: "Locator") -> str:
        self.did.append("look")
        self.seconds += THINK
        return what.inner_text()


@contextmanager
def loads(page: Page) -> Iterator[list[str]]:
    """Every document that the page loads meanwhile."""
    seen: list[str] = []

    def loaded(frame: "Frame") -> None:
        if frame is page.main_frame:
            seen.append(re.sub(r"^https?://[^/]+", "", frame.url))

    page.on("framenavigated", loaded)
    yield seen
    page.remove_listener("framenavigated", loaded)


@pytest.fixture
def device(site: Site, new_page: NewPage) -> Page:  # noqa: F811
    """Alice's telephone, where the inbox is open."""
    page = new_page(User.objects.get(username="alice"))
    page.goto("/ciba/")
    expect(page.get_by_role("heading", name="Nothing is waiting for you")).to_be_visible()
    return page


def arrived(device: Page) -> None:
    """A request is there, and what has just moved under the finger takes an answer again."""
    expect(device.locator("[data-request]")).to_be_visible()
    expect(device.locator("#inbox")).not_to_have_class(re.compile("is-moving"))


def test_a_person_pays_by_picking_the_number_that_the_shop_shows(
    device: Page, new_page: NewPage, record_property: Callable[[str, object], None]
) -> None:
    shop = new_page(viewport=SHOP)
    shop.goto("/shop/")
    person = Person()
    with loads(shop) as of_shop, loads(device) as of_device:
        begun = time.perf_counter()
        person.presses(shop.get_by_text("Teapot"))
        shop.keyboard.press("Tab")  # the pages are side by side, and the field follows by itself
        person.types("alice", shop.get_by_label("Who pays?"))
        person.presses(shop.get_by_role("button", name="Pay"))
        number = person.reads(shop.locator(".number"))
        arrived(device)
        person.presses(device.get_by_role("button", name=number))
        expect(device.get_by_role("heading", name="Approved")).to_be_visible()
        expect(shop.get_by_role("heading", name="Paid by Alice Adams")).to_be_visible()
        seconds = time.perf_counter() - begun
    record_property("seconds", round(seconds, 1))
    print(f"\nfrom the first click to the receipt: {seconds:.1f} s")
    assert person.did == ["press", "type", "press", "look", "press"]
    assert person.seconds < 15
    assert of_shop == ["/shop/payment/"], "the form leads there, and nothing loads it again"
    (found,) = AuthenticationRequest.objects.all()
    assert of_device == [f"/ciba/requests/{found.public_id}/"], "the answer, and nothing before"
    assert found.number == number
    assert found.acr == "number"
    expect(shop.get_by_text('"acr": "number"').first).to_be_attached()


def test_both_pages_name_the_same_payment(device: Page, new_page: NewPage) -> None:
    """By which a person knows that it is theirs."""
    shop = new_page(viewport=SHOP)
    shop.goto("/shop/")
    shop.get_by_label("Who pays?").fill("alice")
    shop.get_by_role("button", name="Pay").click()
    reference = shop.locator(".card .reference").inner_text()
    card = device.locator("[data-request]")
    expect(card.get_by_role("heading")).to_have_text("Corner Shop asks for your approval")
    expect(card.locator("blockquote")).to_contain_text(reference)
    expect(card.locator("blockquote")).to_contain_text("£9.50")


def test_a_number_that_is_not_the_shops_pays_nothing(device: Page, new_page: NewPage) -> None:
    shop = new_page(viewport=SHOP)
    shop.goto("/shop/")
    shop.get_by_label("Who pays?").fill("alice")
    shop.get_by_role("button", name="Pay").click()
    number = shop.locator(".number").inner_text()
    arrived(device)
    offered = device.locator("button.number")
    expect(offered).to_have_count(3)
    assert number in offered.all_inner_texts()
    device.locator("button.number").filter(has_not_text=number).first.click()
    expect(device.get_by_role("heading", name="Not approved")).to_be_visible()
    expect(shop.get_by_role("heading", name="alice did not agree")).to_be_visible()
    expect(shop.locator(".number")).to_have_count(0)


def test_the_front_page_opens_both_side_by_side(site: Site, new_page: NewPage) -> None:  # noqa: F811
    page = new_page(viewport={"width": 1280, "height": 900})
    page.goto("/")
    button = page.get_by_role("button", name="Open shop and device side by side")
    button.click()
    while len(page.context.pages) < 3:
        page.wait_for_timeout(20)
    _, shop, device = page.context.pages
    expect(shop.get_by_role("heading", name="Checkout")).to_be_visible()
    expect(device).to_have_url(re.compile(r"/accounts/login/\?next=/ciba/$"))
