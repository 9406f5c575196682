"""The authentication device as a person meets it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from django_ciba.journeys import Demand, answer
from django_ciba.models import AuthenticationRequest
from django_ciba.models.authentication_request import ROUNDS
from tests.browser.conftest import NewPage
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, Route, expect

# What a page shows and does in a browser, any database gives it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.only_on("sqlite"),
    pytest.mark.django_db(transaction=True),
]

BASICS = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")
NOTHING = "Nothing is waiting for you"
ASKS = "Example Bank asks for your approval"
RAN_OUT = "Time ran out before it was answered here."


def own_page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def stored(found: AuthenticationRequest) -> tuple[str, str]:
    now = AuthenticationRequest.objects.get(pk=found.pk)
    return now.status, now.answer


def answer_elsewhere(found: AuthenticationRequest, verdict: str = "approved") -> None:
    now = timezone.now()
    answer(found, verdict, now=now, authenticated_at=now, amr=["pwd"])


def ask_again(found: AuthenticationRequest) -> None:
    """As its journey does: another prompt of the same request, good for another minute."""
    now = timezone.now()
    AuthenticationRequest.objects.filter(pk=found.pk).update(
        prompted_at=now,
        prompt_until=now + timedelta(seconds=60),
        memory={ROUNDS: found.prompt_number + 1},
    )


def approve_the_second(page: Page, found: AuthenticationRequest) -> None:
    """Once what has just moved takes an answer."""
    expect(page.locator("[data-request]")).to_have_attribute("data-prompt", "2")
    expect(page.locator("[data-request]")).to_have_count(1)
    page.wait_for_timeout(800)
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{name}")).click()


# --- the answer --------------------------------------------------------------------------------


def test_sign_in_and_approve(new_page: NewPage, alice: User) -> None:
    found = arrange.waiting(alice)
    page = new_page()
    page.goto(own_page(found))
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("alice's password")
    press(page, "Sign in")
    expect(page.get_by_role("heading", level=1, name=ASKS)).to_be_visible()
    expect(page.get_by_text(arrange.MESSAGE)).to_be_visible()
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    expect(page.get_by_text("You can close this page.")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def test_deny(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    page.goto("/ciba/")
    press(page, "Deny")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
    assert stored(found) == ("denied", "denied")


def test_without_a_script_the_plain_forms_do(new_page: NewPage, alice: User) -> None:
    found = arrange.waiting(alice)
    page = new_page(alice, java_script_enabled=False)
    page.goto("/ciba/")
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def test_a_second_click_while_the_first_is_under_way_sends_nothing(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    sent: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route)
        else:
            route.continue_()

    page.goto("/ciba/")
    page.route(f"**{own_page(found)}", hold)
    button = page.get_by_role("button", name=re.compile("^Approve"))
    button.evaluate("(button) => { button.click(); setTimeout(() => button.click(), 200); }")
    page.wait_for_timeout(500)
    assert len(sent) == 1
    sent[0].continue_()
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def test_a_double_click_is_one_answer_without_a_script_too(new_page: NewPage, alice: User) -> None:
    found = arrange.waiting(alice)
    page = new_page(alice, java_script_enabled=False)
    page.goto("/ciba/")
    page.get_by_role("button", name=re.compile("^Approve")).dblclick()
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def test_the_back_button_does_not_offer_the_answer_again(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    page.goto(own_page(found))
    press(page, "Deny")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_have_count(0)


def test_a_tab_that_came_too_late_says_what_counted(new_page: NewPage, alice: User) -> None:
    """Without the script, which would have noticed."""
    found = arrange.waiting(alice)
    page = new_page(alice, java_script_enabled=False)
    page.goto(own_page(found))
    answer_elsewhere(found, "approved")
    press(page, "Deny")
    expect(page.get_by_text("What you chose just now changed nothing.")).to_be_visible()
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


# --- live --------------------------------------------------------------------------------------


def test_a_request_appears_without_a_reload_and_is_announced(page: Page, alice: User) -> None:
    page.goto("/ciba/")
    expect(page.get_by_role("heading", name=NOTHING)).to_be_visible()
    page.evaluate("window.sameDocument = true")
    found = arrange.waiting(alice)
    expect(page.get_by_role("heading", name=ASKS)).to_be_visible()
    expect(page.get_by_role("heading", name=NOTHING)).to_be_hidden()
    expect(page).to_have_title(ASKS)
    expect(page.locator("[aria-live=polite]")).to_have_text(f"{ASKS}: {arrange.MESSAGE}")
    assert page.evaluate("window.sameDocument") is True
    page.wait_for_timeout(800)
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def test_what_appears_is_text_not_markup(page: Page, alice: User) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    page.goto("/ciba/")
    arrange.waiting(alice, by=arrange.client(evil, "evil"), binding_message=evil)
    expect(page.get_by_text(evil).nth(1)).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
    expect(page).to_have_title(f"{evil} asks for your approval")


def test_a_second_request_does_not_move_the_first(page: Page, alice: User) -> None:
    arrange.waiting(alice, seconds=100)
    page.goto("/ciba/")
    first = page.locator("[data-request]").first.get_attribute("id")
    arrange.waiting(alice, by=arrange.client("Second Shop", "second"), seconds=50)
    expect(page.get_by_role("heading", name="Second Shop asks for your approval")).to_be_visible()
    expect(page).to_have_title("(2) Requests wait for you")
    expect(page.get_by_text("More than one request is waiting.")).to_be_visible()
    assert page.locator("[data-request]").first.get_attribute("id") == first


def test_a_click_meant_for_something_else_is_no_answer(page: Page, alice: User) -> None:
    """What has just moved under a finger takes no answer for a moment."""
    page.goto("/ciba/")
    page.evaluate(
        """new MutationObserver(() => document.querySelector(".approve")?.click())
             .observe(document.getElementById("cards"), {childList: true})"""
    )
    found = arrange.waiting(alice)
    expect(page.get_by_role("heading", name=ASKS)).to_be_visible()
    page.wait_for_timeout(1000)
    assert stored(found) == ("pending", "")
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()


def test_a_request_answered_elsewhere_goes_away(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    page.clock.install()
    page.goto("/ciba/")
    page.get_by_role("button", name=re.compile("^Approve")).focus()
    answer_elsewhere(found)
    expect(page.get_by_role("heading", name=NOTHING)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_hidden()
    expect(page.locator(".gone")).to_be_visible()
    expect(page.locator("[aria-live=polite]")).to_contain_text("No longer waiting")
    expect(page.get_by_role("heading", name=NOTHING)).to_be_focused()
    page.clock.fast_forward(8000)
    expect(page.locator("[data-request]")).to_have_count(0)


def test_a_requests_own_page_follows_an_answer_elsewhere(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    page.goto(own_page(found))
    answer_elsewhere(found, "denied")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()


def test_a_page_that_answered_a_form_asks_for_itself_without_the_form(
    page: Page, alice: User
) -> None:
    """By a reload the browser would send the form again, and count another wrong number."""
    demand = Demand(number="type", tries=3).stored()
    found = arrange.waiting(alice, demand=demand, number="42")
    page.goto(own_page(found))
    page.get_by_label("Type the number").fill("43")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("That is another number.")
    with page.expect_request(lambda each: each.is_navigation_request()) as asked:
        answer_elsewhere(found, "denied")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
    assert asked.value.method == "GET"


def test_the_countdown_ends_in_the_list(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, seconds=3)
    page.goto("/ciba/")
    expect(page.get_by_role("timer")).to_have_text(re.compile("^0:0[123]$"))
    expect(page.get_by_text(RAN_OUT).last).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_hidden()
    expect(page).to_have_title(NOTHING)
    assert stored(found) == ("pending", "")


def test_what_the_server_says_first_has_run_out_all_the_same(page: Page, alice: User) -> None:
    """The page rounds up, so its clock has a second left when the server's has none."""
    found = arrange.waiting(alice, seconds=3)
    page.goto("/ciba/")
    AuthenticationRequest.objects.filter(pk=found.pk).update(expires_at=timezone.now())
    expect(page.locator("[aria-live=polite]")).to_have_text(RAN_OUT)
    expect(page.locator(".gone")).to_be_hidden()


