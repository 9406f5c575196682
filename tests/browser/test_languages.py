"""German words are long and Georgian letters wide: the pages hold both, however narrow."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_ciba.journeys import Demand
from django_ciba.models import MutedClient
from tests.browser.conftest import NewPage
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_devices import added, passkey

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")


# What a page shows and does in a browser, any database gives it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.only_on("sqlite"),
    pytest.mark.django_db(transaction=True),
]


NAMES: Final = ("inbox", "number", "typed", "history", "devices", "passkeys", "muted", "user-code")
# Words that are cut off or run over the edge of what they stand in.
CUT: Final = """
() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && each.clientWidth > 1)
  .filter((each) => getComputedStyle(each).display !== "inline")
  .filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.outerHTML.slice(0, 200))
"""
# A word broken without a hyphen, in what is read at a glance: buttons, headings, the bar below.
BROKEN: Final = """
() => [...document.querySelectorAll("button, .button, h1, h2, nav a, summary, strong, dt")]
  .filter((each) => each.checkVisibility())
  .flatMap((each) => {
    const found = [], walker = document.createTreeWalker(each, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("bdi, code")) continue;
      const top = (index) => {
        const letter = document.createRange();
        letter.setStart(node, index);
        letter.setEnd(node, index + 1);
        return [...letter.getClientRects()].at(-1)?.top;
      };
      for (const { 0: word, index } of node.data.matchAll(/[^\\s\\u00ad-]+/g)) {
        if (top(index) !== top(index + word.length - 1)) found.push(word);
      }
    }
    return found;
  })
"""
# Deny is as easy as Approve.
UNEQUAL: Final = """
() => [...document.querySelectorAll(".verdicts")]
  .map((each) => [...each.querySelectorAll("button")].map((button) => button.offsetWidth))
  .filter((widths) => new Set(widths).size > 1)
"""


@pytest.fixture
def addresses(alice: User) -> dict[str, str]:
    """A page of each kind, with something on it."""
    now = timezone.now()
    bank = arrange.client("Sakartvelos Erovnuli Bank", "bank")
    picked = arrange.waiting(
        alice, by=bank, seconds=900, demand=Demand(number="pick").stored(), number="42"
    )
    typed = arrange.waiting(
        alice,
        by=arrange.client("Shop", "shop"),
        seconds=900,
        demand=Demand(number="type", passcode="a digest", passkey=True).stored(),
        number="42",
    )
    arrange.waiting(alice, by=arrange.client("Utility", "utility"), seconds=900)
    arrange.waiting(alice, by=bank, status="denied", answer="denied", answered_at=now)
    arrange.waiting(
        alice,
        by=bank,
        status="authorized",
        answer="approved",
        answered_at=now,
        authenticated_at=now,
    )
    added(alice, "Firefox on Android", last_used_at=now)
    passkey(alice)
    until = now + timedelta(days=7)
    client = arrange.client("Pushy Shop", "pushy")
    MutedClient.objects.mute(alice, client, because="muted", now=now, until=until)
    own = {name: f"/ciba/{name}/" for name in NAMES if name not in ("inbox", "number", "typed")}
    return {
        "inbox": "/ciba/",
        "number": f"/ciba/requests/{picked.public_id}/",
        "typed": f"/ciba/requests/{typed.public_id}/",
        **own,
    }


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("locale", ["de-DE", "ka-GE"])
def test_long_words_stay_in_their_place(
    new_page: NewPage, alice: User, addresses: dict[str, str], locale: str, width: int
) -> None:
    page = new_page(alice, locale=locale, viewport={"width": width, "height": 740})
    found: dict[str, Any] = {}
    for name, address in addresses.items():
        page.goto(address)
        if folder := os.environ.get("LOOK"):
            page.screenshot(path=Path(folder) / f"{name}-{locale[:2]}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.lang") == locale[:2]
        assert page.evaluate("document.documentElement.scrollWidth") == width, address
        if problems := [*page.evaluate(CUT), *page.evaluate(BROKEN), *page.evaluate(UNEQUAL)]:
            found[name] = problems
    assert found == {}, found
