"""A session that was left open lets nothing in that approves in its user's place."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from django_ciba.authentication_device.logins import SESSION_KEY
from django_ciba.models import DeviceEnrolment

pytestmark = pytest.mark.django_db


def signed_in_before(browser: Client, since: timedelta) -> None:
    session = browser.session
    session[SESSION_KEY] = (timezone.now() - since).isoformat()
    session.save()


@pytest.mark.parametrize("page", ["/ciba/apps/", "/ciba/passkeys/options/"])
def test_who_finds_it_lets_no_app_in_and_makes_no_passkey(browser: Client, page: str) -> None:
    signed_in_before(browser, timedelta(minutes=15, seconds=1))
    assert browser.post(page).status_code == 403
    assert not DeviceEnrolment.objects.exists()


@pytest.mark.parametrize("page", ["/ciba/apps/", "/ciba/passkeys/options/"])
def test_who_has_just_signed_in_may(browser: Client, page: str) -> None:
    signed_in_before(browser, timedelta(minutes=14, seconds=50))
    assert browser.post(page).status_code == 200