def test_what_has_run_out_and_is_asked_again_can_be_answered(page: Page, alice: User) -> None:
    now = timezone.now()
    soon = now + timedelta(seconds=3)
    found = arrange.waiting(alice, seconds=300, prompt_until=soon, memory={ROUNDS: 1})
    page.goto("/ciba/")
    ran_out = page.get_by_text(RAN_OUT).last
    expect(ran_out).to_be_visible()
    ask_again(found)
    expect(ran_out).to_be_hidden()
    expect(page.locator("[aria-live=polite]")).to_contain_text(ASKS)
    expect(page).to_have_title(ASKS)
    approve_the_second(page, found)


def test_the_form_of_a_question_that_is_asked_again_is_replaced(page: Page, alice: User) -> None:
    """Where it was, and with the keyboard where it was; the others stay as they are."""
    found = arrange.waiting(alice, memory={ROUNDS: 1})
    page.goto("/ciba/")
    page.get_by_role("button", name=re.compile("^Approve")).focus()
    ask_again(found)
    expect(page.get_by_role("heading", level=2, name=ASKS)).to_be_focused()
    approve_the_second(page, found)


@pytest.mark.parametrize("address", ["/ciba/", "own"])
def test_a_question_that_is_asked_once_stays_as_it_is(
    page: Page, alice: User, address: str
) -> None:
    found = arrange.waiting(alice, memory={ROUNDS: 1})
    page.goto(own_page(found) if address == "own" else address)
    page.evaluate("document.querySelector('[data-request]').dataset.mark = 'the same'")
    for _ in range(2):
        with page.expect_response("**/waiting.json"):
            pass
    assert page.locator("[data-mark]").count() == 1


