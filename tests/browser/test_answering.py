"""Answers that take more than a button, as a person gives them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User

from django_ciba.journeys import Demand, choices
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuthenticationRequest, Passkey
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NewPage = Callable[..., Page]


def own_page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(pk=found.pk)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{name}")).click()


@pytest.fixture
def passkeys_here(settings: Any, live_server: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PASSKEY_ORIGINS": [live_server.url]}


def authenticator(page: Page) -> "tuple[CDPSession, str]":
    """Chromium's virtual authenticator, in the telephone itself; its user is there."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session, made["authenticatorId"]


def test_the_number_that_is_picked_approves(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(number="pick").stored(), number="42")
    page.goto("/ciba/")
    press(page, "42")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).status == "authorized"


def test_another_number_ends_it(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(number="pick").stored(), number="42")
    page.goto(own_page(found))
    press(page, next(each for each in choices(found) if each != "42"))
    expect(page.get_by_role("heading", name="Not approved")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was approved")
    assert stored(found).status == "failed"


def test_a_typed_number_is_sent_by_enter(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(number="type").stored(), number="42")
    page.goto(own_page(found))
    page.get_by_label("Type the number that Example Bank shows").fill("42")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).status == "authorized"


def test_beside_the_field_deny_denies(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(number="type").stored(), number="42")
    page.goto("/ciba/")
    press(page, "Deny")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
    assert stored(found).status == "denied"


@pytest.mark.usefixtures("passkeys_here")
@pytest.mark.parametrize("where", ["list", "own page"])
def test_a_passkey_is_made_and_approves(page: Page, alice: User, where: str) -> None:
    authenticator(page)
    page.goto("/ciba/passkeys/")
    page.get_by_label("Name of the passkey").fill("This telephone")
    press(page, "Add a passkey")
    expect(page.get_by_text("Your new passkey is saved.")).to_be_visible()
    assert Passkey.objects.get().name == "This telephone"
    found = arrange.waiting(alice, demand=Demand(passkey=True).stored())
    page.goto("/ciba/" if where == "list" else own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).amr[1:] == ["user", "mfa"]


@pytest.mark.usefixtures("passkeys_here")
def test_a_user_whom_the_passkey_does_not_verify_approves_nothing(page: Page, alice: User) -> None:
    session, name = authenticator(page)
    page.goto("/ciba/passkeys/")
    press(page, "Add a passkey")
    expect(page.get_by_text("Your new passkey is saved.")).to_be_visible()
    verified = {"authenticatorId": name, "isUserVerified": False}
    session.send("WebAuthn.setUserVerified", verified)
    found = arrange.waiting(alice, demand=Demand(passkey=True).stored())
    page.goto(own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("the passkey was not used")
    assert stored(found).answer == ""
    session.send("WebAuthn.setUserVerified", {**verified, "isUserVerified": True})
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()


def test_without_a_script_a_passkey_is_explained_and_the_request_denied(
    new_page: NewPage, alice: User
) -> None:
    found = arrange.waiting(alice, demand=Demand(passkey=True).stored())
    page = new_page(alice, java_script_enabled=False)
    page.goto(own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("Use a browser with JavaScript and passkeys")
    assert stored(found).answer == ""
    press(page, "Deny")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()


def test_a_link_answers_without_a_login(new_page: NewPage, alice: User) -> None:
    found = arrange.waiting(alice)
    found.demand = Demand(link=sealed(found, "secret")).stored()
    found.save()
    page = new_page()
    page.goto(f"{own_page(found)}link/secret/")
    expect(page.get_by_text("You answer for alice")).to_be_visible()
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).amr == ["email"]


def test_this_was_not_me(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    page.goto("/ciba/")
    press(page, "This was not me")
    expect(page.get_by_role("heading", name="Reported")).to_be_visible()
    assert stored(found).status == "denied"
