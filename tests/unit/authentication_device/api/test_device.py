"""The device itself: read, renamed, told elsewhere, removed."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from django_ciba.models import AuditEvent, Device
from tests.unit.authentication_device.api.app import FCM_TOKEN, App, refusal

pytestmark = pytest.mark.django_db


def test_a_device_reads_what_it_is(app: App) -> None:
    answer = app.call("GET", "device")
    assert answer.status_code == 200
    found = answer.json()
    assert {**found, "last_used_at": None} == app.device


def test_a_device_is_renamed_and_stays_where_it_is_told(alice: User) -> None:
    app = App()
    app.enrol(alice, push={"channel": "fcm", "token": FCM_TOKEN})
    answer = app.call("PATCH", "device", {"name": "  Work phone "})
    assert (answer.status_code, answer.json()["name"]) == (200, "Work phone")
    assert (app.stored.name, app.stored.address) == ("Work phone", FCM_TOKEN)


def test_the_push_token_changes_and_ends(app: App) -> None:
    token = "0a" * 32
    answer = app.call("PATCH", "device", {"push": {"channel": "apns", "token": token}})
    assert (answer.status_code, answer.json()["push"]) == (200, "apns")
    assert (app.stored.channel, app.stored.address) == ("apns", token)
    again = app.call("PATCH", "device", {"push": {"channel": "apns", "token": token}})
    assert again.status_code == 200
    assert app.call("PATCH", "device", {"push": None}).json()["push"] is None
    assert (app.stored.channel, app.stored.address_digest) == ("", "")


@pytest.mark.parametrize(
    ("sent", "description"),
    [
        ({}, "send name, or push, or both"),
        ({"public_jwk": {}}, "send name, or push, or both"),
        ({"name": None}, "name must be a string, and not empty"),
        ({"name": "x", "push": {"channel": "sms"}}, "push.channel must be fcm or apns"),
    ],
)
def test_wrong_changes_change_nothing(app: App, sent: dict[str, Any], description: str) -> None:
    assert refusal(app.call("PATCH", "device", sent)) == (400, "invalid_request", description)
    assert app.stored.name == "Alice's phone"


def test_a_device_removes_itself_and_that_is_written_down(alice: User, app: App) -> None:
    answer = app.call("DELETE", "device")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Device.objects.exists()
    event = AuditEvent.objects.filter(event="device_removed").get()
    assert event.user == alice
    assert event.detail["device"] == app.device["id"]
    assert refusal(app.call("GET", "device"))[1] == "unknown_device"
