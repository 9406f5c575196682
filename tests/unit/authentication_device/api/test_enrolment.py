"""An app becomes a device, once for each code and each key, and only with the key in hand."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser, User
from django.utils import timezone

from django_ciba.due import cleanup
from django_ciba.hooks import CibaHooks
from django_ciba.jose import PrivateKey
from django_ciba.models import AuditEvent, Device, DeviceEnrolment
from django_ciba.models.device import DeviceQuerySet
from tests.proofs import ProofMaker
from tests.unit.authentication_device.api.app import (
    API,
    FCM_TOKEN,
    NOTHING,
    App,
    enrolled,
    refusal,
)

pytestmark = pytest.mark.django_db


class LockedOut(CibaHooks):
    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        return False


OLD = (400, "invalid_code", "the code is unknown, used or too old: have the user make another")


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_an_app_enrols_its_key_and_hears_what_it_is_here(alice: User, alg: str) -> None:
    app = App(PrivateKey.generate(alg))
    answer = app.enrol(alice, push={"channel": "fcm", "token": FCM_TOKEN})
    assert answer.status_code == 201
    stored = Device.objects.get()
    assert answer.json() == {
        "id": str(stored.public_id),
        "name": "Alice's phone",
        "user": "alice",
        "audience": API,
        "push": "fcm",
        "created_at": stored.created_at.isoformat().replace("+00:00", "Z"),
        "last_used_at": None,
    }
    assert (stored.user, stored.kind) == (alice, Device.Kind.APP)
    assert (stored.thumbprint, stored.public_jwk) == (app.proofs.jkt, app.proofs.jwk)
    assert (stored.channel, stored.address) == ("fcm", FCM_TOKEN)


def test_an_enrolment_is_written_down(alice: User) -> None:
    app = enrolled(alice)
    event = AuditEvent.objects.get()
    assert (event.event, event.user) == ("device_added", alice)
    assert event.detail == {
        "device": app.device["id"],
        "kind": "app",
        "name": "Alice's phone",
        "thumbprint": app.proofs.jkt,
    }


def test_a_code_is_good_once(alice: User) -> None:
    code = DeviceEnrolment.objects.start(alice, timezone.now(), 600)
    assert App().enrol(alice, code=code).status_code == 201
    assert refusal(App().enrol(alice, code=code)) == OLD


def test_an_old_code_is_refused_at_the_second(alice: User) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        code = DeviceEnrolment.objects.start(alice, timezone.now(), 600)
        clock.shift(600)
        assert refusal(App().enrol(alice, code=code)) == OLD
        clock.shift(-1)
        assert App().enrol(alice, code=code).status_code == 201


def test_a_new_code_ends_the_one_before(alice: User, bob: User) -> None:
    first = DeviceEnrolment.objects.start(alice, timezone.now(), 600)
    others = DeviceEnrolment.objects.start(bob, timezone.now(), 600)
    DeviceEnrolment.objects.start(alice, timezone.now(), 600)
    assert refusal(App().enrol(alice, code=first)) == OLD
    assert App().enrol(alice, code=others).status_code == 201


def test_an_unknown_code_is_refused(alice: User) -> None:
    assert refusal(App().enrol(alice, code="guessed")) == OLD


def test_a_key_is_enrolled_once_and_the_code_stays_good(alice: User, bob: User, app: App) -> None:
    code = DeviceEnrolment.objects.start(bob, timezone.now(), 600)
    assert refusal(App(app.key).enrol(bob, code=code)) == (
        409,
        "key_enrolled",
        "this key is that of a device already: make a new one",
    )
    assert App().enrol(bob, code=code).status_code == 201


def test_a_locked_user_enrols_nothing_and_the_code_stays(alice: User, settings: Any) -> None:
    code = DeviceEnrolment.objects.start(alice, timezone.now(), 600)
    hooks = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.LockedOut"}
    settings.DJANGO_CIBA, before = hooks, settings.DJANGO_CIBA
    assert refusal(App().enrol(alice, code=code)) == (
        403,
        "user_locked",
        "the user may not sign in at present",
    )
    settings.DJANGO_CIBA = before
    assert App().enrol(alice, code=code).status_code == 201


# --- the proof -----------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9449", "4.3")
def test_without_a_proof_nobody_enrols(alice: User) -> None:
    app = App()
    code = DeviceEnrolment.objects.start(alice, timezone.now(), 600)
    sent = {"code": code, "name": "phone", "public_jwk": app.proofs.jwk}
    answer = app.call("POST", "enrolment", sent, proof=None)
    said = "send a DPoP proof by the device's key with every call"
    assert refusal(answer) == (401, "invalid_dpop_proof", said)
    assert answer["WWW-Authenticate"] == (
        'DPoP realm="authentication device", error="invalid_dpop_proof", '
        f'error_description="{said}", algs="ES256 EdDSA"'
    )
    assert not Device.objects.exists()


def test_a_key_of_which_only_the_public_half_is_known_is_not_enrolled(alice: User) -> None:
    app = App()
    assert refusal(app.enrol(alice, public_jwk=ProofMaker().jwk)) == (
        401,
        "invalid_dpop_proof",
        "the DPoP proof must be signed by the key in public_jwk",
    )


def test_a_proof_is_used_once(alice: User) -> None:
    app = App()
    proof = app.proofs.proof("POST", f"{API}/enrolment")
    sent = {"code": "guessed", "name": "phone", "public_jwk": app.proofs.jwk}
    assert app.call("POST", "enrolment", sent, proof=proof).json()["error"] == "invalid_code"
    answer = app.call("POST", "enrolment", sent, proof=proof)
    assert refusal(answer) == (
        401,
        "invalid_dpop_proof",
        "DPoP: jti has been used; make a new proof for each request",
    )


# --- what is sent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value", "description"),
    [
        ("code", NOTHING, "code must be a string, and not empty"),
        ("code", "", "code must be a string, and not empty"),
        ("code", 7, "code must be a string, and not empty"),
        ("name", NOTHING, "name must be a string, and not empty"),
        ("name", ["phone"], "name must be a string, and not empty"),
        ("name", "   ", "name must have 1 to 100 characters"),
        ("name", "x" * 101, "name must have 1 to 100 characters"),
        ("name", "ph\u202eone", "name must not hold characters that do not show"),
        ("name", "ph\u200bone", "name must not hold characters that do not show"),
        ("name", "ph\x00one", "name must not hold characters that do not show"),
        ("name", "e" + "\u0301" * 9, "name must not hold characters that do not show"),
        ("push", "fcm", "push must be an object with channel and token, or null"),
        ("push", {}, "push.channel must be fcm or apns"),
        ("push", {"channel": ["fcm"]}, "push.channel must be fcm or apns"),
        ("push", {"channel": "webpush", "token": "x"}, "push.channel must be fcm or apns"),
        ("push", {"channel": "fcm"}, "push.token is not one of that channel's"),
        ("push", {"channel": "fcm", "token": 7}, "push.token is not one of that channel's"),
        ("push", {"channel": "fcm", "token": "a b" * 9}, "push.token is not one of that channel's"),
        ("push", {"channel": "apns", "token": "../3/device/" + "0" * 64},
         "push.token is not one of that channel's"),
    ],
)  # fmt: skip
def test_each_wrong_member_is_named(alice: User, member: str, value: Any, description: str) -> None:
    assert refusal(App().enrol(alice, **{member: value})) == (400, "invalid_request", description)


KIND = "public_jwk must be a JWK of an EC key on P-256, or an Ed25519 key"


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"kty": "RSA"}, KIND),
        ({"kty": "oct", "k": "c2VjcmV0"}, KIND),
        ({"kty": ["EC"]}, KIND),
        ({"crv": "P-384"}, "public_jwk: crv of an EC key must be P-256"),
        ({"d": "AAAA"},
         "public_jwk: member d is private: replace this key, then send its public half"),
        ({"x": "AAAA"}, "public_jwk: x and y must be 32 octets each"),
        ({"y": 7}, "public_jwk: member y must be a string"),
        ({"use": "enc"}, "public_jwk: use of this key must be sig, or be left out"),
    ],
)  # fmt: skip
def test_each_wrong_key_is_refused(alice: User, changes: dict[str, Any], description: str) -> None:
    app = App()
    answer = app.enrol(alice, public_jwk={**app.proofs.jwk, **changes})
    assert refusal(answer) == (400, "invalid_request", description)


@pytest.mark.parametrize("value", [NOTHING, None, "key", [], 7])
def test_a_key_must_be_a_jwk(alice: User, value: Any) -> None:
    assert refusal(App().enrol(alice, public_jwk=value)) == (400, "invalid_request", KIND)


def test_a_small_order_point_is_no_ed25519_key(alice: User) -> None:
    app = App(PrivateKey.generate("EdDSA"))
    weak = {"kty": "OKP", "crv": "Ed25519", "x": "AQ" + "A" * 41}
    assert refusal(app.enrol(alice, public_jwk=weak)) == (
        400,
        "invalid_request",
        "public_jwk: x is not a usable point on Ed25519",
    )


def test_only_what_makes_the_key_is_kept(alice: User) -> None:
    app = App()
    app.enrol(alice, public_jwk={**app.proofs.jwk, "kid": "mine", "note": "<script>"})
    assert app.stored.public_jwk == app.proofs.jwk


def test_a_push_token_belongs_to_who_registers_it_last(alice: User, bob: User) -> None:
    push = {"channel": "fcm", "token": FCM_TOKEN}
    before, after = App(), App()
    before.enrol(alice, push=push)
    assert after.enrol(bob, push=push).status_code == 201
    assert (before.stored.channel, before.stored.address) == ("", "")
    assert list(Device.objects.reached_by("fcm", bob)) == [after.stored]


def test_a_token_that_is_registered_by_two_at_once_is_registered_once(
    alice: User, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has seen the other's row; the database lets one in."""
    monkeypatch.setattr(DeviceQuerySet, "release_address", lambda rows, address: None)
    push = {"channel": "fcm", "token": FCM_TOKEN}
    assert App().enrol(alice, push=push).status_code == 201
    said = (503, "temporarily_unavailable", "the push token is being registered; try again")
    assert refusal(App().enrol(alice, push=push)) == said
    assert refusal(app.call("PATCH", "device", {"push": push})) == said


def test_old_codes_are_cleaned_away(alice: User) -> None:
    now = timezone.now()
    DeviceEnrolment.objects.start(alice, now, 600)
    cleanup(now + timedelta(seconds=600))
    assert DeviceEnrolment.objects.exists()
    assert cleanup(now + timedelta(seconds=601))["device_enrolments"] == 1


def test_the_device_remembers_when_its_user_had_signed_in(alice: User) -> None:
    since = timezone.now() - timedelta(hours=3)
    code = DeviceEnrolment.objects.start(alice, timezone.now(), 600, authenticated_at=since)
    app = App()
    app.enrol(alice, code=code)
    assert app.stored.authenticated_at == since
