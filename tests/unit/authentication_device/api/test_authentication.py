"""Every call proves the device's key, for this very call; a removed device is none."""

from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from django_ciba.jose import PrivateKey
from django_ciba.models import Device
from tests.proofs import ProofMaker
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.api.app import API, App, refusal
from tests.unit.authentication_device.conftest import signed_in

pytestmark = pytest.mark.django_db

ADDRESS = f"{API}/device"
HTU = "DPoP: htu must be the public address of what this request calls, without query and fragment"
EVERY_CALL = [
    ("GET", "device"),
    ("PATCH", "device"),
    ("DELETE", "device"),
    ("GET", "requests"),
    ("GET", "history"),
    ("GET", "requests/{id}"),
    ("POST", "requests/{id}/answer"),
    ("POST", "requests/{id}/report"),
]


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
def test_no_call_is_answered_without_a_proof(alice: User, app: App, method: str, path: str) -> None:
    found = arrange.waiting(alice)
    app.http = signed_in(alice)  # a browser's session is of no use here
    answer = app.call(method, path.format(id=found.public_id), {}, proof=None)
    said = "send a DPoP proof by the device's key with every call"
    assert refusal(answer) == (401, "invalid_dpop_proof", said)
    assert answer["WWW-Authenticate"].startswith('DPoP realm="authentication device", error=')
    assert answer["WWW-Authenticate"].endswith('algs="ES256 EdDSA"')


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
def test_no_call_is_answered_to_a_stranger_s_key(
    alice: User, app: App, method: str, path: str
) -> None:
    found = arrange.waiting(alice)
    answer = App().call(method, path.format(id=found.public_id), {})
    assert refusal(answer) == (
        401,
        "unknown_device",
        "no device is enrolled with the key of this proof",
    )
    assert 'error="unknown_device"' in answer["WWW-Authenticate"]


def test_a_removed_device_is_refused_at_once(app: App) -> None:
    assert app.call("GET", "device").status_code == 200
    Device.objects.all().delete()
    assert refusal(app.call("GET", "device"))[:2] == (401, "unknown_device")


def test_a_locked_user_s_device_is_refused(alice: User, app: App) -> None:
    alice.is_active = False
    alice.save()
    said = (403, "user_locked", "the user may not sign in at present")
    assert refusal(app.call("GET", "requests")) == said


@pytest.mark.requirement("RFC 9449", "4.3", "8")
@pytest.mark.requirement("RFC 9449", "4.3", "9")
@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"htm": "POST"}, "DPoP: htm must be the HTTP method of this request"),
        ({"htu": f"{API}/requests"},
         HTU),
        ({"htu": "http://testserver/ciba/api/device"},
         HTU),
        ({"iat": 1}, "DPoP: iat is too old; make a new proof for each request"),
        ({"iat": 2**31 - 1}, "DPoP: iat lies in the future"),
        ({"iat": True}, "DPoP: claim iat must be a number of seconds"),
        ({"jti": ""}, "DPoP: jti must be a string of 1 to 256 characters"),
    ],
)  # fmt: skip
def test_a_proof_is_for_this_very_call(app: App, changes: dict[str, Any], description: str) -> None:
    proof = app.proofs.proof("GET", ADDRESS, **changes)
    answer = app.call("GET", "device", proof=proof)
    assert refusal(answer) == (401, "invalid_dpop_proof", description)


def test_a_proof_is_used_once(app: App) -> None:
    proof = app.proofs.proof("GET", ADDRESS)
    assert app.call("GET", "device", proof=proof).status_code == 200
    assert refusal(app.call("GET", "device", proof=proof)) == (
        401,
        "invalid_dpop_proof",
        "DPoP: jti has been used; make a new proof for each request",
    )


def test_rsa_is_no_device_s_algorithm(app: App) -> None:
    proof = ProofMaker(PrivateKey.generate("RS256")).proof("GET", ADDRESS)
    assert refusal(app.call("GET", "device", proof=proof)) == (
        401,
        "invalid_dpop_proof",
        "DPoP: alg must be ES256 or EdDSA",
    )


@pytest.mark.requirement("RFC 9449", "8")
def test_where_nonces_are_asked_for_the_second_proof_carries_one(app: App, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DPOP_NONCE_REQUIRED": True}
    first = app.call("GET", "device")
    assert refusal(first)[:2] == (401, "use_dpop_nonce")
    proof = app.proofs.proof("GET", ADDRESS, nonce=first["DPoP-Nonce"])
    assert app.call("GET", "device", proof=proof).status_code == 200


def test_the_public_address_may_be_said(app: App, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_URL": "https://m.example.com/v1/"}
    assert refusal(app.call("GET", "device"))[1] == "invalid_dpop_proof"
    proof = app.proofs.proof("GET", "https://m.example.com/v1/device")
    answer = app.call("GET", "device", proof=proof)
    assert answer.json()["audience"] == "https://m.example.com/v1"


def test_the_last_use_is_noted_once_a_minute(app: App) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        app.call("GET", "device")
        first = app.stored.last_used_at
        clock.shift(59)
        app.call("GET", "device")
        assert app.stored.last_used_at == first
        clock.shift(1)
        app.call("GET", "device")
        assert app.stored.last_used_at != first
