"""A second factor of django-otp's is asked for on its page, and known again."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice

from django_ciba.journeys import Demand
from django_ciba.models import AuthenticationRequest
from tests.unit.authentication_device import arrange

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return arrange.user("alice")


@pytest.fixture
def browser(alice: User) -> Client:
    browser = Client()
    assert browser.login(username="alice", password="alice's password")
    return browser


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-11-23T08:00:00Z", tick=False) as clock:
        yield clock


def paper(alice: User) -> StaticDevice:
    """A device with two codes, each good once."""
    device = StaticDevice.objects.create(user=alice, name="paper")
    for token in ("123456", "234567"):
        device.token_set.create(token=token)
    return device


def way_in(answer: Any) -> str:
    assert answer.status_code == 403
    found = re.search(r'class="button" href="([^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def assert_needs_second_factor(browser: Client) -> None:
    refused = browser.post("/ciba/passkeys/options/")
    assert (refused.status_code, refused.json()) == (403, {"error": "needs_second_factor"})
    assert way_in(browser.post("/ciba/apps/")) == "/accounts/otp/?next=%2Fciba%2Fapps%2F"


def assert_may_add(browser: Client) -> None:
    assert browser.post("/ciba/apps/").status_code == 200
    assert browser.post("/ciba/passkeys/options/").status_code == 200


def sign_in_again(browser: Client) -> None:
    way = way_in(browser.post("/ciba/apps/"))
    assert way.startswith("/ciba/sign-in-again/?next=")
    assert browser.post(way, {"password": "alice's password"}).status_code == 303


def page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def approved(browser: Client, found: AuthenticationRequest) -> Any:
    return browser.post(page(found), {"verdict": "approved"})


def test_the_site_passes_its_checks() -> None:
    call_command("check")


def test_a_site_that_does_not_say_who_knows_its_second_factor_hears_of_it(settings: Any) -> None:
    def heard() -> set[str | None]:
        return {each.id for each in run_checks(include_deployment_checks=True)}

    assert "django_ciba.W095" not in heard()
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA}
    del settings.DJANGO_CIBA["STEP_UP"]
    assert "django_ciba.W095" in heard()


def test_a_session_without_one_is_sent_there_and_comes_back(browser: Client, alice: User) -> None:
    device = StaticDevice.objects.create(user=alice, name="paper")
    device.token_set.create(token="123456")
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    answer = approved(browser, found)
    assert answer.status_code == 403
    match = re.search(r'href="(/accounts/otp/\?next=[^"]+)"', answer.content.decode())
    assert match is not None
    form = {"otp_device": device.persistent_id, "otp_token": "123456"}
    back = browser.post(match[1], form)
    assert (back.status_code, back["Location"]) == (302, page(found))
    assert AuthenticationRequest.objects.get().answer == ""
    assert approved(browser, found).status_code == 303
    assert AuthenticationRequest.objects.get().amr == ["pwd", "otp", "mfa"]


@pytest.mark.parametrize("address", ["/ciba/passkeys/", "/ciba/apps/"])
def test_a_password_alone_adds_nothing_that_approves(
    browser: Client, alice: User, address: str
) -> None:
    device = StaticDevice.objects.create(user=alice, name="paper")
    device.token_set.create(token="123456")
    answer = browser.post(address)
    assert answer.status_code == 403
    match = re.search(r'href="(/accounts/otp/\?next=[^"]+)"', answer.content.decode())
    assert match is not None
    refused = browser.post("/ciba/passkeys/options/")
    assert (refused.status_code, refused.json()) == (403, {"error": "needs_second_factor"})
    form = {"otp_device": device.persistent_id, "otp_token": "123456"}
    assert browser.post(match[1], form)["Location"] == address
    assert browser.post("/ciba/apps/").status_code == 200
    assert browser.post("/ciba/passkeys/options/").status_code == 200


def test_a_second_factor_of_days_ago_and_the_password_of_now_add_nothing(
    alice: User, clock: time_machine.Traveller
) -> None:
    """Whoever sits at a session left open, and has the password, has both of these."""
    browser = Client()
    browser.force_login(alice)
    device = paper(alice)
    token = {"otp_device": device.persistent_id, "otp_token": "123456"}
    way = way_in(browser.post("/ciba/apps/"))
    assert browser.post(way, token)["Location"] == "/ciba/apps/"
    clock.shift(timedelta(days=13))
    sign_in_again(browser)
    assert_needs_second_factor(browser)
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    assert approved(browser, found).status_code == 303, "the session's is enough to approve"
    # django-otp's page asks a session that is verified for everything.
    again = {"username": "alice", "password": "alice's password", **token, "otp_token": "234567"}
    assert browser.post(way, again)["Location"] == "/ciba/apps/"
    assert_may_add(browser)


def test_a_session_verified_before_its_times_were_kept_proves_it_again(
    browser: Client, alice: User
) -> None:
    session = browser.session
    session["otp_device_id"] = paper(alice).persistent_id
    del session["ciba_second_factor_since"]
    session.save()
    assert_needs_second_factor(browser)


def test_a_page_that_verifies_without_a_login_counts_from_the_login_before_it(
    alice: User, clock: time_machine.Traveller
) -> None:
    """django-otp says nothing of it: the session may have been verified at any time since."""
    token = {"otp_device": paper(alice).persistent_id, "otp_token": "123456"}
    browser = Client()
    browser.force_login(alice)
    clock.shift(timedelta(minutes=20))
    sign_in_again(browser)
    clock.shift(timedelta(minutes=10))
    assert_needs_second_factor(browser)
    assert browser.post("/accounts/verify/", token).status_code == 200
    assert_may_add(browser)
    clock.shift(timedelta(minutes=6))
    sign_in_again(browser)
    assert_needs_second_factor(browser)


def test_a_device_that_is_not_confirmed_is_no_second_factor(browser: Client, alice: User) -> None:
    StaticDevice.objects.create(user=alice, name="paper", confirmed=False)
    assert browser.post("/ciba/apps/").status_code == 200
    assert browser.post("/ciba/passkeys/options/").status_code == 200


def test_a_plain_session_is_a_password_and_no_more(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    assert approved(browser, found).status_code == 303
    assert AuthenticationRequest.objects.get().amr == ["pwd"]
