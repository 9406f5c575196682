"""Devices and passkeys: one's own, named, removed; browsers that subscribe to messages."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from django_ciba.authentication_device import devices
from django_ciba.authentication_device.devices import guessed_name
from django_ciba.jose import base64url
from django_ciba.models import AuditEvent, Device, Passkey
from django_ciba.prompts.web_push import subscription_address, vapid_public_key
from tests.unit.authentication_device.conftest import signed_in

pytestmark = pytest.mark.django_db

PUSH = "/ciba/devices/web-push/"
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0"


def subscription(path: str = "one") -> dict[str, Any]:
    """As a browser's `PushSubscription.toJSON()`."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    octets = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": base64url(octets), "auth": base64url(b"0" * 16)}
    endpoint = f"https://push.example.com/{path}"
    return {"endpoint": endpoint, "expirationTime": None, "keys": keys}


@pytest.fixture(autouse=True)
def web_push(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "PROMPT_CHANNELS": ["webpush"],
        "VAPID_PRIVATE_KEY": base64url(b"\1" * 32),
        "VAPID_CONTACT": "mailto:ops@example.com",
    }


def send(browser: Client, body: Any, address: str = PUSH, **more: Any) -> Any:
    return browser.post(address, body, content_type="application/json", **more)


def added(user: User, name: str = "Firefox on Android", **fields: Any) -> Device:
    return Device.objects.create(
        user=user, kind="browser", name=name, created_at=timezone.now(), **fields
    )


def passkey(user: User, name: str = "Key ring") -> Passkey:
    return Passkey.objects.create(
        user=user, name=name, credential_id=uuid4().hex, public_key="-", created_at=timezone.now()
    )


def events(user: User) -> list[str]:
    return list(AuditEvent.objects.filter(user=user).order_by("pk").values_list("event", flat=True))


# --- the page ----------------------------------------------------------------------------------


def test_the_page_lists_the_users_own_devices_and_passkeys(
    browser: Client, alice: User, bob: User
) -> None:
    added(alice, "Alice's phone")
    added(bob, "Bob's phone")
    passkey(alice, "Alice's key")
    passkey(bob, "Bob's key")
    text = browser.get("/ciba/devices/").content.decode()
    assert "Alice&#x27;s phone" in text
    assert "Alice&#x27;s key" in text
    assert "Bob" not in text


def test_the_page_offers_messages_only_where_web_push_is_set_up(
    browser: Client, settings: Any
) -> None:
    text = browser.get("/ciba/devices/").content.decode()
    assert f'data-public-key="{vapid_public_key()}"' in text
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": ["email"]}
    assert "data-public-key" not in browser.get("/ciba/devices/").content.decode()


def test_the_page_lives_with_an_address_that_is_lost(browser: Client, alice: User) -> None:
    found = added(alice, channel="webpush", address="x", address_digest="x")
    Device.objects.filter(pk=found.pk).update(address="")
    assert browser.get("/ciba/devices/").status_code == 200


def test_more_devices_cost_no_more_queries(
    browser: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        added(alice)
        passkey(alice)
        with django_assert_num_queries(4):  # session, user, devices, passkeys
            browser.get("/ciba/devices/")


@pytest.mark.parametrize("kind", ["device", "passkey"])
def test_a_device_is_renamed(browser: Client, alice: User, kind: str) -> None:
    found, address = thing(alice, kind)
    answer = browser.post(address, {"name": "  My   phone ", "rename": "1"})
    assert (answer.status_code, answer["Location"]) == (303, "/ciba/devices/?done=renamed")
    found.refresh_from_db()
    assert found.name == "My phone"
    assert "The new name is saved." in browser.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("kind", ["device", "passkey"])
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("", 422),
        ("   ", 422),
        ("x" * 101, 422),
        ("a\u202eb", 422),
        ("a\u3164b", 422),
        ("x" * 100, 303),
        ("x", 303),
    ],
    ids=["empty", "spaces", "too long", "turns text around", "blank", "longest", "shortest"],
)
def test_a_name_must_be_one(
    browser: Client, alice: User, kind: str, name: str, status: int
) -> None:
    found, address = thing(alice, kind)
    answer = browser.post(address, {"name": name, "rename": "1"})
    assert answer.status_code == status
    if status == 422:
        assert "Nothing was changed" in answer.content.decode()
        before = found.name
        found.refresh_from_db()
        assert found.name == before


def test_a_device_is_removed_and_that_is_noted(browser: Client, alice: User) -> None:
    found, address = thing(alice, "device")
    answer = browser.post(address, {"name": "whatever", "remove": "1"})
    assert (answer.status_code, answer["Location"]) == (303, "/ciba/devices/?done=removed")
    assert not Device.objects.filter(pk=found.pk).exists()
    assert events(alice) == ["device_removed"]
    again = browser.post(address, {"remove": "1"})
    assert again.status_code == 404
    assert events(alice) == ["device_removed"]