def test_its_own_page_shows_the_question_that_is_asked_again(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, memory={ROUNDS: 1})
    page.goto(own_page(found))
    ask_again(found)
    approve_the_second(page, found)


def test_the_countdown_ends_on_its_own_page(page: Page, alice: User) -> None:
    found = arrange.waiting(alice, seconds=3)
    page.goto(own_page(found))
    expect(page.get_by_role("heading", level=1, name="Time ran out")).to_be_visible()
    expect(page.get_by_text("start again at Example Bank")).to_be_visible()


def test_the_end_is_announced_once_not_each_second(page: Page, alice: User) -> None:
    arrange.waiting(alice, seconds=32)
    page.goto("/ciba/")
    page.evaluate(
        """window.said = [];
           new MutationObserver(() => said.push(announcer.textContent))
             .observe(announcer, {childList: true})"""
    )
    expect(page.get_by_role("timer")).to_have_text("0:27", timeout=10_000)
    assert page.evaluate("said") == ["30 seconds left to answer Example Bank"]
    assert page.get_by_role("timer").get_attribute("aria-live") is None  # a timer's own is off


# --- when something fails ----------------------------------------------------------------------


def test_a_lost_connection_is_said_and_its_return_too(page: Page, alice: User) -> None:
    page.goto("/ciba/")
    page.context.set_offline(True)
    banner = page.get_by_role("status")
    expect(banner).to_have_text("No connection. New requests show when it is back.")
    found = arrange.waiting(alice)
    page.context.set_offline(False)
    expect(banner).to_be_hidden()
    expect(page.locator(f"#request-{found.public_id}")).to_be_visible()


def test_a_failing_server_is_asked_less_and_less(page: Page) -> None:
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503)

    page.clock.install()
    page.goto("/ciba/")
    page.route("**/waiting.json", fail)
    for seconds, times in ((2, 1), (3, 1), (1, 2), (7, 2), (1, 3), (15, 3), (1, 4)):
        page.clock.fast_forward(seconds * 1000)
        page.wait_for_timeout(150)
        assert len(asked) == times
    expect(page.get_by_role("status")).to_contain_text("No connection.")
    page.unroute("**/waiting.json")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_role("status")).to_be_hidden()


