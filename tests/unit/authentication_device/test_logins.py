"""When and how the session's user proved who they are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory

from django_ciba.authentication_device.logins import (
    SESSION_KEY,
    authenticated_at,
    authentication_methods,
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