def test_a_passkey_is_removed_on_its_own_page_alone(browser: Client, alice: User) -> None:
    """There a login must be fresh: what is here must not go round that."""
    found, address = thing(alice, "passkey")
    assert browser.post(address, {"remove": "1"}).status_code == 422
    assert Passkey.objects.filter(pk=found.pk).exists()
    text = browser.get("/ciba/devices/").content.decode()
    assert 'name="remove"' not in text
    assert '<a class="button" href="/ciba/passkeys/">' in text


def test_the_page_leads_to_apps_where_the_site_has_the_api(browser: Client) -> None:
    assert '<a class="button" href="/ciba/apps/">' in browser.get("/ciba/devices/").content.decode()


@pytest.mark.urls("tests.unit.authentication_device.other_urls")
def test_the_page_leads_to_no_apps_where_there_is_no_api(browser: Client) -> None:
    text = browser.get("/my/approvals/devices/").content.decode()
    assert "/my/approvals/apps/" not in text


@pytest.mark.parametrize("kind", ["device", "passkey"])
@pytest.mark.parametrize("button", ["rename", "remove"])
def test_another_users_device_is_not_there(
    browser: Client, bob: User, kind: str, button: str
) -> None:
    found, address = thing(bob, kind)
    answer = browser.post(address, {"name": "mine now", button: "1"})
    assert answer.status_code == 404
    assert not re.search(r"\bbob\b", answer.content.decode(), re.IGNORECASE)
    before = found.name
    found.refresh_from_db()
    assert found.name == before
    assert events(bob) == []


@pytest.mark.parametrize("kind", ["device", "passkey"])
def test_a_device_is_changed_by_a_form_of_ours_alone(alice: User, kind: str) -> None:
    _, address = thing(alice, kind)
    browser = signed_in(alice, enforce_csrf_checks=True)
    assert browser.post(address, {"remove": "1"}).status_code == 403
    assert browser.get(address).status_code == 405
    assert Client().post(address, {"remove": "1"}).status_code == 403
    assert Device.objects.count() + Passkey.objects.count() == 1


def thing(user: User, kind: str) -> tuple[Device | Passkey, str]:
    """Something of that kind, and where it is changed."""
    if kind == "device":
        device = added(user)
        return device, f"/ciba/devices/{device.public_id}/"
    key = passkey(user)
    return key, f"/ciba/devices/passkeys/{key.pk}/"


# --- a browser subscribes ----------------------------------------------------------------------


def test_a_browser_that_subscribes_is_a_device(browser: Client, alice: User) -> None:
    given = subscription()
    answer = send(browser, {"subscription": given}, headers={"user-agent": FIREFOX})
    found = Device.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {"device": str(found.public_id), "name": "Firefox on Android"}
    assert (found.user, found.kind, found.channel) == (alice, "browser", "webpush")
    assert found.address == subscription_address(given)
    assert found.last_used_at is not None
    assert events(alice) == ["device_added"]
    assert given["endpoint"] not in str(AuditEvent.objects.get().detail)


def test_the_same_subscription_sent_again_is_the_same_device(browser: Client, alice: User) -> None:
    given = subscription()
    first = send(browser, {"subscription": given}).json()
    Device.objects.update(name="My phone")
    second = send(browser, {"subscription": given}, headers={"user-agent": FIREFOX}).json()
    assert second == {"device": first["device"], "name": "My phone"}
    assert events(alice) == ["device_added"]


def test_a_browser_belongs_to_the_user_who_is_signed_in_now(
    browser: Client, alice: User, bob: User
) -> None:
    """And nothing of the one before is handed on with it."""
    given = subscription()
    before = send(browser, {"subscription": given}).json()
    Device.objects.update(name="Alice's phone")
    after = send(signed_in(bob), {"subscription": given}).json()
    found = Device.objects.get()
    assert found.user == bob
    assert after["device"] == str(found.public_id) != before["device"]
    assert after["name"] == "Browser"
    assert events(alice) == ["device_added", "device_removed"]
    assert events(bob) == ["device_added"]


def test_a_subscription_that_the_push_service_changes_keeps_its_name(
    browser: Client, alice: User
) -> None:
    old, new = subscription("old"), subscription("new")
    send(browser, {"subscription": old})
    Device.objects.update(name="My phone")
    answer = send(browser, {"subscription": new, "replaces": old})
    assert (answer.status_code, answer.json()["name"]) == (201, "My phone")
    assert Device.objects.get().address == subscription_address(new)


