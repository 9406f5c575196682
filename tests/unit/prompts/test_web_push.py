"""Web push to a real push service on loopback, read with the browser's own keys."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.jose import base64url, from_base64url
from django_ciba.models import AuthenticationRequest, Delivery, Device
from django_ciba.outbox import GiveUp, TryAgain, Withdrawn
from django_ciba.prompts import reachable_channels, web_push
from django_ciba.prompts.web_push import (
    subscription_address,
    subscription_problem,
    vapid_public_key,
)
from tests.callback_server import CallbackServer, silence, status
from tests.push_service import BrowserSubscription
from tests.unit.journeys.arrange import Answer, say
from tests.unit.prompts.conftest import Asked, Configure, sent, the_delivery

# RFC 8292's own example has no private key; this one is of RFC 8291 §5, the application server's.
PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
NAMES = ("first", "second", "third")


@pytest.fixture(autouse=True)
def web_push_site(site: Configure) -> None:
    site(
        PROMPT_CHANNELS=["webpush"],
        VAPID_PRIVATE_KEY=PRIVATE,
        VAPID_CONTACT="mailto:ops@example.com",
    )


@pytest.fixture
def service() -> Iterator[CallbackServer]:
    with CallbackServer(status(201)) as running:
        yield running


Subscribed = Callable[..., tuple[Device, BrowserSubscription]]


@pytest.fixture
def subscribed(alice: User) -> Subscribed:
    """Has a browser of alice's subscribe at an endpoint."""

    def subscribe(endpoint: str) -> tuple[Device, BrowserSubscription]:
        browser = BrowserSubscription()
        value = browser.json(endpoint)
        assert subscription_problem(value) is None
        device = Device(user=alice, kind=Device.Kind.BROWSER, name="b", created_at=timezone.now())
        device.set_address("webpush", subscription_address(value))
        device.save()
        return device, browser

    return subscribe


# --- what goes out --------------------------------------------------------------------------------


def test_a_push_holds_an_opaque_id_that_the_browser_alone_can_read(
    asked: Asked, service: CallbackServer, subscribed: Subscribed
) -> None:
    _, browser = subscribed(service.url)
    found = asked()
    sent(found)
    (push,) = service.received
    assert json.loads(browser.read(push.octets)) == {"id": str(found.public_id)}
    assert push.headers["content-encoding"] == "aes128gcm"
    assert push.headers["urgency"] == "high"
    everything = f"{push.headers}{push.octets!r}"
    for secret in (str(found.public_id), "Shop", "alice", "Pay"):
        assert secret not in everything
    with pytest.raises(InvalidTag):
        BrowserSubscription().read(push.octets)


def test_a_push_lives_as_long_as_its_prompt(
    asked: Asked, service: CallbackServer, subscribed: Subscribed
) -> None:
    subscribed(service.url)
    found = asked()
    assert found.prompt_until is not None
    sent(found, found.prompt_until - timedelta(seconds=41.5))
    assert service.received[0].headers["ttl"] == "42"


def test_a_push_is_signed_for_that_push_service_and_no_other(
    asked: Asked, service: CallbackServer, subscribed: Subscribed
) -> None:
    subscribed(service.url)
    sent(asked())
    scheme, _, rest = service.received[0].headers["authorization"].partition(" ")
    members = dict(each.strip().split("=", 1) for each in rest.split(","))
    assert (scheme, members["k"]) == ("vapid", PUBLIC)
    point = from_base64url(members["k"])
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    claims = jwt.decode(
        members["t"], key, algorithms=["ES256"], audience=service.url.removesuffix("/callback")
    )
    assert claims["sub"] == "mailto:ops@example.com"
    assert time.time() < claims["exp"] < time.time() + 86400
    assert jwt.get_unverified_header(members["t"]) == {"alg": "ES256", "typ": "JWT"}


def test_a_later_prompt_of_the_same_request_replaces_the_earlier_one(
    asked: Asked, service: CallbackServer, subscribed: Subscribed
) -> None:
    subscribed(service.url)
    first, second = asked(), asked()
    for found in (first, first, second):
        sent(found)
    topics = [each.headers["topic"] for each in service.received]
    assert topics[0] == topics[1] != topics[2]
    for topic in topics:
        assert len(topic) <= 32
        from_base64url(topic)


