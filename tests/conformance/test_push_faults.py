"""Push on a bad night: keys that are lost, a client's own key that cannot be read, no retention."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client as HttpClient

from django_ciba.conf import ciba_settings
from django_ciba.due import cleanup, run_due
from django_ciba.jose import CAN_ENCRYPT
from django_ciba.models import AuthenticationRequest, Client, Delivery, Token
from django_ciba.models.prompt_limits import longest_memory
from tests import callback_server as endpoint
from tests.callback_server import CallbackServer
from tests.conformance.called import (
    ask,
    attempts,
    call_of,
    called_client,
    keeps_secrets,
    live,
    pass_by,
    settle,
    site_that_calls,
)
from tests.conformance.conftest import RelyingParties
from tests.plugin import leave_out
from tests.provider import approve, deny, find
from tests.relying_party import RelyingParty

# A request is counted by the limits of prompts for a while after its end, and kept for that.
NO_LIMIT_COUNTS_IT = longest_memory(ciba_settings) + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def loopback(site: None, settings: Any) -> None:
    site_that_calls(settings, PUSH_DELIVERY=True)


@pytest.fixture
def rp(relying_party: RelyingParties, callback: CallbackServer) -> RelyingParty:
    return called_client(relying_party, "push", callback)


# --- a client that polls after all ----------------------------------------------------------------


def test_tokens_that_a_client_has_polled_for_outlive_the_push_that_is_withdrawn(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    """Its mode was changed between the approval and the worker."""
    auth_req_id = ask(rp)
    approve(auth_req_id)
    rp.client.backchannel_token_delivery_mode = "poll"
    rp.client.save()
    tokens = rp.poll(auth_req_id).json()
    settle()
    assert call_of(auth_req_id).state == "withdrawn"
    assert callback.received == []
    assert live(tokens["access_token"])
    assert rp.refresh(tokens["refresh_token"]).status_code == 200


# --- a client whose key cannot be read ------------------------------------------------------------


@pytest.fixture
def keyless(rp: RelyingParty) -> RelyingParty:
    """It wants ID tokens encrypted, and its jwks_uri does not answer."""
    if not CAN_ENCRYPT:
        leave_out("the extra jwe is not installed")
    Client.objects.filter(pk=rp.client.pk).update(
        jwks=None,
        jwks_uri="http://127.0.0.1:9/",
        id_token_encrypted_response_alg="ECDH-ES",
        id_token_encrypted_response_enc="A256GCM",
        require_signed_request_object=False,
    )
    rp.signed = False
    return rp


@pytest.mark.requirement("CIBA Core", "12")
def test_a_client_to_whose_key_nothing_can_be_encrypted_is_told_when_its_request_has_expired(
    keyless: RelyingParty, callback: CallbackServer
) -> None:
    """Until then it is tried again, and each attempt says what is missing."""
    auth_req_id = ask(keyless, requested_expiry=60)
    approve(auth_req_id)
    settle()
    assert [each["error"] for each in callback.bodies] == ["expired_token"]
    *tries, last = attempts(call_of(auth_req_id))
    assert len(tries) > 1
    assert set(tries) == {("retry", "the provider found no key to encrypt to in the client's JWKS")}
    assert last == ("delivered", "")
    assert not Token.objects.exists()
    assert not keeps_secrets(auth_req_id)


@pytest.mark.requirement("CIBA Core", "10.3.1")
def test_once_the_key_can_be_read_the_tokens_are_pushed(
    keyless: RelyingParty, callback: CallbackServer
) -> None:
    auth_req_id = ask(keyless)
    approve(auth_req_id)
    run_due()
    assert callback.received == []
    Client.objects.filter(pk=keyless.client.pk).update(id_token_encrypted_response_alg="")
    keyless.client.save(update_fields=["updated_at"])
    settle()
    assert live(callback.bodies[0]["access_token"])
    assert call_of(auth_req_id).state == "delivered"


# --- an answer that is hard to read ---------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "10.3")
def test_a_client_that_took_its_tokens_has_taken_them_whatever_else_it_says(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    """A date of no calendar among the headers of a 200."""
    never = "Mon, 01 Jan 99999999999999 00:00:00 GMT"
    callback.answers = [endpoint.status(200, Retry_After=never)]
    auth_req_id = ask(rp)
    approve(auth_req_id)
    settle()
    assert len(callback.received) == 1
    assert attempts(call_of(auth_req_id)) == [("delivered", "")]


# --- secrets that nobody can decrypt --------------------------------------------------------------

LOST = "was encrypted with a key that is no longer in DJANGO_CIBA['ENCRYPTION_KEYS']"


def lose_the_key() -> None:
    """What waits for its client was encrypted with a key that the settings have no more."""
    lost = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_ciba_authenticationrequest"
            " SET client_notification_token = %s, auth_req_id_encrypted = %s",
            [lost, lost],
        )
        cursor.execute(
            "UPDATE django_ciba_delivery SET payload = %s WHERE payload <> ''",
            [lost],
        )


@pytest.mark.parametrize("end", [approve, deny, pass_by])
def test_a_call_whose_secrets_are_lost_ends_as_a_dead_letter_that_says_so(
    rp: RelyingParty, callback: CallbackServer, end: Callable[[str], Any]
) -> None:
    """The user's answer counts all the same, and the row is not swept for ever."""
    auth_req_id = ask(rp, requested_expiry=60)
    lose_the_key()
    end(auth_req_id)
    settle()
    assert callback.received == []
    delivery = call_of(auth_req_id)
    assert delivery.state == "dead"
    assert LOST in delivery.problem
    assert delivery.history.count() == delivery.attempts
    cleanup(find(auth_req_id).expires_at)
    assert not keeps_secrets(auth_req_id)


