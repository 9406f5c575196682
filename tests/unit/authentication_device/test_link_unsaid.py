"""The secret of a link that still answers stands in no log, whoever writes it."""

import logging

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.unit.authentication_device.test_link import SECRET, asked, link

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("form", "status"),
    [({}, 400), ({"verdict": "approved"}, 422), ({"verdict": "maybe"}, 400)],
)
def test_a_form_that_is_refused(
    alice: User, caplog: pytest.LogCaptureFixture, form: dict[str, str], status: int
) -> None:
    found = asked(alice, number="42")
    with caplog.at_level(logging.DEBUG):
        assert Client().post(link(found), form).status_code == status
    assert SECRET not in caplog.text


def test_a_form_without_the_token(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    found = asked(alice)
    with caplog.at_level(logging.DEBUG):
        browser = Client(enforce_csrf_checks=True)
        assert browser.post(link(found), {"verdict": "approved"}).status_code == 403
        framed = {"sec-fetch-dest": "iframe"}
        assert browser.get(link(found), headers=framed).status_code == 403
        assert browser.get(link(found), {"verdict": "approved"}).status_code == 400
        assert Client().put(link(found)).status_code == 405
    assert SECRET not in caplog.text


def test_a_csrf_refusal_elsewhere_is_logged_as_ever(
    browser: Client, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        Client(enforce_csrf_checks=True).post("/ciba/sign-in-again/")
        browser.handler.enforce_csrf_checks = True
        browser.post("/ciba/sign-in-again/")
    assert "Forbidden (CSRF" in caplog.text