def test_nobody_replaces_another_users_subscription(browser: Client, bob: User) -> None:
    theirs = subscription("bob")
    send(signed_in(bob), {"subscription": theirs})
    answer = send(browser, {"subscription": subscription("new"), "replaces": theirs})
    assert answer.status_code == 201
    assert Device.objects.get(user=bob).address == subscription_address(theirs)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, "invalid"),
        (b"\xff", 400, "invalid"),
        (b"[" * 9000, 400, "invalid"),
        (b"[]", 400, "invalid"),
        (b"{}", 400, "invalid"),
        (json.dumps({"subscription": {"endpoint": "http://push.example.com/"}}), 400, "invalid"),
        (json.dumps({"subscription": {"endpoint": "https://127.0.0.1/"}}), 400, "invalid"),
        (b"{}" + b" " * devices.MOST_OCTETS, 413, "too_large"),
    ],
    ids=["no JSON", "no text", "deep", "a list", "empty", "plain http", "loopback", "too large"],
)
def test_what_is_no_subscription_is_refused(
    browser: Client, body: str | bytes, status: int, error: str
) -> None:
    answer = send(browser, body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert not Device.objects.exists()


def test_a_subscription_comes_as_json(browser: Client) -> None:
    answer = browser.post(PUSH, {"subscription": "x"})
    assert (answer.status_code, answer.json()["error"]) == (415, "wrong_type")


def test_there_is_nothing_to_subscribe_to_where_web_push_is_not_set_up(
    browser: Client, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": ["email"]}
    answer = send(browser, {"subscription": subscription()})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_set_up")
    assert browser.get(PUSH).json()["public_key"] == ""
    assert not Device.objects.exists()


def test_a_user_has_no_more_browsers_than_anybody_has(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MOST_BROWSERS", 2)
    first = subscription("0")
    assert send(browser, {"subscription": first}).status_code == 201
    assert send(browser, {"subscription": subscription("1")}).status_code == 201
    answer = send(browser, {"subscription": subscription("2")})
    assert (answer.status_code, answer.json()["error"]) == (409, "too_many")
    assert send(browser, {"subscription": first}).status_code == 201  # it is there already
    assert Device.objects.count() == 2


def test_a_subscription_needs_a_login_and_our_token(alice: User) -> None:
    body = {"subscription": subscription()}
    anonymous = send(Client(), body)
    assert (anonymous.status_code, anonymous.json()) == (403, {"error": "login_required"})
    browser = signed_in(alice, enforce_csrf_checks=True)
    assert send(browser, body).status_code == 403
    assert not Device.objects.exists()


def test_the_service_worker_gets_what_it_subscribes_with(alice: User) -> None:
    browser = signed_in(alice, enforce_csrf_checks=True)
    told = browser.get(PUSH).json()
    assert told["public_key"] == vapid_public_key()
    assert told["csrf"]["header"] == "X-Csrftoken"
    headers = {told["csrf"]["header"]: told["csrf"]["token"]}
    assert send(browser, {"subscription": subscription()}, headers=headers).status_code == 201
    assert Client().get(PUSH).status_code == 403


def test_a_browser_that_wants_no_more_is_forgotten(browser: Client, alice: User) -> None:
    body = {"subscription": subscription()}
    send(browser, body)
    for _ in range(2):
        answer = browser.delete(PUSH, body, content_type="application/json")
        assert answer.status_code == 204
    assert not Device.objects.exists()
    assert events(alice) == ["device_added", "device_removed"]


def test_nobody_ends_another_users_messages(browser: Client, bob: User) -> None:
    body = {"subscription": subscription()}
    send(signed_in(bob), body)
    answer = browser.delete(PUSH, body, content_type="application/json")
    assert answer.status_code == 204  # as if there were none
    assert Device.objects.get().user == bob


def test_a_browser_says_that_it_is_in_use(
    browser: Client, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    body = {"subscription": subscription()}
    device = send(browser, body).json()["device"]
    Device.objects.update(last_used_at=None)
    theirs = send(signed_in(bob), body, f"{PUSH}used/")
    assert (theirs.status_code, theirs.json()["error"]) == (404, "not_found")
    assert Device.objects.get().last_used_at is None
    with django_assert_num_queries(4):  # session, user, which one, the note
        answer = send(browser, body, f"{PUSH}used/")
    assert (answer.status_code, answer.json()) == (200, {"device": device})
    assert Device.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Android"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/131.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome on Android",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/131.0.0.0 Safari/537.36"
            ),
            "Chrome on ChromeOS",
        ),
        ("curl/8", "Browser"),
        ("", "Browser"),
    ],
)
def test_a_browser_has_a_name_that_its_user_knows(user_agent: str, name: str) -> None:
    assert guessed_name(user_agent) == name