def test_tokens_whose_payload_is_lost_are_revoked(
    rp: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(500)]
    auth_req_id = ask(rp, requested_expiry=60)
    approve(auth_req_id)
    run_due()
    lose_the_key()
    settle()
    assert len(callback.received) == 1
    assert call_of(auth_req_id).state == "dead"
    assert not live(callback.bodies[0]["access_token"])


def test_operators_see_what_is_lost_and_the_cleanup_takes_it(
    rp: RelyingParty, admin_client: HttpClient
) -> None:
    asked, approved = ask(rp), ask(rp)
    approve(approved)
    lose_the_key()
    run_due()
    row, delivery = find(asked), call_of(approved)
    for page in (
        "authenticationrequest/",
        f"authenticationrequest/{row.pk}/change/",
        "delivery/",
        f"delivery/{delivery.pk}/change/",
    ):
        assert admin_client.get(f"/admin/django_ciba/{page}").status_code == 200, page
    with time_machine.travel(row.expires_at + timedelta(days=2)):
        run_due()
        cleanup()
    assert not AuthenticationRequest.objects.exists()


# --- no retention ---------------------------------------------------------------------------------


@pytest.fixture
def forgetful(rp: RelyingParty, settings: Any) -> RelyingParty:
    """Of a site that keeps no request that has ended."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "RETENTION": 0}
    return rp


@pytest.mark.requirement("CIBA Core", "12")
def test_a_client_is_told_of_an_expiry_before_the_request_is_deleted(
    forgetful: RelyingParty, callback: CallbackServer
) -> None:
    """Even where the cleanup comes before the sweep."""
    auth_req_id = ask(forgetful)
    with time_machine.travel(find(auth_req_id).expires_at + timedelta(seconds=1), tick=True):
        cleanup()
        assert find(auth_req_id).state == "expired"
        settle()
        assert [each["error"] for each in callback.bodies] == ["expired_token"]
    with time_machine.travel(find(auth_req_id).expires_at + NO_LIMIT_COUNTS_IT, tick=True):
        cleanup()
    assert not AuthenticationRequest.objects.exists()


def test_tokens_that_no_client_has_taken_are_revoked_before_the_request_is_deleted(
    forgetful: RelyingParty, callback: CallbackServer
) -> None:
    callback.answers = [endpoint.status(500)]
    auth_req_id = ask(forgetful)
    approve(auth_req_id)
    run_due()
    with time_machine.travel(find(auth_req_id).expires_at + timedelta(seconds=1), tick=True):
        cleanup()
        settle()
        assert Delivery.objects.get().state == "dead"
    with time_machine.travel(find(auth_req_id).expires_at + NO_LIMIT_COUNTS_IT, tick=True):
        cleanup()
        assert not AuthenticationRequest.objects.exists()
        assert not live(callback.bodies[0]["access_token"])