# --- several devices ------------------------------------------------------------------------------


@pytest.fixture
def services() -> Iterator[list[CallbackServer]]:
    with CallbackServer(status(201)) as a, CallbackServer(status(201)) as b:
        yield [a, b]


def test_every_device_of_the_user_is_told_and_nobody_elses(
    asked: Asked, services: list[CallbackServer], subscribed: Subscribed, service: CallbackServer
) -> None:
    for each in services:
        subscribed(each.url)
    eves, _ = subscribed(service.url)
    Device.objects.filter(pk=eves.pk).update(user=User.objects.create_user("eve"))
    found = asked()
    assert run_due() == 1
    assert the_delivery(found).state == "delivered"
    assert [len(each.received) for each in (*services, service)] == [1, 1, 0]


def test_trying_again_passes_by_those_that_have_it(
    asked: Asked, services: list[CallbackServer], subscribed: Subscribed
) -> None:
    taking, busy = services
    busy.answers = [status(503, Retry_After="7"), status(201)]
    device, _ = subscribed(taking.url)
    subscribed(busy.url)
    found = asked()
    before = timezone.now()
    assert run_due() == 1
    waits = the_delivery(found)
    assert (waits.state, waits.problem) == ("due", "the push service answered with status 503")
    assert waits.due_at >= before + timedelta(seconds=7)
    assert json.loads(waits.payload) == {"taken_by": [str(device.public_id)]}
    assert run_due(waits.due_at + timedelta(seconds=1)) == 1
    ended = the_delivery(found)
    assert (ended.state, ended.payload) == ("delivered", "")
    assert [len(each.received) for each in services] == [1, 2]


def test_what_one_device_has_is_delivered_when_there_is_no_more_time_for_the_other(
    asked: Asked, services: list[CallbackServer], subscribed: Subscribed
) -> None:
    taking, busy = services
    busy.answers = [status(503)]
    for each in services:
        subscribed(each.url)
    found = asked(expires_at=timezone.now() + timedelta(seconds=1))
    assert run_due() == 1
    ended = the_delivery(found)
    assert (ended.state, ended.payload) == ("delivered", "")
    assert len(taking.received) == 1


def test_what_one_device_has_stays_delivered_when_the_prompt_has_run_out(
    asked: Asked, services: list[CallbackServer], subscribed: Subscribed
) -> None:
    services[1].answers = [status(503)]
    for each in services:
        subscribed(each.url)
    found = asked()
    assert run_due() == 1
    assert found.prompt_until is not None
    assert run_due(found.prompt_until) >= 1
    assert Delivery.objects.filter(authentication_request=found, state="delivered").count() == 1
    assert [len(each.received) for each in services] == [1, 1]


def test_an_answer_ends_the_pushes_to_the_rest(
    asked: Asked, service: CallbackServer, subscribed: Subscribed
) -> None:
    subscribed(service.url)
    found = asked()
    say(found, Answer.DENIED, timezone.now())
    with pytest.raises(Withdrawn, match="the request no longer waits for an answer"):
        sent(found)
    assert service.received == []


def test_no_more_devices_are_told_than_a_user_looks_at(
    asked: Asked, service: CallbackServer, subscribed: Subscribed
) -> None:
    for number in range(12):
        subscribed(f"{service.url}?{number}")
    sent(asked())
    told = {int(each.path.rpartition("?")[2]) for each in service.received}
    assert told == set(range(2, 12))


def test_slow_devices_together_take_no_longer_than_one(
    asked: Asked, service: CallbackServer, subscribed: Subscribed, site: Configure
) -> None:
    site(OUTBOUND_DEADLINE=0.5)
    service.answers = [silence]
    for number in range(8):
        subscribed(f"{service.url}?{number}")
    begun = time.monotonic()
    with pytest.raises(TryAgain, match="took too long"):
        sent(asked())
    assert time.monotonic() - begun < 3


# --- what the push service answers ----------------------------------------------------------------


