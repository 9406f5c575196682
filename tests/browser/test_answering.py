"""Answers that take more than a button, as a person gives them."""

import re

import pytest
from django.contrib.auth.models import User

from django_ciba.journeys import Demand, choices
from django_ciba.journeys.demand import NumberEntry, sealed
from django_ciba.models import AuthenticationRequest, Delivery
from tests.browser.conftest import NewPage, long_ago
from tests.browser.test_inbox import own_page, press
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FOCUSED = """(() => {
  const at = document.activeElement;
  const words = at.getAttribute("aria-label") ?? at.labels?.[0]?.innerText ?? "";
  return (words || at.innerText).split("\\n")[0].trim();
})()"""


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(pk=found.pk)


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


def test_a_link_answers_without_a_login(new_page: NewPage, alice: User) -> None:
    found = arrange.waiting(alice)
    found.demand = Demand(link=sealed(found, "secret")).stored()
    found.save()
    now = found.created_at
    Delivery.objects.create(
        authentication_request=found, kind="prompt", channel="email", due_at=now, created_at=now
    )
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


def test_of_two_tabs_that_answer_at_once_one_counts_and_the_other_says_so(
    page: Page, new_page: NewPage, alice: User
) -> None:
    """Both answers are on their way before either has arrived."""
    found = arrange.waiting(alice)
    tabs = {"Approve": page, "Deny": new_page(alice)}
    held: dict[str, Route] = {}

    for name, tab in tabs.items():

        def hold(route: Route, *, name: str = name) -> None:
            if route.request.method == "POST":
                held[name] = route
            else:
                route.continue_()

        tab.goto(own_page(found))
        tab.route(f"**{own_page(found)}", hold)
        button = tab.get_by_role("button", name=re.compile(f"^{name}"))
        button.click(no_wait_after=True)  # the page that follows is held back
    while set(held) != set(tabs):
        page.wait_for_timeout(20)
    for route in held.values():
        route.continue_()
    expect(tabs["Approve"].get_by_role("heading", level=1)).not_to_contain_text("asks for")
    expect(tabs["Deny"].get_by_role("heading", level=1)).not_to_contain_text("asks for")
    counted = stored(found).answer
    outcome = {"approved": "Approved", "denied": "Denied"}[counted]
    won, lost = ("Approve", "Deny") if counted == "approved" else ("Deny", "Approve")
    for tab in tabs.values():
        expect(tab.get_by_role("heading", name=outcome)).to_be_visible()
    expect(tabs[lost].get_by_role("alert")).to_contain_text("What you chose just now changed")
    expect(tabs[won].get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("entry", ["pick", "type"])
def test_a_number_is_not_taken_when_time_ran_out_before_the_eyes(
    page: Page, alice: User, entry: NumberEntry
) -> None:
    found = arrange.waiting(alice, demand=Demand(number=entry).stored(), number="42", seconds=3)
    page.goto(own_page(found))
    expect(page.get_by_role("heading", level=1, name="Time ran out")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("42|Approve|Deny"))).to_have_count(0)
    assert stored(found).answer == ""


def walked(page: Page, until: str) -> list[str]:
    """Tab by Tab through the page's own part, each stop with its name and its outline to see."""
    stops: list[str] = []
    page.locator("main").focus()
    while not stops or not stops[-1].startswith(until):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    return stops


def test_a_number_is_picked_by_keyboard_alone(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(number="pick").stored(), number="42")
    page.goto(own_page(found))
    numbers = [f"{each}: approve" for each in choices(found)]
    stops = walked(page, "More about")
    assert stops == [
        *numbers,
        "Deny",
        "This was not me: deny and report it",
        "More about this request",
    ]
    page.keyboard.press("Enter")
    expect(page.get_by_text(str(found.public_id))).to_be_visible()
    for _ in range(len(stops) - 1 - stops.index("42: approve")):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).status == "authorized"


def test_a_number_and_a_passcode_are_typed_by_keyboard_alone(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, number="42")
    found.demand = Demand(number="type", passcode=sealed(found, "918273")).stored()
    found.save()
    page.goto(own_page(found))
    assert walked(page, "This was") == [
        "Type the number that Example Bank shows",
        "Type the code that we sent you",
        "Deny",
        "Approve",
        "This was not me: deny and report it",
    ]
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
    page.keyboard.type("42")
    page.keyboard.press("Tab")
    page.keyboard.type("918 273")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).amr == ["pwd", "otp"]


def test_a_code_that_is_not_the_one_says_so_and_may_be_typed_again(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    found.demand = Demand(passcode=sealed(found, "918273"), tries=2).stored()
    found.save()
    page.goto(own_page(found))
    field = page.get_by_label("Type the code that we sent you")
    field.fill("111111")
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("That is not the code. Nothing was approved.")
    assert field.get_attribute("aria-invalid") == "true"
    field.fill("918273")
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()


def test_the_same_asked_three_times_is_one_question_and_one_answer(page: Page, alice: User) -> None:
    all_three = [arrange.waiting(alice, likeness="the same") for _ in range(3)]
    page.goto("/ciba/")
    expect(page.get_by_text("Asked 3 times; one answer is enough")).to_be_visible()
    press(page, "Deny")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
    assert {stored(each).status for each in all_three} == {"denied"}


def test_after_a_long_session_the_password_is_asked_again(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    long_ago()
    page.goto(own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("you signed in too long ago")
    assert stored(found).answer == ""
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_label("password").fill("alice's password")
    press(page, "Sign in again")
    expect(page).to_have_url(re.compile(f"{own_page(found)}$"))
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
