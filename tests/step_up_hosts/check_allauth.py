"""A session of allauth's is proved again, and by a second factor, on allauth's own pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

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
    form = {"login": "alice", "password": "alice's password"}
    assert browser.post("/accounts/login/", form).status_code == 302
    return browser


def page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def approved(browser: Client, found: AuthenticationRequest) -> Any:
    return browser.post(page(found), {"verdict": "approved"})


def way_in(answer: Any) -> str:
    assert answer.status_code == 403
    found = re.search(r'class="button" href="(/accounts/[^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def prove_code(browser: Client, way: str, secret: str) -> Any:
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    return browser.post(way, {"code": code})


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(pk=found.pk)


def test_the_site_passes_its_checks() -> None:
    call_command("check")


def test_a_site_that_does_not_say_who_knows_its_second_factor_hears_of_it(settings: Any) -> None:
    def heard() -> set[str | None]:
        return {each.id for each in run_checks(include_deployment_checks=True)}

    assert "django_ciba.W095" not in heard()
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA}
    del settings.DJANGO_CIBA["STEP_UP"]
    assert "django_ciba.W095" in heard()


def test_amr_and_auth_time_are_as_allauth_has_recorded(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    assert approved(browser, found).status_code == 303
    assert stored(found).amr == ["pwd"]


def test_an_old_login_is_proved_again(browser: Client, alice: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        found = arrange.waiting(alice, demand=Demand(max_login_age=60).stored())
        way = way_in(approved(browser, found))
        assert way.startswith("/accounts/reauthenticate/?next=%2Fciba%2Frequests%2F")
        assert browser.get(way).status_code == 200
        back = browser.post(way, {"password": "alice's password"})
        assert (back.status_code, back["Location"]) == (302, page(found))
        assert stored(found).answer == ""
        assert approved(browser, found).status_code == 303
        assert stored(found).authenticated_at == timezone.now()


def test_a_second_factor_is_proved_there(browser: Client, alice: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    way = way_in(approved(browser, found))
    assert way.startswith("/accounts/2fa/reauthenticate/?next=")
    back = prove_code(browser, way, secret)
    assert (back.status_code, back["Location"]) == (302, page(found))
    assert approved(browser, found).status_code == 303
    assert stored(found).amr == ["pwd", "otp", "mfa"]


@pytest.mark.parametrize("address", ["/ciba/passkeys/", "/ciba/apps/"])
def test_a_password_alone_adds_nothing_that_approves(
    browser: Client, alice: User, address: str
) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    way = way_in(browser.post(address))
    assert way.startswith("/accounts/2fa/reauthenticate/?next=")
    refused = browser.post("/ciba/passkeys/options/")
    assert (refused.status_code, refused.json()) == (403, {"error": "needs_second_factor"})
    assert prove_code(browser, way, secret)["Location"] == address
    assert browser.post("/ciba/apps/").status_code == 200
    assert browser.post("/ciba/passkeys/options/").status_code == 200


def test_a_second_factor_of_days_ago_and_the_password_of_now_add_nothing(
    browser: Client, alice: User
) -> None:
    """Whoever sits at a session left open, and has the password, has both of these."""
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    prove_code(browser, way_in(browser.post("/ciba/apps/")), secret)
    with time_machine.travel(timezone.now() + timedelta(days=13), tick=False):
        again = way_in(browser.post("/ciba/apps/"))
        assert again.startswith("/accounts/reauthenticate/?next=")
        assert browser.post(again, {"password": "alice's password"}).status_code == 302
        way = way_in(browser.post("/ciba/apps/"))
        assert way.startswith("/accounts/2fa/reauthenticate/?next=")
        refused = browser.post("/ciba/passkeys/options/")
        assert (refused.status_code, refused.json()) == (403, {"error": "needs_second_factor"})
        found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
        assert approved(browser, found).status_code == 303, "the session's is enough to approve"
        assert prove_code(browser, way, secret)["Location"] == "/ciba/apps/"
        assert browser.post("/ciba/apps/").status_code == 200
        assert browser.post("/ciba/passkeys/options/").status_code == 200


def test_a_security_key_is_a_second_factor_with_a_page_of_its_own(
    browser: Client, alice: User
) -> None:
    Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={})
    way = way_in(browser.post("/ciba/apps/"))
    assert way.startswith("/accounts/2fa/webauthn/reauthenticate/?next=")


def test_a_user_without_a_second_factor_adds_what_approves(browser: Client) -> None:
    assert browser.post("/ciba/apps/").status_code == 200
    assert browser.post("/ciba/passkeys/options/").status_code == 200


def test_a_user_without_one_hears_whom_to_ask(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    answer = approved(browser, found)
    assert answer.status_code == 403
    assert "This account cannot do that here." in answer.content.decode()


def test_a_user_whom_allauth_cannot_ask_again_signs_in_anew(browser: Client, alice: User) -> None:
    browser.force_login(alice, "allauth.account.auth_backends.AuthenticationBackend")
    User.objects.update(password="!")
    browser.force_login(User.objects.get(), "allauth.account.auth_backends.AuthenticationBackend")
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        found = arrange.waiting(alice, demand=Demand(max_login_age=60).stored())
        text = approved(browser, found).content.decode()
    assert 'href="/ciba/sign-in-again/?next=' in text


def test_what_another_user_has_proved_counts_for_nothing(browser: Client, alice: User) -> None:
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "type": "totp", "at": timezone.now().timestamp()}
    ]
    session["account_authentication_methods_user"] = str(alice.pk + 1)
    session.save()
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    assert approved(browser, found).status_code == 403
