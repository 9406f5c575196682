"""When and how the session's user proved who they are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory

from django_ciba.authentication_device.logins import (
    OTP_DEVICE,
    SECOND_FACTOR_KEY,
    SESSION_KEY,
    authenticated_at,
    authentication_methods,
    note_login,
    second_factor_since,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def request_of(user: User, **session: Any) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    request.session = SessionStore()
    request.session.update(session)
    return request


def test_a_login_notes_its_time_in_the_session(browser: Client) -> None:
    noted = datetime.fromisoformat(browser.session[SESSION_KEY])
    assert timedelta(0) <= datetime.now(UTC) - noted < timedelta(minutes=1)


def test_a_login_without_a_session_is_no_error(alice: User) -> None:
    """As libraries send the signal when they make a token."""
    answers = user_logged_in.send_robust(type(alice), request=None, user=alice)
    answers += user_logged_in.send_robust(
        type(alice), request=RequestFactory().get("/"), user=alice
    )
    assert [problem for _, problem in answers if isinstance(problem, Exception)] == []


def test_the_sessions_own_login_wins_over_the_last_one(alice: User) -> None:
    alice.last_login = NOW
    earlier = NOW - timedelta(hours=3)
    request = request_of(alice, **{SESSION_KEY: earlier.isoformat()})
    assert authenticated_at(request, NOW) == earlier


@pytest.mark.parametrize("noted", [None, "", "yesterday", 17, "2026-11-23T08:00:00"])
def test_without_a_usable_note_it_is_the_last_login(alice: User, noted: object) -> None:
    alice.last_login = NOW - timedelta(hours=1)
    assert authenticated_at(request_of(alice, **{SESSION_KEY: noted}), NOW) == alice.last_login


def test_a_user_who_never_logs_in_is_authenticated_now(alice: User) -> None:
    alice.last_login = None
    assert authenticated_at(request_of(alice), NOW) == NOW


def test_nobody_has_logged_in_in_the_future(alice: User) -> None:
    ahead = (NOW + timedelta(seconds=5)).isoformat()
    assert authenticated_at(request_of(alice, **{SESSION_KEY: ahead}), NOW) == NOW


DEVICE = "otp_static.staticdevice/1"
BEFORE = NOW - timedelta(days=13)


@pytest.mark.parametrize(
    ("kept", "by_device", "since"),
    [
        ({}, False, NOW),
        ({}, True, NOW),
        ({SECOND_FACTOR_KEY: BEFORE.isoformat()}, False, NOW),
        ({SECOND_FACTOR_KEY: BEFORE.isoformat(), OTP_DEVICE: DEVICE}, False, BEFORE),
        ({SECOND_FACTOR_KEY: BEFORE.isoformat(), OTP_DEVICE: DEVICE}, True, NOW),
        ({OTP_DEVICE: DEVICE}, False, None),
    ],
)
def test_a_verification_is_as_old_as_the_login_that_brought_it(
    alice: User, kept: dict[str, str], by_device: bool, since: datetime | None
) -> None:
    """A login that found it in the session, and did not prove it again, makes it no younger."""
    request = request_of(alice, **kept)
    if by_device:
        alice.otp_device = object()  # type: ignore[attr-defined]
    with time_machine.travel(NOW, tick=False):
        note_login(type(alice), request, alice)
    assert second_factor_since(request, NOW) == since
    assert authenticated_at(request, NOW) == NOW


def test_no_second_factor_was_proved_in_the_future(alice: User) -> None:
    ahead = (NOW + timedelta(seconds=5)).isoformat()
    assert second_factor_since(request_of(alice, **{SECOND_FACTOR_KEY: ahead}), NOW) == NOW


@pytest.mark.parametrize(
    ("backend", "amr"),
    [
        ("django.contrib.auth.backends.ModelBackend", ["pwd"]),
        ("django.contrib.auth.backends.AllowAllUsersModelBackend", ["pwd"]),
        ("django.contrib.auth.backends.RemoteUserBackend", []),
        ("site.backends.MagicLinkBackend", []),
        (None, []),
    ],
)
def test_amr_says_only_what_the_backend_is_known_to_ask(
    alice: User, backend: str | None, amr: list[str]
) -> None:
    request = request_of(alice, **({BACKEND_SESSION_KEY: backend} if backend else {}))
    assert authentication_methods(request) == amr
