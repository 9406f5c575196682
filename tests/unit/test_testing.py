"""django_ciba.testing: what sites test their journeys with behaves as the parties that it plays."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.jose import JoseError, PrivateKey, sign
from django_ciba.journeys import NotAnswerable
from django_ciba.models import AuthenticationRequest, Delivery, Realm, SigningKey
from django_ciba.testing import (
    Device,
    RelyingParty,
    do_what_is_due,
    find,
    make_journey,
    push_journey,
    status,
)
from tests.provider import make_user
from tests.unit.test_docs import DOCS, blocks, run_printed_tests

pytest_plugins = ["django_ciba.testing.fixtures"]

MakeRelyingParty = Callable[..., RelyingParty]
PING = {"backchannel_token_delivery_mode": "ping"}
PUSH = {"backchannel_token_delivery_mode": "push"}


@pytest.fixture(autouse=True)
def quick(ciba_settings: dict[str, Any], settings: Any) -> None:
    ciba_settings["PROMPT_CHANNELS"] = ["email"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> AbstractBaseUser:
    return make_user("alice")


@pytest.fixture
def device(alice: AbstractBaseUser, ciba_device: Callable[[AbstractBaseUser], Device]) -> Device:
    return ciba_device(alice)


def begun(rp: RelyingParty) -> str:
    return rp.auth_req_id(login_hint="alice")


# --- the relying party ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "private_key_jwt", "alg": "PS256"},
        {"require_signed_request_object": False},
        {"id_token_signed_response_alg": "EdDSA"},
    ],
)
def test_a_poll_client_gets_tokens_and_believes_them(
    ciba_relying_party: MakeRelyingParty, device: Device, columns: dict[str, Any]
) -> None:
    rp = ciba_relying_party(**columns)
    auth_req_id = begun(rp)
    with pytest.raises(AssertionError, match="authorization_pending"):
        rp.tokens(auth_req_id)
    device.approve()
    find(auth_req_id)  # by its name
    assert rp.tokens(auth_req_id)["token_type"] == "Bearer"


def test_a_realm_of_its_own_has_addresses_of_its_own(
    ciba_relying_party: MakeRelyingParty, ciba_realm: Realm, device: Device
) -> None:
    branch = Realm.objects.create(name="alpha", parent=ciba_realm)
    SigningKey.objects.ensure(branch)
    make_journey(branch, push_journey())
    rp = ciba_relying_party(realm=branch)
    assert rp.mount.endswith("/realms/root/realms/alpha/")
    auth_req_id = begun(rp)
    device.approve(auth_req_id)
    assert rp.verified_id_token(rp.tokens(auth_req_id))["iss"] == branch.issuer


def test_an_id_token_that_nobody_should_believe_is_not_believed(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party()
    auth_req_id = begun(rp)
    device.approve()
    tokens = rp.tokens(auth_req_id)
    claims = rp.verified_id_token(tokens)
    with pytest.raises(AssertionError):
        rp.verified_id_token({**tokens, "access_token": "another"})
    forged = sign(claims, PrivateKey.generate("ES256"))
    with pytest.raises(JoseError):
        rp.verified_id_token({**tokens, "id_token": forged})
    ours = SigningKey.objects.get(alg="ES256", state="current").private_key
    for change in ({"iss": "https://x.example"}, {"aud": "another"}, {"exp": claims["iat"]}):
        with pytest.raises(AssertionError):
            rp.verified_id_token({**tokens, "id_token": sign({**claims, **change}, ours)})


def test_a_client_takes_its_request_back(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party()
    assert rp.cancel(begun(rp)).status_code == 200
    assert device.waiting() == []


def test_a_ping_client_reads_what_it_was_called_about(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party(**PING)
    first, second = begun(rp), begun(rp)
    device.approve(first)
    device.deny(second)
    assert rp.pings() == []
    do_what_is_due()
    assert sorted(rp.pings()) == sorted([first, second])
    rp.tokens(first)
    rp.client_notification_token = "another"
    with pytest.raises(AssertionError, match="another token"):
        rp.pings()


def test_a_poll_client_is_not_called(ciba_relying_party: MakeRelyingParty) -> None:
    with pytest.raises(AssertionError, match="has no callback server"):
        ciba_relying_party().pings()


def test_a_push_client_verifies_what_was_sent_to_it(
    ciba_relying_party: MakeRelyingParty, ciba_settings: dict[str, Any], device: Device
) -> None:
    ciba_settings["PUSH_DELIVERY"] = True
    rp = ciba_relying_party(**PUSH)
    auth_req_id, denied = begun(rp), begun(rp)
    device.approve(auth_req_id)
    device.deny(denied)
    with pytest.raises(AssertionError, match="nothing was pushed"):
        rp.pushed(auth_req_id)
    do_what_is_due()
    assert rp.userinfo(rp.pushed(auth_req_id)["access_token"]).status_code == 200
    assert rp.pushed(denied)["error"] == "access_denied"


def test_a_callback_server_fails_as_it_is_told(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party(**PING)
    assert rp.callback is not None
    rp.callback.answers = [status(503), status(204)]
    auth_req_id = begun(rp)
    device.approve()
    do_what_is_due()
    assert rp.pings() == [auth_req_id]
    call = Delivery.objects.get(kind=Delivery.Kind.PING)
    assert call.state == Delivery.State.DUE
    do_what_is_due(call.due_at)
    assert rp.pings() == [auth_req_id, auth_req_id]
    call.refresh_from_db()
    assert call.state == Delivery.State.DELIVERED


# --- the device -----------------------------------------------------------------------------------


def test_a_device_shows_what_waits_for_its_user_alone(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party()
    auth_req_id = begun(rp)
    other = Device(make_user("bob"))
    assert (len(device.waiting()), other.waiting()) == (1, [])
    assert (device.inbox(), other.inbox()) == ([str(find(auth_req_id).public_id)], [])
    with pytest.raises(AssertionError, match="another user"):
        other.approve(auth_req_id)
    assert other.approve_in_inbox(auth_req_id).status_code == 404
    assert find(auth_req_id).status == AuthenticationRequest.Status.PENDING


def test_answers_in_the_inbox_are_those_of_a_browser(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party()
    approved, denied = begun(rp), begun(rp)
    assert device.approve_in_inbox(approved).status_code == 303
    assert device.deny_in_inbox(denied).status_code == 303
    assert device.deny_in_inbox(approved).status_code == 409
    assert rp.verified_id_token(rp.tokens(approved))["amr"] == ["pwd"]
    assert rp.poll(denied).json()["error"] == "access_denied"


def test_an_answer_that_comes_late_is_not_taken(
    ciba_relying_party: MakeRelyingParty, device: Device
) -> None:
    rp = ciba_relying_party()
    auth_req_id = begun(rp)
    with time_machine.travel(timedelta(hours=1)):
        assert do_what_is_due() > 0
        with pytest.raises(NotAnswerable):
            device.approve(auth_req_id)
        assert device.approve_in_inbox(auth_req_id).status_code == 410


# --- realms and journeys --------------------------------------------------------------------------


def test_a_journey_that_cannot_be_walked_is_refused(ciba_realm: Realm) -> None:
    document = push_journey()
    document["nodes"]["wait"]["outcomes"] = {"done": "nowhere"}
    with pytest.raises(ValueError, match="must name a node"):
        make_journey(ciba_realm, document, acr="broken")


def test_a_site_that_has_a_root_realm_keeps_it(
    ciba_realm: Realm, request: pytest.FixtureRequest
) -> None:
    assert Realm.objects.get(path="/") == ciba_realm
    assert request.getfixturevalue("ciba_realm") == ciba_realm


# --- the page -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_the_examples_of_the_page_pass_as_printed(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "test-your-journeys.md").read_text(encoding="utf-8")
    written = [block for block in blocks(page, "python") if block.file is not None]
    assert len(written) == 5
    assert "6 passed" in run_printed_tests(written, tmp_path)
