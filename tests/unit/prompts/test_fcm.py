"""Firebase Cloud Messaging: a service account of ours, and Google's two endpoints on loopback."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.auth.models import User

from django_ciba.models import Device
from django_ciba.outbox import GiveUp, TryAgain, Withdrawn
from django_ciba.prompts import fcm, reachable_channels
from tests.callback_server import CallbackServer, status
from tests.unit.prompts.conftest import Asked, Configure, sent

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
App = Callable[..., Device]


def token(value: str = "an-access-token", seconds: int = 3600) -> Any:
    answer = {"access_token": value, "expires_in": seconds, "token_type": "Bearer"}
    return status(200, json.dumps(answer).encode())


def error(code: int, said: str, of_fcm: str | None = None, **headers: str) -> Any:
    """As the API writes its errors."""
    details = [
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": of_fcm}
    ]
    body = {"error": {"code": code, "status": said, "message": "m"}}
    if of_fcm:
        body["error"]["details"] = details
    return status(code, json.dumps(body).encode(), **headers)


@pytest.fixture
def google() -> Iterator[CallbackServer]:
    with CallbackServer(token()) as running:
        yield running


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[CallbackServer]:
    with CallbackServer(status(200, b'{"name": "projects/shop-1/messages/7"}')) as running:
        monkeypatch.setattr(fcm.FcmChannel, "api", running.url.removesuffix("/callback"))
        yield running


@pytest.fixture
def account(tmp_path: Path, google: CallbackServer) -> Path:
    path = tmp_path / "account.json"
    members = {
        "type": "service_account",
        "project_id": "shop-1",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "push@shop-1.iam.gserviceaccount.com",
        "token_uri": google.url,
    }
    path.write_text(json.dumps(members))
    return path


@pytest.fixture(autouse=True)
def fcm_site(site: Configure, account: Path) -> None:
    site(PROMPT_CHANNELS=["fcm"], FCM_SERVICE_ACCOUNT=str(account))


def test_an_app_is_sent_an_opaque_id_and_nothing_else(
    asked: Asked, app: App, service: CallbackServer
) -> None:
    app("fcm", "token-1")
    found = asked()
    sent(found)
    (push,) = service.received
    assert push.path == "/v1/projects/shop-1/messages:send"
    assert push.headers["authorization"] == "Bearer an-access-token"
    message = push.body["message"]
    assert message["token"] == "token-1"
    assert message["data"] == {"id": str(found.public_id)}
    assert message["android"]["priority"] == "HIGH"
    assert 110 < int(message["android"]["ttl"].removesuffix("s")) <= 120
    assert set(message) == {"token", "data", "android"}
    assert b"Shop" not in push.octets


def test_google_is_asked_for_a_token_by_our_key_and_for_messaging_alone(
    asked: Asked, app: App, service: CallbackServer, google: CallbackServer
) -> None:
    app("fcm", "token-1")
    sent(asked())
    (request,) = google.received
    form = parse_qs(request.octets.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    audience = "https://oauth2.googleapis.com/token"
    claims = jwt.decode(
        form["assertion"][0], KEY.public_key(), algorithms=["RS256"], audience=audience
    )
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert claims["iss"] == "push@shop-1.iam.gserviceaccount.com"


def test_a_token_is_asked_for_once_while_it_is_good(
    asked: Asked, app: App, service: CallbackServer, google: CallbackServer
) -> None:
    app("fcm", "token-1")
    sent(asked())
    sent(asked())
    assert len(google.received) == 1
    assert len(service.received) == 2


def test_a_file_that_changes_is_read_again(
    asked: Asked, app: App, service: CallbackServer, account: Path
) -> None:
    app("fcm", "token-1")
    sent(asked())
    account.write_text(account.read_text().replace("shop-1", "shop-2"))
    os.utime(account, (time.time() + 5, time.time() + 5))
    sent(asked())
    assert service.received[1].path == "/v1/projects/shop-2/messages:send"


@pytest.mark.parametrize("said", [("NOT_FOUND", "UNREGISTERED"), ("NOT_FOUND", None)])
def test_an_installation_that_is_gone_is_forgotten(
    asked: Asked, app: App, service: CallbackServer, said: tuple[str, str | None]
) -> None:
    service.answers = [error(404, *said)]
    device = app("fcm", "token-1")
    with pytest.raises(Withdrawn, match="the user has no device that this channel sends to"):
        sent(asked())
    device.refresh_from_db()
    assert (device.address, device.channel) == ("", "")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": {}}'])
def test_a_404_that_is_not_fcms_forgets_nobody(
    asked: Asked, app: App, service: CallbackServer, body: bytes
) -> None:
    service.answers = [status(404, body)]
    device = app("fcm", "token-1")
    with pytest.raises(GiveUp, match="the push service answered with status 404"):
        sent(asked())
    device.refresh_from_db()
    assert device.address == "token-1"


def test_a_busy_service_is_asked_again_when_it_says(
    asked: Asked, app: App, service: CallbackServer
) -> None:
    service.answers = [error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="30")]
    app("fcm", "token-1")
    with pytest.raises(TryAgain, match="the push service answered with status 429") as caught:
        sent(asked())
    assert caught.value.after == 30


@pytest.mark.parametrize("code", [400, 403])
def test_a_refusal_ends_it(asked: Asked, app: App, service: CallbackServer, code: int) -> None:
    service.answers = [error(code, "INVALID_ARGUMENT")]
    app("fcm", "token-1")
    with pytest.raises(GiveUp, match=f"the push service answered with status {code}"):
        sent(asked())


def test_a_token_that_is_not_taken_is_not_used_again(
    asked: Asked, app: App, service: CallbackServer, google: CallbackServer
) -> None:
    google.answers = [token("old"), token("new")]
    service.answers = [error(401, "UNAUTHENTICATED"), status(200)]
    app("fcm", "token-1")
    found = asked()
    with pytest.raises(TryAgain, match="Google did not take our access token"):
        sent(found)
    sent(found)
    assert [each.headers["authorization"] for each in service.received] == [
        "Bearer old",
        "Bearer new",
    ]


def test_without_a_token_nothing_is_sent_and_nothing_is_quoted(
    asked: Asked, app: App, service: CallbackServer, google: CallbackServer
) -> None:
    google.answers = [status(400, b'{"error": "invalid_grant", "error_description": "secret"}')]
    app("fcm", "token-1")
    with pytest.raises(TryAgain) as caught:
        sent(asked())
    assert str(caught.value) == "Google gave no access token to FCM_SERVICE_ACCOUNT"
    assert service.received == []


def test_a_token_endpoint_that_leads_inside_is_not_called(
    asked: Asked, app: App, service: CallbackServer, google: CallbackServer, site: Configure
) -> None:
    app("fcm", "token-1")
    site(OUTBOUND_ALLOW_LOOPBACK=False)
    with pytest.raises(TryAgain, match="Google's token endpoint could not be reached"):
        sent(asked())
    assert google.received == []


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (None, "fcm needs FCM_SERVICE_ACCOUNT, which is not set"),
        ("/no/such/file", "is not a file that this process can read"),
        ("empty", "is not the file of a service account's key"),
    ],
)
def test_without_its_file_it_reaches_nobody(
    asked: Asked, alice: User, site: Configure, tmp_path: Path, path: str | None, problem: str
) -> None:
    found = asked()
    (tmp_path / "empty").write_text("{}")
    site(FCM_SERVICE_ACCOUNT=str(tmp_path / "empty") if path == "empty" else path)
    assert reachable_channels(alice) == []
    with pytest.raises(TryAgain, match=problem):
        sent(found)


def test_without_the_extra_it_reaches_nobody(
    asked: Asked, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked()
    monkeypatch.setattr(fcm, "CAN_SIGN_IN", False)
    assert reachable_channels(alice) == []
    with pytest.raises(TryAgain, match=r"pip install 'django-ciba\[fcm\]'"):
        sent(found)
