"""A login too old to approve with is proved again, and the user comes back to what they did."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from django_ciba.authentication_device.step_up import (
    OtpStepUp,
    PasswordStepUp,
    StepUp,
    step_up,
)
from django_ciba.journeys import Demand
from django_ciba.models import AuditEvent, AuthenticationRequest, DeviceEnrolment, Passkey
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.authenticator import Authenticator
from tests.unit.authentication_device.conftest import failed_logins, signed_in
from tests.unit.authentication_device.test_decisions import (
    answered,
    assert_untouched,
    page,
    stored,
)
from tests.unit.authentication_device.test_passkeys import registered
from tests.unit.authentication_device.test_refusals import noted

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]
AGAIN = "/ciba/sign-in-again/"
NEEDED = "Before you add what approves in your name, prove your second factor."


class Gateway(ModelBackend):
    """Knows users by what stands in front of the site; takes no password."""

    def authenticate(self, request: Any, *args: Any, **kwargs: Any) -> None:
        return None


class Always(PasswordStepUp):
    """A site's own: its gateway has asked for everything."""

    def amr(self, request: HttpRequest) -> list[str]:
        return ["sc", "pin"]

    def second_factor(self, request: HttpRequest) -> bool:
        return True


class Elsewhere(PasswordStepUp):
    """Users of this site have a second factor, and prove it on a page of its own."""

    def has_second_factor(self, request: HttpRequest) -> bool:
        return True

    def second_factor_url(self, request: HttpRequest, next_address: str) -> str | None:
        return f"/second/?from={next_address}"


class ProvedAtTheLogin(Elsewhere):
    """The second factor is one of the session: its password may have been given again since."""

    def second_factor(self, request: HttpRequest) -> bool:
        return True

    def second_factor_at(self, request: HttpRequest, now: datetime) -> datetime | None:
        return datetime.fromisoformat("2026-11-23T08:00:00Z")


class OfTheSession(Elsewhere):
    """A site's own of before: it does not say when the second factor was proved."""

    def second_factor(self, request: HttpRequest) -> bool:
        return True


class Nowhere(Elsewhere):
    """Their second factor is proved at the login, and by no page later."""

    def second_factor_url(self, request: HttpRequest, next_address: str) -> str | None:
        return None


def use(settings: Any, kind: type[StepUp]) -> None:
    path = f"{kind.__module__}.{kind.__qualname__}"
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "STEP_UP": path}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-11-23T08:00:00Z", tick=False) as clock:
        yield clock


def old(alice: User, clock: time_machine.Traveller) -> tuple[Client, AuthenticationRequest]:
    """A session of an hour, and a request that asks for one of a minute."""
    browser = signed_in(alice)
    clock.shift(timedelta(hours=1))
    return browser, arrange.waiting(alice, demand=Demand(max_login_age=60).stored())


def test_an_old_login_approves_nothing_and_says_where_to_go(
    alice: User, clock: time_machine.Traveller
) -> None:
    browser, found = old(alice, clock)
    answer = answered(browser, found)
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "Nothing was approved yet: you signed in too long ago." in text
    assert f'href="{AGAIN}?next={quote(page(found), safe="")}"' in text
    assert "and press Approve again" in text
    assert 'value="approved"' in text
    assert_untouched(found)
    assert noted(found) == []


def test_an_old_login_denies(alice: User, clock: time_machine.Traveller) -> None:
    browser, found = old(alice, clock)
    assert answered(browser, found, "denied").status_code == 303


@pytest.mark.parametrize(("seconds", "status"), [(43200, 303), (43201, 403)])
def test_a_login_is_good_for_login_max_age(
    alice: User, clock: time_machine.Traveller, seconds: int, status: int
) -> None:
    browser = signed_in(alice)
    clock.shift(timedelta(seconds=seconds))
    assert answered(browser, arrange.waiting(alice)).status_code == status


def test_the_password_is_asked_for_and_the_user_comes_back(
    alice: User, clock: time_machine.Traveller
) -> None:
    browser, found = old(alice, clock)
    shown = browser.get(AGAIN, {"next": page(found)}).content.decode()
    assert "<bdi>alice</bdi>" in shown
    assert 'autocomplete="current-password"' in shown
    form = {"password": "alice's password", "next": page(found)}
    back = browser.post(AGAIN, form)
    assert (back.status_code, back["Location"]) == (303, page(found))
    assert_untouched(found)
    event = AuditEvent.objects.get()
    assert (event.event, event.user) == (AuditEvent.Event.SIGNED_IN_AGAIN, alice)
    assert answered(browser, found).status_code == 303
    assert stored(found).authenticated_at == timezone.now()


