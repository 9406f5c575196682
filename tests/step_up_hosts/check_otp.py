"""A second factor of django-otp's is asked for on its page, and known again."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
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


def page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def approved(browser: Client, found: AuthenticationRequest) -> Any:
    return browser.post(page(found), {"verdict": "approved"})


def test_the_site_passes_its_checks() -> None:
    call_command("check")


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


def test_a_device_that_is_not_confirmed_is_no_second_factor(browser: Client, alice: User) -> None:
    StaticDevice.objects.create(user=alice, name="paper", confirmed=False)
    assert browser.post("/ciba/apps/").status_code == 200
    assert browser.post("/ciba/passkeys/options/").status_code == 200


def test_a_plain_session_is_a_password_and_no_more(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    assert approved(browser, found).status_code == 303
    assert AuthenticationRequest.objects.get().amr == ["pwd"]
