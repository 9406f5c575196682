"""Users with an inbox, and browsers that are theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.test import Client

from tests.unit.authentication_device import arrange


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """A slow hash proves nothing here and costs a second each."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def configuration_at_hand(settings: Any) -> None:
    """Each process has it; a look whether it has changed must not fall into a count of queries."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 3600.0}


@pytest.fixture
def alice(db: None) -> User:
    return arrange.user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return arrange.user("bob")


@pytest.fixture
def browser(alice: User) -> Client:
    """Alice's, signed in by password, with CSRF checks as a real browser meets them off."""
    return signed_in(alice)


def signed_in(user: User, *, enforce_csrf_checks: bool = False) -> Client:
    browser = Client(enforce_csrf_checks=enforce_csrf_checks)
    name = user.get_username()
    assert browser.login(username=name, password=f"{name}'s password")
    return browser


@contextmanager
def failed_logins() -> Iterator[list[tuple[str, str]]]:
    """Whose password was wrong, and at which path, as the site's guards hear of it."""
    failures: list[tuple[str, str]] = []

    def heard(sender: Any, credentials: dict[str, str], request: Any, **kwargs: Any) -> None:
        failures.append((credentials["username"], request.path))

    user_login_failed.connect(heard)
    try:
        yield failures
    finally:
        user_login_failed.disconnect(heard)