def test_a_wrong_password_is_a_failed_login_like_any_other(browser: Client) -> None:
    """django-axes and its like count what this signal says."""
    with failed_logins() as failures:
        answer = browser.post(AGAIN, {"password": "wrong", "next": "/ciba/"})
    assert answer.status_code == 422
    assert "This is not your password." in answer.content.decode()
    assert "wrong" not in answer.content.decode().replace("wrong_", "")
    assert failures == [("alice", AGAIN)]
    assert not AuditEvent.objects.exists()


def test_another_users_password_is_wrong(browser: Client, bob: User) -> None:
    form = {"password": "bob's password", "next": "/ciba/", "username": "bob"}
    assert browser.post(AGAIN, form).status_code == 422


def test_an_inactive_user_does_not_come_in_again(browser: Client, alice: User) -> None:
    User.objects.update(is_active=False)
    answer = browser.post(AGAIN, {"password": "alice's password"})
    assert answer.status_code == 403  # the session is over
    assert "You are signed out" in answer.content.decode()


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "\\\\evil.example"],
)
def test_nobody_is_sent_to_another_host(browser: Client, wanted: str) -> None:
    form = {"password": "alice's password", "next": wanted}
    assert browser.post(AGAIN, form)["Location"] == "/ciba/"


def test_an_address_of_plain_http_is_left_on_a_secure_site(browser: Client) -> None:
    form = {"password": "alice's password", "next": "http://testserver/ciba/history/"}
    assert browser.post(AGAIN, form, secure=True)["Location"] == "/ciba/"


def test_a_user_without_a_password_is_signed_out_and_shown_the_way(
    browser: Client, alice: User
) -> None:
    alice.set_unusable_password()
    alice.save()
    browser.force_login(alice)
    shown = browser.get(AGAIN, {"next": "/ciba/history/"}).content.decode()
    assert "has no password here" in shown
    answer = browser.post(AGAIN, {"next": "/ciba/history/"})
    text = answer.content.decode()
    assert (answer.status_code, browser.session.is_empty()) == (200, True)
    assert 'href="/accounts/login/?next=/ciba/history/"' in text
    assert "Signed in as" not in text


def test_it_needs_a_login_and_the_pages_token(alice: User) -> None:
    assert Client().get(AGAIN).status_code == 302
    strict = signed_in(alice, enforce_csrf_checks=True)
    assert strict.post(AGAIN, {"password": "alice's password"}).status_code == 403


def test_a_second_factor_that_the_site_cannot_ask_for_is_said(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    answer = answered(browser, found)
    assert answer.status_code == 403
    assert "This account cannot do that here." in answer.content.decode()
    assert_untouched(found)


def test_a_second_factor_has_its_way(browser: Client, alice: User, settings: Any) -> None:
    use(settings, Elsewhere)
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    answer = answered(browser, found)
    assert answer.status_code == 403
    assert f'href="/second/?from={page(found)}"' in answer.content.decode()


def test_a_sites_own_class_is_believed(browser: Client, alice: User, settings: Any) -> None:
    use(settings, Always)
    found = arrange.waiting(alice, demand=Demand(second_factor=True).stored())
    assert answered(browser, found).status_code == 303
    assert stored(found).amr == ["sc", "pin"]


@pytest.mark.parametrize("kind", [PasswordStepUp, Always])
def test_who_has_no_second_factor_or_has_proved_it_adds_what_approves(
    browser: Client, settings: Any, kind: type[StepUp]
) -> None:
    use(settings, kind)
    assert browser.post("/ciba/apps/").status_code == 200
    assert registered(browser, Authenticator()).status_code == 303


def test_who_has_not_proved_their_second_factor_lets_no_app_in(
    browser: Client, settings: Any
) -> None:
    use(settings, Elsewhere)
    answer = browser.post("/ciba/apps/")
    assert answer.status_code == 403
    text = answer.content.decode()
    assert f"{NEEDED}</p>" in text
    assert 'href="/second/?from=/ciba/apps/">Use your second factor</a>' in text
    assert not DeviceEnrolment.objects.exists()


def test_who_has_not_proved_their_second_factor_adds_no_passkey(
    browser: Client, settings: Any
) -> None:
    options = browser.post("/ciba/passkeys/options/").json()
    use(settings, Elsewhere)
    refused = browser.post("/ciba/passkeys/options/")
    assert (refused.status_code, refused.json()) == (403, {"error": "needs_second_factor"})
    form = {
        "name": "x",
        "challenge": options["challenge"],
        "credential": Authenticator().made(options["publicKey"]),
    }
    for answer, status in (
        (browser.get("/ciba/passkeys/"), 200),
        (browser.post("/ciba/passkeys/", form), 403),
    ):
        assert answer.status_code == status
        text = answer.content.decode()
        assert text.count(NEEDED) == 1
        assert 'href="/second/?from=/ciba/passkeys/">Use your second factor</a>' in text
        assert "data-new-passkey" not in text
    assert not Passkey.objects.exists()


@pytest.mark.parametrize(
    ("longest", "seconds", "status"),
    [(43200, 900, 200), (43200, 901, 403), (60, 60, 200), (60, 61, 403)],
)
def test_a_second_factor_proved_long_ago_adds_nothing_that_approves(
    alice: User,
    settings: Any,
    clock: time_machine.Traveller,
    longest: int,
    seconds: int,
    status: int,
) -> None:
    use(settings, ProvedAtTheLogin)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "LOGIN_MAX_AGE": longest}
    browser = signed_in(alice)
    clock.shift(timedelta(seconds=seconds))
    assert browser.post(AGAIN, {"password": "alice's password"}).status_code == 303
    answer = browser.post("/ciba/apps/")
    assert answer.status_code == status
    assert (NEEDED in answer.content.decode()) is (status == 403)
    assert browser.post("/ciba/passkeys/options/").status_code == status


