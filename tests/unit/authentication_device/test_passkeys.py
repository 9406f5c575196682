"""Passkeys: made after a fresh login, and signing for one prompt of one request."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from django_ciba.authentication_device import passkeys
from django_ciba.authentication_device.passkeys import CHALLENGE_LIFETIME, user_handle
from django_ciba.journeys import Demand
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Device,
    Passkey,
    PasskeyChallenge,
    configuration,
)
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.authenticator import (
    Authenticator,
    b64,
    of_an_unknown_key,
)
from tests.unit.authentication_device.conftest import signed_in
from tests.unit.authentication_device.test_decisions import assert_untouched, page, stored
from tests.unit.authentication_device.test_devices import passkey
from tests.unit.authentication_device.test_refusals import noted

pytestmark = pytest.mark.django_db

Status, Event = AuthenticationRequest.Status, AuditEvent.Event
Fault = Callable[[Authenticator], None]


def no_verification(device: Authenticator) -> None:
    device.verifies_user = False


def another_origin(device: Authenticator) -> None:
    device.origin = "https://localhost.example"


def another_site(device: Authenticator) -> None:
    device.rp_id = "example.com"


def another_key(device: Authenticator) -> None:
    device.signs_with = ec.generate_private_key(ec.SECP256R1())


def counted_back(device: Authenticator) -> None:
    device.counter = 4


def vouched_for_by_an_unknown_key(device: Authenticator) -> None:
    device.attestation_format, device.certificates = "packed", [of_an_unknown_key()]


def vouched_for_by_nobody(device: Authenticator) -> None:
    device.attestation_format, device.certificates = "packed", []


def vouched_for_by_a_u2f_key(device: Authenticator) -> None:
    device.attestation_format, device.certificates = "fido-u2f", [of_an_unknown_key()]


def of_an_unknown_format(device: Authenticator) -> None:
    device.attestation_format = "wax seal"


def of_itself_by_another_key(device: Authenticator) -> None:
    device.attestation_format = "packed"
    another_key(device)


def registered(browser: Client, device: Authenticator, name: str = "Telephone") -> Any:
    told = browser.post("/ciba/passkeys/options/").json()
    form = {
        "name": name,
        "challenge": told["challenge"],
        "credential": device.made(told["publicKey"]),
    }
    return browser.post("/ciba/passkeys/", form)


def asked(user: User, **fields: Any) -> AuthenticationRequest:
    return arrange.waiting(user, demand=Demand(passkey=True).stored(), **fields)


def told(browser: Client, found: AuthenticationRequest) -> dict[str, Any]:
    answer = browser.post(f"{page(found)}passkey/")
    assert answer.status_code == 200
    options: dict[str, Any] = answer.json()
    return options


def signed(
    browser: Client,
    found: AuthenticationRequest,
    device: Authenticator,
    options: dict[str, Any],
    **more: str,
) -> Any:
    form = {
        "verdict": "approved",
        "challenge": options["challenge"],
        "passkey": device.signed(options["publicKey"]),
    }
    return browser.post(page(found), form | more)


@pytest.fixture
def device(browser: Client) -> Authenticator:
    made = Authenticator()
    assert registered(browser, made).status_code == 303
    return made


# --- a passkey is made -------------------------------------------------------------------------


def test_the_browser_is_told_what_to_make(
    browser: Client, alice: User, device: Authenticator
) -> None:
    options = browser.post("/ciba/passkeys/options/").json()["publicKey"]
    assert options["rp"] == {"id": "localhost", "name": "localhost"}
    assert options["user"]["name"] == "alice"
    assert options["user"]["id"] == b64(user_handle(alice))
    chosen = options["authenticatorSelection"]
    assert (chosen["userVerification"], chosen["residentKey"]) == ("required", "preferred")
    assert options["attestation"] == "none"
    assert [each["id"] for each in options["excludeCredentials"]] == [device.name]


def test_a_passkey_is_stored_under_its_name(browser: Client, alice: User) -> None:
    device = Authenticator(synced=True)
    answer = registered(browser, device, "Alice's <telephone>")
    assert (answer.status_code, answer["Location"]) == (303, "/ciba/passkeys/?done=added")
    made = Passkey.objects.get()
    assert (made.user, made.name, made.credential_id) == (
        alice,
        "Alice's <telephone>",
        device.name,
    )
    assert (made.synced, made.transports, made.sign_count) == (True, ["internal"], 0)
    assert AuditEvent.objects.get(event=Event.PASSKEY_ADDED).user == alice
    text = browser.get(answer["Location"]).content.decode()
    assert "Your new passkey is saved." in text
    assert "Alice&#x27;s &lt;telephone&gt;" in text


@pytest.mark.parametrize(
    "fault",
    [
        no_verification,
        another_origin,
        another_site,
        vouched_for_by_an_unknown_key,
        vouched_for_by_nobody,
        vouched_for_by_a_u2f_key,
        of_an_unknown_format,
        of_itself_by_another_key,
    ],
)
def test_a_passkey_that_was_made_wrongly_is_refused(browser: Client, fault: Fault) -> None:
    device = Authenticator()
    fault(device)
    answer = registered(browser, device)
    assert answer.status_code == 422
    assert "The passkey was not saved, since it could not be verified." in answer.content.decode()
    assert not Passkey.objects.exists()


def test_a_passkey_may_attest_itself(browser: Client) -> None:
    """WebAuthn §5.1.3: what a browser lets through where no attestation is asked for."""
    device = Authenticator()
    device.attestation_format = "packed"
    assert registered(browser, device).status_code == 303
    assert Passkey.objects.get().credential_id == device.name


def test_what_the_site_has_no_algorithm_for_is_refused(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(**given: Any) -> None:
        raise UnsupportedAlgorithm("ed25519 is not supported by this version of OpenSSL.")

    monkeypatch.setattr("webauthn.verify_registration_response", unsupported)
    assert registered(browser, Authenticator()).status_code == 422


def test_one_that_another_user_has_is_refused(bob: User, device: Authenticator) -> None:
    assert registered(signed_in(bob), device).status_code == 422
    assert Passkey.objects.count() == 1


def test_a_challenge_makes_one_passkey(browser: Client) -> None:
    options = browser.post("/ciba/passkeys/options/").json()
    forms = [
        {"name": "x", "challenge": options["challenge"], "credential": each.made(public)}
        for each in (Authenticator(), Authenticator())
        for public in (options["publicKey"],)
    ]
    assert browser.post("/ciba/passkeys/", forms[0]).status_code == 303
    assert browser.post("/ciba/passkeys/", forms[1]).status_code == 409
    assert Passkey.objects.count() == 1


@pytest.mark.parametrize(
    "credential",
    ["", "{", "[]", "{}", '{"id": 7}', '{"id": "x", "response": []}', "[" * 9000],
    ids=range(7),
)
def test_what_is_no_credential_is_refused(browser: Client, credential: str) -> None:
    options = browser.post("/ciba/passkeys/options/").json()
    form = {"name": "x", "challenge": options["challenge"], "credential": credential}
    assert browser.post("/ciba/passkeys/", form).status_code == 422


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\u202eb", "a\u200bb"])
def test_a_passkey_has_a_name_that_shows(browser: Client, name: str) -> None:
    options = browser.post("/ciba/passkeys/options/").json()
    made = Authenticator().made(options["publicKey"])
    form = {"name": name, "challenge": options["challenge"], "credential": made}
    assert browser.post("/ciba/passkeys/", form).status_code == 422
    assert not Passkey.objects.exists()


def test_an_old_login_makes_and_removes_none(alice: User) -> None:
    with time_machine.travel("2026-11-23T08:00:00Z", tick=False) as clock:
        browser, device = signed_in(alice), Authenticator()
        registered(browser, device)
        options = browser.post("/ciba/passkeys/options/").json()
        clock.shift(timedelta(minutes=15, seconds=1))
        assert browser.post("/ciba/passkeys/options/").status_code == 403
        form = {
            "name": "x",
            "challenge": options["challenge"],
            "credential": Authenticator().made(options["publicKey"]),
        }
        for sent in (form, {"remove": str(Passkey.objects.get().pk)}):
            answer = browser.post("/ciba/passkeys/", sent)
            assert answer.status_code == 403
            text = answer.content.decode()
            assert "Nothing was changed: you signed in too long ago." in text
            assert 'href="/ciba/sign-in-again/?next=%2Fciba%2Fpasskeys%2F"' in text
    assert Passkey.objects.count() == 1


def test_a_user_removes_their_own_passkey_and_no_other(
    browser: Client, bob: User, device: Authenticator
) -> None:
    pk = str(Passkey.objects.get().pk)
    for who, sent in ((signed_in(bob), pk), (browser, "1" + pk), (browser, "abc"), (browser, "")):
        answer = who.post("/ciba/passkeys/", {"remove": sent})
        assert answer.status_code == 404
        assert "It is not there any more." in answer.content.decode()
    assert Passkey.objects.exists()
    assert browser.post("/ciba/passkeys/", {"remove": pk}).status_code == 303
    assert not Passkey.objects.exists()
    assert AuditEvent.objects.filter(event=Event.PASSKEY_REMOVED).count() == 1


def test_a_site_without_the_extra_says_that_it_has_no_passkeys(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkeys, "INSTALLED", False)
    found = asked(alice)
    assert "This site uses no passkeys." in browser.get("/ciba/passkeys/").content.decode()
    assert browser.post("/ciba/passkeys/options/").status_code == 404
    assert browser.post(f"{page(found)}passkey/").status_code == 404
    form = {"verdict": "approved", "passkey": "{}", "challenge": "1"}
    assert browser.post(page(found), form).status_code == 422
    assert_untouched(found)


# --- a passkey approves ------------------------------------------------------------------------


def test_the_page_asks_for_the_passkey_and_says_what_a_browser_without_script_can_do(
    browser: Client, alice: User, device: Authenticator
) -> None:
    found = asked(alice)
    text = browser.get(page(found)).content.decode()
    assert f'data-passkey="{page(found)}passkey/"' in text
    assert 'src="/static/django_ciba/passkeys.js"' in text
    assert "which needs JavaScript. You can deny it without." in text
    plain = browser.get(page(arrange.waiting(alice))).content.decode()
    assert "passkeys.js" not in plain


@pytest.mark.parametrize("address", arrange.WITH_ITS_CARD)
@pytest.mark.parametrize("app", [True, False])
def test_who_has_no_passkey_is_sent_to_the_app_and_can_deny(
    browser: Client, alice: User, address: str, app: bool, settings: Any
) -> None:
    """What it lacks is said by what they have: an app that is believed, or nothing at all."""
    if app:
        settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": ["fpt"]}
        owned: dict[str, Any] = {"user": alice, "created_at": timezone.now()}
        Device.objects.create(name="The app", kind="app", thumbprint="x", **owned)
    found = asked(alice)
    text = browser.get(address.format(found.public_id)).content.decode()
    in_app = "Approve this in your app; here you can only deny it."
    nowhere = "To approve, you need a passkey, and you have none. Here you can only deny."
    assert (in_app in text, nowhere in text) == (app, not app)
    assert 'value="approved"' not in text
    assert "data-passkey=" not in text
    assert text.count('class="deny"') == 1
    assert browser.post(page(found), {"verdict": "denied"}).status_code == 303
    assert stored(found).status == Status.DENIED


def test_who_has_no_passkey_is_asked_for_none(browser: Client, alice: User) -> None:
    found = asked(alice)
    answer = browser.post(f"{page(found)}passkey/")
    assert (answer.status_code, answer.json()) == (404, {"error": "no_passkey"})
    assert not PasskeyChallenge.objects.exists()
    answer = browser.post(page(found), {"verdict": "approved"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "You have no passkey." in text
    assert "Use a browser with JavaScript" not in text
    assert_untouched(found)


def test_one_query_says_of_all_cards_whether_there_is_a_passkey(
    browser: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    arrange.waiting(alice)
    configuration().realms()  # a process has them in memory
    with django_assert_num_queries(3):
        browser.get("/ciba/")
    passkey(alice)
    for _ in range(3):
        asked(alice)
    with django_assert_num_queries(4):
        browser.get("/ciba/")


def test_the_passkey_is_asked_to_verify_its_user(
    browser: Client, alice: User, device: Authenticator
) -> None:
    options = told(browser, asked(alice))["publicKey"]
    assert options["userVerification"] == "required"
    assert options["rpId"] == "localhost"
    assert options["allowCredentials"] == [
        {"id": device.name, "type": "public-key", "transports": ["internal"]}
    ]


@pytest.mark.parametrize(("synced", "kind"), [(True, "swk"), (False, "hwk")])
def test_a_signature_approves_and_is_a_login_of_its_own(
    browser: Client, alice: User, synced: bool, kind: str
) -> None:
    device = Authenticator(synced=synced)
    registered(browser, device)
    found = asked(alice)
    before = timezone.now()
    answer = signed(browser, found, device, told(browser, found))
    assert (answer.status_code, answer["Location"]) == (303, page(found))
    now = stored(found)
    assert now.status == Status.AUTHORIZED
    assert now.amr == [kind, "user", "mfa"]
    assert now.authenticated_at is not None
    assert now.authenticated_at >= before
    assert Passkey.objects.get().last_used_at is not None
    assert not PasskeyChallenge.objects.exists()


def test_it_is_a_second_factor_and_a_fresh_login(
    browser: Client, alice: User, device: Authenticator
) -> None:
    demand = Demand(passkey=True, second_factor=True, max_login_age=1).stored()
    found = arrange.waiting(alice, demand=demand)
    with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=False):
        assert signed(browser, found, device, told(browser, found)).status_code == 303


@pytest.mark.parametrize(
    "fault", [no_verification, another_origin, another_site, another_key, counted_back]
)
def test_a_signature_with_a_fault_is_refused_and_written_down(
    browser: Client, alice: User, device: Authenticator, fault: Fault
) -> None:
    Passkey.objects.update(sign_count=5)
    found = asked(alice)
    device.counter = 6
    fault(device)
    answer = signed(browser, found, device, told(browser, found))
    assert answer.status_code == 422
    assert "that passkey could not be verified" in answer.content.decode()
    assert_untouched(found)
    assert noted(found) == [("passkey_refused", alice.pk)]
    assert Passkey.objects.get().sign_count == 5


def test_a_counter_that_grows_is_kept(browser: Client, alice: User, device: Authenticator) -> None:
    Passkey.objects.update(sign_count=5)
    found = asked(alice)
    device.counter = 6
    assert signed(browser, found, device, told(browser, found)).status_code == 303
    assert Passkey.objects.get().sign_count == 6


def test_another_users_passkey_does_not_approve(
    browser: Client, alice: User, bob: User, device: Authenticator
) -> None:
    bobs = Authenticator()
    registered(signed_in(bob), bobs)
    found = asked(alice)
    assert signed(browser, found, bobs, told(browser, found)).status_code == 422
    assert_untouched(found)


def test_a_challenge_is_good_once(browser: Client, alice: User, device: Authenticator) -> None:
    found = asked(alice)
    options = told(browser, found)
    device.verifies_user = False
    signed(browser, found, device, options)
    device.verifies_user = True
    answer = signed(browser, found, device, options)
    assert answer.status_code == 409
    assert "Press Approve again." in answer.content.decode()
    assert_untouched(found)
    assert noted(found) == [("passkey_refused", alice.pk), ("stale_challenge", alice.pk)]


def test_a_challenge_is_good_for_two_minutes(
    browser: Client, alice: User, device: Authenticator
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        early, late = (asked(alice, seconds=300) for _ in range(2))
        options = told(browser, early), told(browser, late)
        clock.shift(CHALLENGE_LIFETIME - timedelta(microseconds=1))
        assert signed(browser, early, device, options[0]).status_code == 303
        clock.shift(timedelta(microseconds=1))
        assert signed(browser, late, device, options[1]).status_code == 409
    assert_untouched(late)


def test_a_signature_for_one_request_is_none_for_another(
    browser: Client, alice: User, device: Authenticator
) -> None:
    one, another = asked(alice), asked(alice)
    options = told(browser, one)
    assert signed(browser, another, device, options).status_code == 409
    # Nor with that request's own challenge: what was signed names the request.
    own = told(browser, another)
    mixed = {"challenge": own["challenge"], "publicKey": options["publicKey"]}
    assert signed(browser, another, device, mixed).status_code == 422
    assert_untouched(another)


def test_nor_for_another_message(browser: Client, alice: User, device: Authenticator) -> None:
    found = asked(alice)
    options = told(browser, found)
    AuthenticationRequest.objects.update(binding_message="Pay £5000")
    assert signed(browser, found, device, options).status_code == 422
    assert_untouched(found)


def test_nor_for_a_later_prompt(browser: Client, alice: User, device: Authenticator) -> None:
    found = asked(alice)
    options = told(browser, found)
    AuthenticationRequest.objects.update(memory={"@prompts": 1})
    assert signed(browser, found, device, options).status_code == 409
    assert_untouched(found)


def test_another_users_challenge_is_stale_and_stays_theirs(
    browser: Client, alice: User, bob: User, device: Authenticator
) -> None:
    bobs = signed_in(bob)
    registered(bobs, Authenticator())
    theirs = told(bobs, asked(bob))
    found = asked(alice)
    assert signed(browser, found, device, theirs).status_code == 409
    assert PasskeyChallenge.objects.filter(pk=theirs["challenge"]).exists()


@pytest.mark.parametrize("challenge", ["", "x", "-1", "9" * 30, "٣"])
def test_a_challenge_that_is_none_is_stale(
    browser: Client, alice: User, device: Authenticator, challenge: str
) -> None:
    found = asked(alice)
    options = told(browser, found)
    answer = signed(browser, found, device, options, challenge=challenge)
    assert answer.status_code == 409


def test_what_is_no_assertion_is_refused(
    browser: Client, alice: User, device: Authenticator
) -> None:
    found = asked(alice)
    for given in ("{", "[]", json.dumps({"id": device.name}), json.dumps({"id": "\x00"})):
        options = told(browser, found)
        form = {"verdict": "approved", "challenge": options["challenge"], "passkey": given}
        assert browser.post(page(found), form).status_code == 422
    assert_untouched(found)


def test_a_yes_without_a_passkey_is_no_answer(
    browser: Client, alice: User, device: Authenticator
) -> None:
    found = asked(alice)
    answer = browser.post(page(found), {"verdict": "approved"})
    assert answer.status_code == 422
    assert "this is approved with your passkey" in answer.content.decode()
    assert_untouched(found)
    assert noted(found) == [("needs_passkey", alice.pk)]


def test_a_denial_needs_none(browser: Client, alice: User) -> None:
    found = asked(alice)
    assert browser.post(page(found), {"verdict": "denied"}).status_code == 303
    assert stored(found).status == Status.DENIED


def test_what_to_sign_for_anothers_request_is_not_told(
    browser: Client, alice: User, bob: User
) -> None:
    found = asked(bob)
    assert browser.post(f"{page(found)}passkey/").status_code == 404
    assert noted(found) == [("another_user", alice.pk)]
    assert browser.get(f"{page(asked(alice))}passkey/").status_code == 405


def test_challenges_that_nobody_came_back_for_are_swept_out(
    browser: Client, alice: User, device: Authenticator
) -> None:
    found = asked(alice, seconds=500)
    told(browser, found)
    with time_machine.travel(timezone.now() + CHALLENGE_LIFETIME, tick=False):
        told(browser, found)
    assert PasskeyChallenge.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "rp_id", "origins"),
    [
        ({}, "localhost", ("http://localhost:8000",)),
        ({"DEVICE_URL": "https://ID.example.com:443/ciba/"}, "id.example.com", ("https://id.example.com",)),
        ({"PASSKEY_RP_ID": "example.com"}, "example.com", ("http://localhost:8000",)),
        ({"PASSKEY_ORIGINS": ["https://a.example"]}, "localhost", ("https://a.example",)),
    ],
)  # fmt: skip
def test_domain_and_origins_come_from_the_devices_address(
    settings: Any, given: dict[str, Any], rp_id: str, origins: tuple[str, ...]
) -> None:
    from django_ciba.conf import ciba_settings

    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, **given}
    assert (ciba_settings.passkey_rp_id, ciba_settings.passkey_origins) == (rp_id, origins)
