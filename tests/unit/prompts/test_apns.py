"""Apple's push service: HTTP/2 over TLS on loopback, with an authority of the tests' own."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.auth.models import User

from django_ciba.models import Device
from django_ciba.outbox import GiveUp, TryAgain, Withdrawn
from django_ciba.prompts import apns, reachable_channels
from tests.push_service import AppleService, Reply
from tests.unit.prompts.conftest import Asked, Configure, sent

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
App = Callable[..., Device]
Serve = Callable[..., AppleService]


def reason(status: int, said: str, **headers: str) -> Reply:
    return Reply(status, json.dumps({"reason": said}).encode(), headers)


@pytest.fixture(autouse=True)
def apns_site(site: Configure, tmp_path: Path) -> None:
    (tmp_path / "key.p8").write_bytes(PEM)
    site(
        PROMPT_CHANNELS=["apns"],
        APNS_KEY_FILE=str(tmp_path / "key.p8"),
        APNS_KEY_ID="KEY1234567",
        APNS_TEAM_ID="TEAM123456",
        APNS_TOPIC="com.example.app",
    )


@pytest.fixture
def serve(tmp_path: Path, site: Configure, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Apple's service, to be entered; it answers by device token."""

    def make(**options: Any) -> AppleService:
        service = AppleService(tmp_path, **options)
        monkeypatch.setattr(apns.ApnsChannel, "production", service.url)
        site(OUTBOUND_CA_BUNDLE=str(service.bundle))
        return service

    return make


def test_an_app_is_sent_an_opaque_id_and_words_of_its_own(
    asked: Asked, app: App, serve: Serve
) -> None:
    app("apns", "aa11")
    found = asked()
    with serve() as service:
        sent(found)
    (push,) = service.received
    assert json.loads(push.body) == {
        "aps": {"alert": {"loc-key": "django_ciba.request"}, "sound": "default"},
        "id": str(found.public_id),
    }
    head = push.headers
    assert (head[":method"], head[":path"]) == ("POST", "/3/device/aa11")
    assert head[":authority"] == service.url.removeprefix("https://")
    assert head["apns-topic"] == "com.example.app"
    assert (head["apns-push-type"], head["apns-priority"]) == ("alert", "10")
    assert found.prompt_until is not None
    assert abs(int(head["apns-expiration"]) - found.prompt_until.timestamp()) < 3
    assert 0 < len(head["apns-collapse-id"]) <= 64


def test_a_provider_token_is_signed_by_the_key_and_kept(
    asked: Asked, app: App, serve: Serve
) -> None:
    """Apple refuses new ones within 20 minutes, and those of more than an hour."""
    app("apns", "aa11")
    with serve() as service:
        sent(asked())
        sent(asked())
    first, second = (each.headers["authorization"] for each in service.received)
    assert first == second
    bearer = first.removeprefix("bearer ")
    assert jwt.get_unverified_header(bearer) == {"alg": "ES256", "kid": "KEY1234567"}
    claims = jwt.decode(bearer, KEY.public_key(), algorithms=["ES256"])
    assert set(claims) == {"iss", "iat"}
    assert claims["iss"] == "TEAM123456"
    assert time.time() - 1800 <= claims["iat"] <= time.time()


def test_all_devices_are_told_on_one_connection(asked: Asked, app: App, serve: Serve) -> None:
    for each in ("aa11", "bb22", "cc33"):
        app("apns", each)
    with serve(bb22=reason(410, "Unregistered")) as service:
        sent(asked())
    assert service.connections == 1
    assert len(service.received) == 3
    assert set(Device.objects.exclude(channel="").values_list("name", flat=True)) == {
        "aa11",
        "cc33",
    }


@pytest.mark.parametrize(
    "reply",
    [reason(410, "Unregistered"), reason(410, "ExpiredToken"), reason(400, "BadDeviceToken")],
)
def test_an_installation_that_is_gone_is_forgotten(
    asked: Asked, app: App, serve: Serve, reply: Reply
) -> None:
    device = app("apns", "aa11")
    with serve(aa11=reply), pytest.raises(Withdrawn, match="the user has no device"):
        sent(asked())
    device.refresh_from_db()
    assert (device.address, device.channel) == ("", "")


