"""Operators of several ranks, and a house with rows of every model."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from pytest_django import Settings

from tests.unit.admin.arrange import House, make_house

LogIn = Callable[..., Browser]


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    """No test here is about passwords, and each hash would cost a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def house(db: None) -> House:
    return make_house()


@pytest.fixture
def log_in(db: None) -> LogIn:
    """A browser in which a member of staff with those permissions ("view_client") is logged in."""

    def logged_in(*codenames: str) -> Browser:
        operator = User.objects.create_user(f"staff-{User.objects.count()}", is_staff=True)
        found = Permission.objects.filter(
            content_type__app_label__in=("django_ciba", "auth"), codename__in=codenames
        )
        assert found.count() == len(codenames)
        operator.user_permissions.set(found)
        browser = Browser()
        browser.force_login(operator)
        return browser

    return logged_in
