"""The page where the user lets the site's own app in: a code, made anew, shown once."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.authentication_device import app_enrolment
from django_ciba.authentication_device.logins import SESSION_KEY
from django_ciba.models import DeviceEnrolment
from django_ciba.models.secrets import digest
from tests.unit.authentication_device.api.app import App
from tests.unit.authentication_device.conftest import signed_in

pytestmark = pytest.mark.django_db

PAGE = "/ciba/apps/"


def code_on(answer: Any) -> str:
    (code,) = re.findall(r'<code translate="no">([\w-]+)</code>', answer.content.decode())
    return str(code)


def test_the_page_makes_no_code_by_itself(browser: Client) -> None:
    answer = browser.get(PAGE)
    assert answer.status_code == 200
    assert "You have let no app in yet." in answer.content.decode()
    assert not DeviceEnrolment.objects.exists()


def test_a_code_is_shown_once_and_lets_an_app_in(browser: Client, alice: User) -> None:
    answer = browser.post(PAGE)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store, private"
    code = code_on(answer)
    assert DeviceEnrolment.objects.get().digest == digest(code)
    assert code not in browser.get(PAGE).content.decode()
    app = App()
    assert app.enrol(alice, code=code).json()["user"] == "alice"
    assert "<bdi>Alice&#x27;s phone</bdi>" in browser.get(PAGE).content.decode()


def test_the_page_of_devices_leads_here(browser: Client) -> None:
    assert f'href="{PAGE}"' in browser.get("/ciba/devices/").content.decode()


def test_without_the_api_the_page_of_devices_speaks_of_no_app(
    browser: Client, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.unit.authentication_device.without_api"
    assert f'href="{PAGE}"' not in browser.get("/ciba/devices/").content.decode()
    assert browser.get(PAGE).status_code == 404


def test_a_code_lasts_as_long_as_the_site_says(browser: Client, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_ENROLMENT_LIFETIME": 60}
    answer = browser.post(PAGE)
    left = DeviceEnrolment.objects.get().expires_at - timezone.now()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    assert "for 1 minute," in answer.content.decode()


def test_the_picture_holds_the_address_and_the_code(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    draw = app_enrolment.qr

    def noted(text: str) -> Any:
        drawn.append(text)
        return draw(text)

    monkeypatch.setattr(app_enrolment, "qr", noted)
    answer = browser.post(PAGE)
    assert drawn == [f"http://localhost:8000/ciba/api/enrolment#code={code_on(answer)}"]
    text = answer.content.decode()
    assert "<svg " in text
    assert "style=" not in text  # the CSP would not let it
    assert "data:" not in text


def test_without_segno_the_code_is_there_as_text(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_enrolment, "find_spec", lambda name: None)
    answer = browser.post(PAGE)
    assert code_on(answer)
    text = answer.content.decode()
    assert 'class="qr"' not in text
    assert "Enter this code in the app." in text
    assert "Scan" not in text


def test_an_old_login_lets_no_app_in(browser: Client) -> None:
    session = browser.session
    session[SESSION_KEY] = (timezone.now() - timedelta(minutes=15, seconds=1)).isoformat()
    session.save()
    answer = browser.post(PAGE)
    assert answer.status_code == 403
    assert "/ciba/sign-in-again/?next=%2Fciba%2Fapps%2F" in answer.content.decode()
    assert not DeviceEnrolment.objects.exists()


def test_the_login_s_time_goes_with_the_code(browser: Client) -> None:
    since = timezone.now() - timedelta(minutes=14)
    session = browser.session
    session[SESSION_KEY] = since.isoformat()
    session.save()
    browser.post(PAGE)
    assert DeviceEnrolment.objects.get().authenticated_at == since


def test_a_form_of_another_site_makes_no_code(alice: User) -> None:
    browser = signed_in(alice, enforce_csrf_checks=True)
    assert browser.post(PAGE).status_code == 403
    assert not DeviceEnrolment.objects.exists()


def test_nobody_makes_a_code_without_a_login(client: Client, db: None) -> None:
    assert client.get(PAGE).status_code == 302
    assert client.post(PAGE).status_code == 403
    assert not DeviceEnrolment.objects.exists()
