"""Every page of the device in its states: seen in light, in dark and from right to left.

axe-core finds nothing on it, and it is never wider than its screen.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from django_ciba.journeys import Demand, choices
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuthenticationRequest, Device, MutedClient, Passkey, UserCode
from tests.authorization_details import make_details_type, payment
from tests.browser.axe import violations
from tests.browser.conftest import NewPage, long_ago
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_devices import passkey
from tests.unit.authentication_device.test_step_up import Elsewhere, use

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page

# What a page shows and does in a browser, any database gives it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.only_on("sqlite"),
    pytest.mark.django_db(transaction=True),
]

State = Callable[[Page, User], None]
STATES: dict[str, State] = {}
SECOND_FACTOR: set[str] = set()
WIDTHS = (360, 1280)
NOBODYS = "00000000-0000-0000-0000-000000000000"


def state(made: State) -> State:
    """One state of one page: it arranges what the page shows, and leads there."""
    STATES[made.__name__.replace("_", " ")] = made
    return made


def state_with_a_second_factor(made: State) -> State:
    """One at a site whose users have a second factor, which they prove on a page of its own."""
    SECOND_FACTOR.add(made.__name__.replace("_", " "))
    return state(made)


def own_page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def demanding(alice: User, **demand: Any) -> AuthenticationRequest:
    return arrange.waiting(alice, demand=Demand(**demand).stored(), number="42")


def over(alice: User, **fields: Any) -> AuthenticationRequest:
    moment = timezone.now()
    return arrange.waiting(alice, **{"answered_at": moment, "ended_at": moment, **fields})


def press(page: Page, name: str) -> None:
    """Press it, and be on the page that it leads to."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).first.click()


# --- what waits --------------------------------------------------------------------------------


@state
def inbox_with_nothing(page: Page, alice: User) -> None:
    page.goto("/ciba/")


@state
def inbox_with_one(page: Page, alice: User) -> None:
    arrange.waiting(alice)
    page.goto("/ciba/")


@state
def inbox_with_many(page: Page, alice: User) -> None:
    long = arrange.client("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 2, "long")
    arrange.waiting(alice, by=long, binding_message="W" * 100, scope="openid " + "x" * 80)
    arrange.waiting(alice, seconds=20, acr="urn:mace:incommon:iap:silver" * 4)
    passkey(alice)
    for demand in ({"number": "pick"}, {"number": "type"}, {"passkey": True}):
        demanding(alice, **demand)
    page.goto("/ciba/")


@state
def inbox_with_duplicates(page: Page, alice: User) -> None:
    for _ in range(3):
        arrange.waiting(alice, likeness="the same")
    page.goto("/ciba/")


@state
def inbox_after_one_has_run_out(page: Page, alice: User) -> None:
    arrange.waiting(alice, seconds=2)
    page.goto("/ciba/")
    page.locator(".is-over").wait_for()


# --- one request -------------------------------------------------------------------------------


@state
def request(page: Page, alice: User) -> None:
    page.goto(own_page(arrange.waiting(alice)))


@state
def request_with_all_unfolded(page: Page, alice: User) -> None:
    bank = arrange.client()
    make_details_type(bank.realm)
    details = [payment(creditorName="Merchant & Söhne")]
    found = arrange.waiting(alice, by=bank, acr="push", authorization_details=details)
    page.goto(own_page(found))
    for summary in page.locator("summary").all():
        summary.click()


@state
def request_with_a_number_to_pick(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, number="pick")))


@state
def request_with_a_number_to_type(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, number="type")))


@state
def request_with_a_passkey(page: Page, alice: User) -> None:
    passkey(alice)
    page.goto(own_page(demanding(alice, passkey=True)))


@state
def request_that_is_approved_in_the_app(page: Page, alice: User) -> None:
    own_app(alice)
    page.goto(own_page(demanding(alice, passkey=True)))


@state
def request_with_a_passkey_that_there_is_not(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, passkey=True)))


@state
def request_with_a_passcode(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, passcode="x", tries=3)))


@state
def request_with_everything(page: Page, alice: User) -> None:
    passkey(alice)
    page.goto(own_page(demanding(alice, number="type", passkey=True, passcode="x", tries=3)))


@state
def request_whose_link_is_elsewhere(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, link="x")))


@state
def request_that_is_approved_at_the_client(page: Page, alice: User) -> None:
    page.goto(own_page(arrange.asked_at_client(alice)))


@state
def history_with_what_waits_at_the_client(page: Page, alice: User) -> None:
    arrange.asked_at_client(alice)
    page.goto("/ciba/history/")


@state
def the_page_of_a_link(page: Page, alice: User) -> None:
    found = arrange.waiting(alice)
    found.demand = Demand(link=sealed(found, "secret")).stored()
    found.save()
    page.context.clear_cookies()
    page.goto(f"{own_page(found)}link/secret/")