@pytest.mark.parametrize("code", [404, 410])
def test_an_address_that_the_push_service_forgot_is_forgotten(
    asked: Asked, service: CallbackServer, subscribed: Subscribed, code: int
) -> None:
    service.answers = [status(code)]
    device, _ = subscribed(service.url)
    found = asked()
    assert run_due() == 1
    ended = the_delivery(found)
    assert (ended.state, ended.problem) == (
        "withdrawn",
        "the user has no device that this channel sends to",
    )
    device.refresh_from_db()
    assert (device.address, device.address_digest, device.channel) == ("", "", "")


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_a_push_service_that_cannot_now_is_asked_again(
    asked: Asked, service: CallbackServer, subscribed: Subscribed, code: int
) -> None:
    service.answers = [status(code, Retry_After="9")]
    device, _ = subscribed(service.url)
    with pytest.raises(TryAgain, match=f"the push service answered with status {code}") as caught:
        sent(asked())
    assert (caught.value.after, caught.value.partly) == (9.0, False)
    assert Device.objects.reached_by("webpush", device.user).count() == 1


@pytest.mark.parametrize("code", [302, 400, 401, 403, 413])
def test_a_push_service_that_refuses_ends_it_and_the_device_is_kept(
    asked: Asked, service: CallbackServer, subscribed: Subscribed, code: int
) -> None:
    service.answers = [status(code)]
    device, _ = subscribed(service.url)
    with pytest.raises(GiveUp, match=f"the push service answered with status {code}"):
        sent(asked())
    assert Device.objects.reached_by("webpush", device.user).count() == 1


def test_one_device_that_is_refused_does_not_make_a_dead_letter_of_the_others(
    asked: Asked, services: list[CallbackServer], subscribed: Subscribed
) -> None:
    services[0].answers = [status(403)]
    for each in services:
        subscribed(each.url)
    sent(asked())
    assert len(services[1].received) == 1


def test_an_address_that_leads_inside_is_not_called(
    asked: Asked, service: CallbackServer, subscribed: Subscribed, site: Configure
) -> None:
    """It was taken when the site allowed it; a name may also lead elsewhere today."""
    subscribed(service.url)
    site(OUTBOUND_ALLOW_LOOPBACK=False)
    with pytest.raises(GiveUp, match="the subscription of a device cannot be used"):
        sent(asked())
    assert service.received == []


def test_an_address_whose_key_is_lost_keeps_no_other_device_waiting(
    asked: Asked, services: list[CallbackServer], subscribed: Subscribed, settings: Any
) -> None:
    subscribed(services[0].url)
    settings.SECRET_KEY = "another-" + "1" * 40
    found = asked()
    with pytest.raises(GiveUp, match="the address of a device cannot be decrypted"):
        sent(found)
    subscribed(services[1].url)
    sent(found)
    assert [len(each.received) for each in services] == [0, 1]


# --- whom it reaches ------------------------------------------------------------------------------


def test_whether_it_reaches_a_user_costs_no_statement(alice: User) -> None:
    with CaptureQueriesContext(connection) as statements:
        assert reachable_channels(alice) == ["webpush"]
    assert len(statements) == 0


def test_nothing_is_sent_for_a_user_without_a_device(asked: Asked) -> None:
    found = asked()
    assert run_due() == 1
    ended = the_delivery(found)
    assert (ended.state, ended.problem) == (
        "withdrawn",
        "the user has no device that this channel sends to",
    )


def test_a_prompt_with_a_passcode_does_not_go_by_web_push(alice: User) -> None:
    assert reachable_channels(alice, secret=True) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"VAPID_PRIVATE_KEY": None}, "webpush needs VAPID_PRIVATE_KEY, which is not set"),
        ({"VAPID_CONTACT": None}, "webpush needs VAPID_CONTACT, which is not set"),
    ],
)
def test_without_its_settings_it_reaches_nobody_and_what_waits_is_tried_again(
    asked: Asked, alice: User, site: Configure, changes: dict[str, Any], problem: str
) -> None:
    found = asked()
    site(**changes)
    assert reachable_channels(alice) == []
    assert vapid_public_key() == ""
    with pytest.raises(TryAgain, match=problem):
        sent(found)