def test_a_second_factor_of_a_class_that_does_not_say_when_is_as_old_as_the_login(
    alice: User, settings: Any, clock: time_machine.Traveller
) -> None:
    use(settings, OfTheSession)
    browser = signed_in(alice)
    clock.shift(timedelta(hours=1))
    assert browser.post("/ciba/passkeys/options/").json() == {"error": "login_too_old"}
    assert browser.post(AGAIN, {"password": "alice's password"}).status_code == 303
    assert browser.post("/ciba/apps/").status_code == 200


def test_a_second_factor_that_no_page_asks_for_adds_nothing_all_the_same(
    browser: Client, settings: Any
) -> None:
    use(settings, Nowhere)
    for page_ in ("/ciba/passkeys/", "/ciba/apps/"):
        answer = browser.post(page_)
        assert answer.status_code == 403
        assert NEEDED in answer.content.decode()
        assert "Use your second factor" not in answer.content.decode()


def test_a_passkey_is_removed_without_the_second_factor(
    browser: Client, alice: User, settings: Any
) -> None:
    """It may be the one that was lost; what is gone approves nothing."""
    registered(browser, Authenticator())
    use(settings, Elsewhere)
    assert 'name="remove"' in browser.get("/ciba/passkeys/").content.decode()
    removal = {"remove": str(Passkey.objects.get().pk)}
    assert browser.post("/ciba/passkeys/", removal)["Location"] == "/ciba/passkeys/?done=removed"
    assert not Passkey.objects.exists()


def test_another_class_is_refused(settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "STEP_UP": "django_ciba.hooks.CibaHooks"}
    with pytest.raises(TypeError, match="is not a subclass of StepUp"):
        step_up()


def test_django_otp_without_its_middleware_has_verified_nobody(alice: User) -> None:
    request = HttpRequest()
    request.user, request.session = alice, {}  # type: ignore[assignment]
    assert OtpStepUp().second_factor(request) is False
    assert OtpStepUp().second_factor_at(request, timezone.now()) is None
    assert OtpStepUp().amr(request) == []


def test_who_came_by_other_means_and_gives_a_password_has_given_a_password(
    alice: User, settings: Any
) -> None:
    own = f"{__name__}.Gateway"
    settings.AUTHENTICATION_BACKENDS = [own, *settings.AUTHENTICATION_BACKENDS]
    browser = Client()
    browser.force_login(alice, own)
    one, another = arrange.waiting(alice), arrange.waiting(alice)
    answered(browser, one)
    assert browser.post(AGAIN, {"password": "alice's password"}).status_code == 303
    answered(browser, another)
    assert (stored(one).amr, stored(another).amr) == ([], ["pwd"])


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("host", ["allauth", "otp"])
def test_on_a_site_with(host: str) -> None:
    """An app of the site's is one more in INSTALLED_APPS: the tests run in another process."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *("--ds", f"tests.step_up_hosts.{host}_settings"),
            f"tests/step_up_hosts/check_{host}.py",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