@state
def a_link_that_is_not_good(page: Page, alice: User) -> None:
    page.goto(f"{own_page(demanding(alice, link='x'))}link/another/")


@state
def a_wrong_number_with_another_try(page: Page, alice: User) -> None:
    found = demanding(alice, number="type", tries=3)
    page.goto(own_page(found))
    page.get_by_label("Type the number").fill("43")
    press(page, "Approve")


@state
def a_wrong_passcode_with_another_try(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, passcode="x", tries=3)))
    page.get_by_label("Type the code").fill("1234")
    press(page, "Approve")


@state
def a_passkey_without_its_signature(page: Page, alice: User) -> None:
    passkey(alice)
    page.goto(own_page(demanding(alice, passkey=True)))
    with page.expect_navigation():
        page.locator("form.with").evaluate("(form) => form.submit()")


@state
def a_second_factor_that_there_is_not(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, second_factor=True)))
    press(page, "Approve")


@state_with_a_second_factor
def a_second_factor_that_is_proved_elsewhere(page: Page, alice: User) -> None:
    page.goto(own_page(demanding(alice, second_factor=True)))
    press(page, "Approve")


@state
def a_login_that_is_too_old(page: Page, alice: User) -> None:
    long_ago()
    page.goto(own_page(arrange.waiting(alice)))
    press(page, "Approve")


@state
def sign_in_again(page: Page, alice: User) -> None:
    page.goto("/ciba/sign-in-again/?next=/ciba/")


@state
def sign_in_again_with_a_wrong_password(page: Page, alice: User) -> None:
    page.goto("/ciba/sign-in-again/?next=/ciba/")
    page.get_by_label("password").fill("wrong")
    press(page, "Sign in again")


# --- what came of it ---------------------------------------------------------------------------


@state
def approved(page: Page, alice: User) -> None:
    moment = timezone.now()
    found = over(alice, status="authorized", answer="approved", authenticated_at=moment)
    page.goto(own_page(found))


@state
def denied_while_another_waits(page: Page, alice: User) -> None:
    found = over(alice, status="denied", answer="denied")
    arrange.waiting(alice)
    page.goto(own_page(found))


@state
def time_ran_out(page: Page, alice: User) -> None:
    page.goto(own_page(arrange.waiting(alice, seconds=-1)))


@state
def withdrawn(page: Page, alice: User) -> None:
    page.goto(own_page(arrange.waiting(alice, status="cancelled", ended_at=timezone.now())))


@state
def not_completed(page: Page, alice: User) -> None:
    page.goto(own_page(over(alice, status="failed", answer="failed")))


@state
def ended_by_a_wrong_number(page: Page, alice: User) -> None:
    found = demanding(alice, number="pick")
    page.goto(own_page(found))
    press(page, next(each for each in choices(found) if each != "42"))


@state
def answered_before(page: Page, alice: User) -> None:
    page.goto(own_page(found := arrange.waiting(alice)))
    page.route("**/waiting.json", lambda route: route.abort())
    AuthenticationRequest.objects.filter(pk=found.pk).update(
        status="authorized",
        answer="approved",
        answered_at=timezone.now(),
        authenticated_at=timezone.now(),
    )
    press(page, "Deny")


@state
def reported(page: Page, alice: User) -> None:
    page.goto(own_page(arrange.waiting(alice)))
    press(page, "This was not me")


@state
def reported_before(page: Page, alice: User) -> None:
    found = over(alice, status="denied", answer="denied", reported_at=timezone.now())
    page.goto(own_page(found))


@state
def no_such_request(page: Page, alice: User) -> None:
    page.goto(f"/ciba/requests/{NOBODYS}/")


@state
def an_address_that_would_answer(page: Page, alice: User) -> None:
    page.goto(f"{own_page(arrange.waiting(alice))}?verdict=approved")


@state
def signed_out_meanwhile(page: Page, alice: User) -> None:
    page.goto(own_page(arrange.waiting(alice)))
    page.route("**/waiting.json", lambda route: route.abort())
    Session.objects.all().delete()
    press(page, "Approve")


# --- what is the user's ------------------------------------------------------------------------


@state
def history_with_nothing(page: Page, alice: User) -> None:
    page.goto("/ciba/history/")


@state
def history(page: Page, alice: User) -> None:
    moment = timezone.now()
    over(alice, status="authorized", answer="approved", authenticated_at=moment)
    over(alice, status="denied", answer="denied", reported_at=moment)
    over(alice, status="failed", answer="failed")
    for _ in range(24):
        arrange.waiting(alice, seconds=-1)
    page.goto("/ciba/history/")
    page.locator("summary").first.click()