def test_without_the_extra_it_reaches_nobody(
    asked: Asked, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked()
    monkeypatch.setattr(web_push, "CAN_ENCODE", False)
    assert reachable_channels(alice) == []
    assert vapid_public_key() == ""
    with pytest.raises(TryAgain, match=r"pip install 'django-ciba\[webpush\]'"):
        sent(found)


# --- subscriptions --------------------------------------------------------------------------------

BROWSER = BrowserSubscription()
RIGHT = BROWSER.json("https://push.example.com/send/abc")


def with_keys(**keys: Any) -> dict[str, Any]:
    return {**RIGHT, "keys": {**RIGHT["keys"], **keys}}


POINT = "keys.p256dh must be 65 octets as base64url, without padding"
AUTH = "keys.auth must be 16 octets as base64url, without padding"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (RIGHT, None),
        ({**RIGHT, "more": [1]}, None),
        (None, "the subscription must be an object"),
        ([RIGHT], "the subscription must be an object"),
        ({}, "endpoint must be a string"),
        ({**RIGHT, "endpoint": 7}, "endpoint must be a string"),
        ({**RIGHT, "endpoint": "http://push.example.com/"}, "endpoint must begin with https://"),
        (
            {**RIGHT, "endpoint": "https://169.254.169.254/latest"},
            "endpoint must not point to a private or special address",
        ),
        ({**RIGHT, "endpoint": "https://localhost/"}, "endpoint must not point to this machine"),
        (
            {**RIGHT, "endpoint": "https://push.example.com/" + "x" * 2048},
            "endpoint must be 1 to 2048 printable ASCII characters without a backslash",
        ),
        (
            {**RIGHT, "endpoint": "https://[2606:4700::1111]/"},
            "endpoint must name its host, and not by an IPv6 address",
        ),
        ({**RIGHT, "keys": None}, "keys must be an object with p256dh and auth"),
        ({**RIGHT, "keys": {}}, POINT),
        (with_keys(p256dh=7), POINT),
        (with_keys(p256dh=base64url(BROWSER.public[:-1])), POINT),
        (with_keys(p256dh=RIGHT["keys"]["p256dh"] + "="), POINT),
        (
            with_keys(p256dh=base64url(b"\x04" + b"\x01" * 64)),
            "keys.p256dh must be a point of the curve P-256, uncompressed",
        ),
        (
            with_keys(p256dh=base64url(b"\x05" + BROWSER.public[1:])),
            "keys.p256dh must be a point of the curve P-256, uncompressed",
        ),
        (with_keys(auth=None), AUTH),
        (with_keys(auth=base64url(b"x" * 15)), AUTH),
        (with_keys(auth=base64url(b"x" * 17)), AUTH),
    ],
)
def test_a_subscription_is_refused_in_words(
    value: Any, problem: str | None, site: Configure
) -> None:
    site(OUTBOUND_ALLOW_LOOPBACK=False)
    assert subscription_problem(value) == problem


def test_a_subscription_has_one_spelling() -> None:
    shuffled = {
        "keys": dict(reversed(RIGHT["keys"].items())),
        "expirationTime": 7,
        "endpoint": RIGHT["endpoint"],
    }
    assert subscription_address(shuffled) == subscription_address(RIGHT)
    assert "expirationTime" not in subscription_address(RIGHT)


# --- the key --------------------------------------------------------------------------------------


def test_browsers_subscribe_with_the_public_half(site: Configure) -> None:
    assert vapid_public_key() == PUBLIC
    site(PROMPT_CHANNELS=["email"])
    assert vapid_public_key() == ""


def test_the_command_prints_settings_that_work(
    site: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ciba_webpush_key")
    printed = capsys.readouterr().out
    lines = "\n".join(line for line in printed.splitlines() if not line.startswith("#"))
    written: dict[str, str] = eval("{" + lines + "\n}")  # noqa: S307 - as a settings file would
    site(**written)
    assert written["VAPID_CONTACT"] == "mailto:ops@example.com"
    assert len(from_base64url(written["VAPID_PRIVATE_KEY"])) == 32
    assert f"# {vapid_public_key()}\n" in printed
    call_command("ciba_webpush_key")
    assert capsys.readouterr().out != printed


def test_only_requests_that_wait_are_pushed(asked: Asked) -> None:
    found = asked()
    AuthenticationRequest.objects.cancel(found.pk, timezone.now())
    with pytest.raises(Withdrawn):
        sent(found)