@pytest.mark.parametrize(
    ("reply", "said", "after"),
    [
        (
            reason(429, "TooManyRequests", **{"retry-after": "11"}),
            "the push service answered with status 429",
            11,
        ),
        (Reply(500), "the push service answered with status 500", 0),
        (reason(503, "Shutdown"), "the push service answered with status 503", 0),
        (
            reason(403, "ExpiredProviderToken"),
            "Apple did not take our provider token",
            0,
        ),
        (Reply(0), "the connection failed", 0),
        (Reply(-1), "the connection failed", 0),
        (Reply(-2), "took too long", 0),
    ],
)
def test_what_may_be_better_later_is_tried_again(
    asked: Asked, app: App, serve: Serve, site: Configure, reply: Reply, said: str, after: int
) -> None:
    device = app("apns", "aa11")
    site(OUTBOUND_DEADLINE=1.0)
    with serve(aa11=reply), pytest.raises(TryAgain, match=said) as caught:
        sent(asked())
    assert caught.value.after == after
    assert Device.objects.reached_by("apns", device.user).count() == 1


def test_those_told_before_a_connection_breaks_are_not_told_again(
    asked: Asked, app: App, serve: Serve
) -> None:
    """The one that came last is told first."""
    app("apns", "aa11")
    app("apns", "bb22")
    with serve(aa11=Reply(-1)) as service, pytest.raises(TryAgain) as caught:
        sent(asked())
    assert caught.value.partly
    assert [each.headers[":path"] for each in service.received] == [
        "/3/device/bb22",
        "/3/device/aa11",
    ]


@pytest.mark.parametrize("said", ["DeviceTokenNotForTopic", "BadTopic", "TopicDisallowed"])
def test_a_refusal_ends_it_and_the_device_is_kept(
    asked: Asked, app: App, serve: Serve, said: str
) -> None:
    device = app("apns", "aa11")
    with (
        serve(aa11=reason(400, said)),
        pytest.raises(GiveUp, match="the push service answered with status 400"),
    ):
        sent(asked())
    assert Device.objects.reached_by("apns", device.user).count() == 1


def test_a_device_token_names_no_other_path(asked: Asked, app: App, serve: Serve) -> None:
    app("apns", "../../x y\r\nz")
    with serve() as service:
        sent(asked())
    assert service.received[0].headers[":path"] == "/3/device/..%2F..%2Fx%20y%0D%0Az"


def test_a_server_of_another_authority_is_told_nothing(
    asked: Asked, app: App, serve: Serve, site: Configure
) -> None:
    app("apns", "aa11")
    service = serve()
    site(OUTBOUND_CA_BUNDLE=None)
    with service, pytest.raises(TryAgain, match="the certificate is not valid for this host"):
        sent(asked())
    assert service.received == []


def test_a_server_without_http2_is_told_nothing(asked: Asked, app: App, serve: Serve) -> None:
    app("apns", "aa11")
    with (
        serve(alpn="http/1.1") as service,
        pytest.raises(TryAgain, match=r"the (other side does not speak h2|connection failed)"),
    ):
        sent(asked())
    assert service.received == []


def test_a_development_build_is_told_by_the_sandbox(
    asked: Asked, app: App, serve: Serve, site: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    app("apns", "aa11")
    site(APNS_SANDBOX=True)
    with serve() as service:
        monkeypatch.setattr(apns.ApnsChannel, "sandbox", service.url)
        monkeypatch.setattr(apns.ApnsChannel, "production", "https://127.0.0.1:9")
        sent(asked())
    assert len(service.received) == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"APNS_KEY_FILE": None}, "apns needs APNS_KEY_FILE, which is not set"),
        ({"APNS_KEY_ID": None}, "apns needs APNS_KEY_ID, which is not set"),
        ({"APNS_TEAM_ID": None}, "apns needs APNS_TEAM_ID, which is not set"),
        ({"APNS_TOPIC": None}, "apns needs APNS_TOPIC, which is not set"),
        ({"APNS_KEY_FILE": "/no/such/file"}, "is not a file that this process can read"),
        ({"APNS_KEY_FILE": __file__}, r"is not a key \(.p8\) of Apple's"),
    ],
)
def test_half_set_up_it_reaches_nobody(
    asked: Asked, alice: User, site: Configure, changes: dict[str, Any], problem: str
) -> None:
    found = asked()
    site(**changes)
    assert reachable_channels(alice) == []
    with pytest.raises(TryAgain, match=problem):
        sent(found)


def test_without_the_extra_it_reaches_nobody(
    asked: Asked, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked()
    monkeypatch.setattr(apns, "CAN_SPEAK", False)
    assert reachable_channels(alice) == []
    with pytest.raises(TryAgain, match=r"pip install 'django-ciba\[apns\]'"):
        sent(found)