def own_app(alice: User) -> None:
    moment = timezone.now()
    app: dict[str, Any] = {"kind": "app", "thumbprint": "x", "last_used_at": moment}
    Device.objects.create(name="W" * 100, user=alice, created_at=moment, **app)


def things(alice: User) -> None:
    own_app(alice)
    owned: dict[str, Any] = {"user": alice, "created_at": timezone.now()}
    Device.objects.create(name="Firefox on Android", kind="browser", channel="webpush", **owned)
    Passkey.objects.create(name="This telephone", credential_id="x", public_key="x", **owned)


@state
def devices_with_nothing(page: Page, alice: User) -> None:
    page.goto("/ciba/devices/")


@state
def devices(page: Page, alice: User) -> None:
    things(alice)
    page.goto("/ciba/devices/?done=renamed")
    for summary in page.locator("summary").all():
        summary.click()


@state
def a_device_that_is_gone(page: Page, alice: User) -> None:
    things(alice)
    page.goto("/ciba/devices/")
    Device.objects.all().delete()
    page.locator("summary").first.click()
    with page.expect_navigation():
        page.locator("button[name=remove]").first.click()


@state
def passkeys_with_nothing(page: Page, alice: User) -> None:
    page.goto("/ciba/passkeys/")


@state
def passkeys(page: Page, alice: User) -> None:
    things(alice)
    page.goto("/ciba/passkeys/?done=added")


@state
def passkeys_of_an_old_login(page: Page, alice: User) -> None:
    things(alice)
    long_ago()
    page.goto("/ciba/passkeys/")


@state_with_a_second_factor
def passkeys_that_wait_for_the_second_factor(page: Page, alice: User) -> None:
    things(alice)
    page.goto("/ciba/passkeys/")


@state
def muted_with_nothing(page: Page, alice: User) -> None:
    page.goto("/ciba/muted/")


@state
def muted(page: Page, alice: User) -> None:
    moment = timezone.now()
    muted: dict[str, datetime | None] = {"Second Shop": None, "W" * 100: moment + timedelta(days=1)}
    for number, (name, until) in enumerate(muted.items()):
        client = arrange.client(name, f"client-{number}")
        because = MutedClient.Because.REPORTED
        MutedClient.objects.mute(alice, client, because=because, now=moment, until=until)
    over(alice, status="denied", answer="denied")
    page.goto("/ciba/muted/?done=muted")
    page.locator("summary").first.click()


@state
def user_code_with_none(page: Page, alice: User) -> None:
    page.goto("/ciba/user-code/")


@state
def user_code(page: Page, alice: User) -> None:
    code = UserCode(user=alice)
    code.set_code("blue42")
    code.save()
    page.goto("/ciba/user-code/?done=saved")


@state
def user_code_that_is_not_saved(page: Page, alice: User) -> None:
    page.goto("/ciba/user-code/")
    press(page, "Save user code")


@state
def apps_with_nothing(page: Page, alice: User) -> None:
    page.goto("/ciba/apps/")


@state
def apps_with_a_code(page: Page, alice: User) -> None:
    things(alice)
    page.goto("/ciba/apps/")
    press(page, "Let an app in")


@state
def apps_of_an_old_login(page: Page, alice: User) -> None:
    page.goto("/ciba/apps/")
    long_ago()
    press(page, "Let an app in")


@state_with_a_second_factor
def apps_that_wait_for_the_second_factor(page: Page, alice: User) -> None:
    page.goto("/ciba/apps/")
    press(page, "Let an app in")


@state
def offline(page: Page, alice: User) -> None:
    page.goto("/ciba/offline/")


@state
def login(page: Page, alice: User) -> None:
    page.context.clear_cookies()
    page.goto("/accounts/login/?next=/ciba/")


# --- and so --------------------------------------------------------------------------------------


@pytest.fixture(params=STATES)
def name(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": ["fpt"]}
    if request.param in SECOND_FACTOR:
        use(settings, Elsewhere)
    return str(request.param)


def test_a_page_is_for_everyone_on_every_screen(new_page: NewPage, alice: User, name: str) -> None:
    page = new_page(alice, reduced_motion="reduce", color_scheme="light")
    STATES[name](page, alice)
    is_for_everyone(page, "ltr")
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


def test_a_page_is_for_everyone_from_right_to_left(
    new_page: NewPage, alice: User, name: str
) -> None:
    page = new_page(alice, reduced_motion="reduce", locale="he")
    STATES[name](page, alice)
    is_for_everyone(page, "rtl")


def is_for_everyone(page: Page, direction: str) -> None:
    if not page.url.endswith("next=/ciba/"):  # the login is the site's own page
        assert page.evaluate("document.documentElement.dir") == direction
    assert violations(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
