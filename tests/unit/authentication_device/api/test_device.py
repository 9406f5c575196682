"""The device itself: read, renamed, told elsewhere, removed."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import QuerySet

from django_ciba.hooks import CibaHooks
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


class Meanwhile(CibaHooks):
    """Once the device has been read, and before it is changed: `happens` to its row."""

    happens: ClassVar[Callable[[QuerySet[Device]], object]]

    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        Meanwhile.happens(Device.objects.filter(user_id=user.pk))
        return True


def meanwhile(settings: Any, happens: Callable[[QuerySet[Device]], object]) -> None:
    Meanwhile.happens = staticmethod(happens)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Meanwhile"}


def test_a_name_that_was_not_sent_stays_as_it_is(app: App, settings: Any) -> None:
    meanwhile(settings, lambda own: own.update(name="Renamed on the page"))
    assert app.call("PATCH", "device", {"push": None}).status_code == 200
    assert app.stored.name == "Renamed on the page"


def test_where_it_is_told_stays_when_it_is_renamed(app: App, settings: Any) -> None:
    meanwhile(settings, lambda own: own.update(channel="fcm"))
    assert app.call("PATCH", "device", {"name": "Work phone"}).status_code == 200
    assert (app.stored.name, app.stored.channel) == ("Work phone", "fcm")


@pytest.mark.parametrize(
    "sent", [{"name": "Work phone"}, {"push": {"channel": "fcm", "token": FCM_TOKEN}}]
)
def test_a_device_that_is_removed_meanwhile_is_unknown(
    alice: User, bob: User, app: App, settings: Any, sent: dict[str, Any]
) -> None:
    theirs = App()
    theirs.enrol(bob, push={"channel": "fcm", "token": FCM_TOKEN})
    meanwhile(settings, lambda own: own.delete())
    assert refusal(app.call("PATCH", "device", sent)) == (
        401,
        "unknown_device",
        "no device is enrolled with the key of this proof",
    )
    assert theirs.stored.address == FCM_TOKEN, "nothing was taken from another device"


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
