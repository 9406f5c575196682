"""The pictures in the documentation: `make screenshots` takes them, each run sees that it could.

Every picture is of the same noon, with the same names, so that two runs differ in nothing but what
the pages have become.
"""

import base64
import re
import secrets
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.journeys import TEMPLATES, Demand
from django_ciba.models import AuthenticationRequest, Client, Device, Passkey
from tests.browser.conftest import NewPage, Picture
from tests.browser.test_inbox import own_page
from tests.plugin import PREFIX
from tests.provider import make_user
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_devices import passkey
from tests.unit.journeys.arrange import begin
from tests.unit.testproject.conftest import Site, site  # noqa: F401 - a fixture

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

# What a page shows and does in a browser, any database gives it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.only_on("sqlite"),
    pytest.mark.django_db(transaction=True),
]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PHONE = {"width": 390, "height": 800}
PUBLIC_ID = uuid.UUID("5f0c7f0e-7d5c-4d38-9b3a-0c1f5c3f9a42")
MESSAGE = "Pay £34.00 to Corner Shop (CS-1042)"
SIDE_BY_SIDE = """<!doctype html><meta name="color-scheme" content="light"><style>
  body { margin: 0; padding: 16px; background: #e6e3db; display: flex; gap: 16px; }
  img { display: block; height: 600px; border-radius: 12px; box-shadow: 0 4px 24px #0003; }
</style><img alt="" src="data:image/png;base64,%s"><img alt="" src="data:image/png;base64,%s">"""


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """It goes on, since much waits for it; `move_to(NOON)` is for just before it is shown."""
    with time_machine.travel(NOON) as set_to:
        yield set_to


@pytest.fixture
def shot(new_page: NewPage) -> NewPage:
    """Opens pages whose clock stands still, sharp, and no bigger than need be."""

    def opened(user: User | None = None, **options: Any) -> Page:
        page = new_page(
            user,
            **{
                "viewport": PHONE,
                "device_scale_factor": 1.5,
                "reduced_motion": "reduce",
                "timezone_id": "UTC",
                **options,
            },
        )
        page.clock.set_fixed_time(NOON)
        return page

    return opened


def shop() -> Client:
    return arrange.client("Corner Shop", "shop")


def asked(alice: User, **demand: Any) -> AuthenticationRequest:
    moment = timezone.now()
    return arrange.waiting(
        alice,
        by=shop(),
        binding_message=MESSAGE,
        seconds=107,
        now=moment,
        prompted_at=moment - timedelta(seconds=13),
        public_id=PUBLIC_ID,
        number="42",
        demand=Demand(**demand).stored(),
    )


def test_one_request(shot: NewPage, alice: User, picture: Picture) -> None:
    page = shot(alice)
    asked(alice)
    page.goto("/ciba/")
    expect(page.get_by_role("button", name="Approve")).to_be_in_viewport(ratio=1)
    picture(page, "inbox")


def test_one_request_in_the_dark(shot: NewPage, alice: User, picture: Picture) -> None:
    page = shot(alice, color_scheme="dark")
    asked(alice)
    page.goto("/ciba/")
    expect(page.get_by_role("button", name="Approve")).to_be_in_viewport(ratio=1)
    picture(page, "inbox-dark")


def test_number_matching(shot: NewPage, alice: User, picture: Picture) -> None:
    page = shot(alice)
    page.goto(own_page(asked(alice, number="pick")))
    expect(page.get_by_role("button", name="42")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name=re.compile("^Deny"))).to_be_in_viewport(ratio=1)
    picture(page, "number-matching")


def test_a_passkey(shot: NewPage, alice: User, picture: Picture) -> None:
    passkey(alice)
    page = shot(alice)
    page.goto(own_page(asked(alice, passkey=True)))
    expect(page.get_by_text("With your passkey")).to_be_in_viewport(ratio=1)
    picture(page, "passkey")


def test_devices(shot: NewPage, alice: User, picture: Picture) -> None:
    def days(number: int) -> dict[str, datetime]:
        return {"created_at": NOON - timedelta(days=30 * number), "last_used_at": NOON}

    kinds = {"Firefox on Android": "browser", "Chrome on Windows": "browser"}
    for number, (name, kind) in enumerate(kinds.items(), 1):
        values = {"user": alice, "name": name, "kind": kind, "channel": "webpush"}
        Device.objects.create(**values, **days(number))
    Passkey.objects.create(
        user=alice, name="This telephone", credential_id="x", public_key="x", **days(3)
    )
    page = shot(alice)
    page.goto("/ciba/devices/")
    expect(page.get_by_role("heading", name="Firefox on Android")).to_be_visible()
    expect(page.get_by_role("heading", name="This telephone")).to_be_visible()
    picture(page, "devices")


def test_shop_and_device_side_by_side(
    site: Site,  # noqa: F811
    shot: NewPage,
    picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
    clock: time_machine.Traveller,
) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda most: 32 if most == 90 else 42)
    counter = shot(viewport={"width": 690, "height": 800})
    counter.goto("/shop/")
    counter.get_by_text("Teapot").click()
    counter.get_by_label("Who pays?").fill("alice")
    clock.move_to(NOON)
    counter.get_by_role("button", name="Pay").click()
    expect(counter.locator(".number")).to_have_text("42")
    left = counter.screenshot(animations="disabled")
    AuthenticationRequest.objects.update(public_id=PUBLIC_ID)
    telephone = shot(User.objects.get(username="alice"))
    clock.move_to(NOON + timedelta(seconds=3))
    telephone.goto("/ciba/")
    expect(telephone.get_by_role("button", name="42")).to_be_visible()
    right = telephone.screenshot(animations="disabled")
    both = shot(viewport={"width": 860, "height": 632})
    both.set_content(
        SIDE_BY_SIDE % tuple(base64.b64encode(each).decode() for each in (left, right))
    )
    both.wait_for_function("[...document.images].every((each) => each.complete)")
    assert both.evaluate("document.documentElement.scrollWidth") == 860
    picture(both, "side-by-side")


def test_the_path_of_a_request(shot: NewPage, picture: Picture, transactional_db: None) -> None:
    alice = make_user("alice")
    found = begin(dict(TEMPLATES["number-matching"].document), shop(), alice, now=NOON)
    assert run_due(NOON + timedelta(seconds=30)) > 0
    admin = User.objects.create_superuser("admin")
    page = shot(admin, viewport={"width": 1100, "height": 900})
    page.goto(f"/admin/django_ciba/authenticationrequest/{found.pk}/change/")
    drawn = page.locator(".ciba-picture__frame svg").first
    expect(drawn).to_be_visible()
    expect(drawn.locator("title").first).to_have_text(re.compile("number-matching|under test"))
    picture(drawn, "journey-path")