def test_a_hidden_page_asks_seldom_and_at_once_when_it_is_looked_at(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto("/ciba/")
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.away})")
    page.evaluate("window.away = true")
    with page.expect_request("**/waiting.json"):
        page.clock.fast_forward(2000)
    page.wait_for_timeout(150)
    asked.clear()
    page.clock.fast_forward(28_000)
    page.wait_for_timeout(150)
    assert asked == []
    with page.expect_request("**/waiting.json", timeout=1000):
        page.evaluate("away = false; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_session_that_ended_leads_to_the_login(page: Page) -> None:
    page.goto("/ciba/")
    Session.objects.all().delete()
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/ciba/$"))


def test_a_page_of_another_login_starts_afresh(page: Page, new_page: NewPage, alice: User) -> None:
    """Else its form would fail: each login has a CSRF token of its own."""
    arrange.waiting(alice)
    page.goto("/ciba/")
    other = new_page()
    other.goto("/accounts/login/")
    other.get_by_label("Username").fill("alice")
    other.get_by_label("Password").fill("alice's password")
    press(other, "Sign in")
    other.wait_for_url("**/ciba/")
    (session,) = (each for each in other.context.cookies() if each["name"] == "sessionid")
    with page.expect_event("load"):
        page.context.add_cookies(
            [
                {
                    "name": "sessionid",
                    "value": session["value"],
                    "domain": session["domain"],
                    "path": session["path"],
                }
            ]
        )
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()


# --- for everyone ------------------------------------------------------------------------------


def test_the_keyboard_is_enough(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    page.goto("/ciba/")
    focused = "[document.activeElement.innerText.split('\\n')[0].trim()].join()"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    order = []
    for _ in range(11):
        page.keyboard.press("Tab")
        order.append(page.evaluate(focused))
        assert page.evaluate(outline) == "solid", order
    assert order == [
        "Skip to the content",
        "Sign out",
        "Deny",
        "Approve",
        "This was not me: deny and report it",
        "More about this request",
        "Requests",
        "History",
        "Devices",
        "Muted",
        "User code",
    ]
    for _ in range(7):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate(focused) == "Approve"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found) == ("authorized", "approved")


def test_each_button_says_whom_it_answers(page: Page, alice: User) -> None:
    arrange.waiting(alice)
    page.goto("/ciba/")
    for name in ("Deny No, stop this", "Approve Yes, go on"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_have_accessible_description(re.compile(f"^{ASKS}"))


@pytest.fixture
def addresses(alice: User) -> list[str]:
    """Every kind of page, with names and messages that break badly."""
    now = timezone.now()
    long = arrange.client("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 2, "long")
    unbroken = "W" * 100
    one = arrange.waiting(alice, by=long, binding_message=unbroken, scope="openid " + "x" * 80)
    arrange.waiting(alice, seconds=20, acr="urn:mace:incommon:iap:silver" * 4)
    over = [
        arrange.waiting(alice, by=long, binding_message=unbroken, answered_at=now, **fields)
        for fields in (
            {"status": "denied", "answer": "denied"},
            {"status": "authorized", "answer": "approved", "authenticated_at": now},
        )
    ]
    over.append(arrange.waiting(alice, by=long, seconds=-1))
    over.append(arrange.waiting(alice, by=long, status="cancelled"))
    pages = ["", "history/", "user-code/", "user-code/?done=saved"]
    pages += [f"requests/{each.public_id}/" for each in (one, *over)]
    return [f"/ciba/{each}" for each in pages] + [
        "/ciba/requests/00000000-0000-0000-0000-000000000000/"
    ]


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_is_wider_than_the_screen(
    new_page: NewPage, alice: User, addresses: list[str], width: int
) -> None:
    page = new_page(alice, viewport={"width": width, "height": 740})
    for address in addresses:
        page.goto(address)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") == width, address


def test_a_right_to_left_page_is_mirrored(new_page: NewPage, alice: User) -> None:
    arrange.waiting(alice)
    page = new_page(alice, locale="ar")
    page.goto("/ciba/")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    deny, approve = (page.locator(each).bounding_box() for each in (".deny", ".approve"))
    assert deny is not None
    assert approve is not None
    assert deny["x"] > approve["x"]


def test_targets_are_big_enough_for_a_thumb(page: Page, addresses: list[str]) -> None:
    for address in addresses:
        page.goto(address)
        for target in page.locator("a:not(.skip), button, summary, input:not([type=hidden])").all():
            if target.is_visible():
                box = target.bounding_box()
                assert box is not None
                assert box["height"] >= 44, (address, target.inner_text())
                assert box["width"] >= 44, (address, target.inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_basics_of_accessibility(
    new_page: NewPage, alice: User, addresses: list[str], scheme: Any
) -> None:
    page = new_page(alice, color_scheme=scheme, reduced_motion="reduce")
    for address in [*addresses, "/accounts/login/"]:
        if address == "/accounts/login/":
            page.context.clear_cookies()
        page.goto(address)
        assert page.evaluate(BASICS) == [], address


def test_a_wrong_form_leads_to_what_is_wrong(page: Page) -> None:
    page.goto("/ciba/user-code/")
    page.get_by_label("Your password").fill("wrong")
    page.get_by_label("New user code", exact=True).fill("blue42")
    page.get_by_label("New user code, once more").fill("blue43")
    press(page, "Save user code")
    expect(page).to_have_title("Not saved: Your user code")
    expect(page.get_by_label("New user code, once more")).to_have_accessible_description(
        "The two codes differ. Enter the same code twice."
    )
    assert page.evaluate(BASICS) == []
