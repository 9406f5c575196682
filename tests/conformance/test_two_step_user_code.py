"""The two-step user code (protocol §6): TBC Bank's calls in order, and what else somebody sends.

What is held here is our own reading of TBC's public description; the codes are CIBA Core's.
"""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.test import Client as HttpClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ciba.grants import HeldPoll, hold_for
from django_ciba.hooks import CibaHooks
from django_ciba.jose import CAN_ENCRYPT, ENCRYPTION_ENCS, decrypted, sign
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Delivery,
    Grant,
    Realm,
    Token,
    UserCode,
)
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.hints import SubjectIdentifier, UserHint
from django_ciba.protocol.parameters import Parameters
from django_ciba.testing import do_what_is_due
from django_ciba.tokens.middle_token import ACR, REQUEST, TYPE
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, at, signed_by
from tests.plugin import leave_out
from tests.provider import approve, find, key, make_journey, make_realm
from tests.relying_party import ASSERTION_TYPE, CIBA, Answer, RelyingParty, claims_of
from tests.two_steps import (
    POCKET,
    TWO_STEPS,
    Pocket,
    hint,
    take_two_steps,
    two_step_journey,
)

PROBLEM = "application/problem+json"
CLAIMS = {"userinfo": {"given_name": {"essential": True}, "family_name": None}}
PERSONAL_NUMBER = "01001011234"


class Bank(CibaHooks):
    """Knows its customers by their personal number."""

    def find_user(self, hint: UserHint, client: Any) -> AbstractBaseUser | None:
        if isinstance(hint, SubjectIdentifier) and hint.format == "personal_number":
            ours = hint.members["personal_number"] == PERSONAL_NUMBER
            return self.user_for_public_subject(_alice()) if ours else None
        return super().find_user(hint, client)


def _alice() -> str:
    return str(get_user_model().objects.get(username="alice").pk)


@pytest.fixture(autouse=True)
def bank(site: None, settings: Any, realm: Realm) -> Iterator[None]:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "PROMPT_CHANNELS": [POCKET],
        "HOOKS": f"{__name__}.Bank",
    }
    Pocket.read, Pocket.broken = [], False
    take_two_steps(realm)
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    """A client as TBC's are: a secret in the form, nothing signed, UserInfo as a JWT."""
    return relying_party(
        **TWO_STEPS,
        token_endpoint_auth_method="client_secret_post",
        userinfo_signed_response_alg="RS256",
    )


def first(rp: RelyingParty, **changes: Any) -> Answer:
    """The first call: who is meant, and what for."""
    return rp.authenticate(
        **{
            "scope": "openid profile",
            "login_hint": hint(personal_number=PERSONAL_NUMBER),
            "ui_locales": "ka en",
            "binding_message": None,
            **changes,
        }
    )


def begun(rp: RelyingParty, **changes: Any) -> str:
    answer = first(rp, **changes)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["auth_req_id"])


def middle_token(rp: RelyingParty, auth_req_id: str) -> str:
    """Sends what is due, and polls."""
    do_what_is_due()
    answer = rp.poll(auth_req_id)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["id_token"])


def second(rp: RelyingParty, token: str, code: str | None, **changes: Any) -> Answer:
    """The second call: the middle token and the passcode."""
    sent = {
        "id_token_hint": token,
        "user_code": code,
        "scope": None,
        "login_hint": None,
        "binding_message": None,
        **changes,
    }
    return rp.authenticate(**sent)


def refused(answer: Answer, error: str, words: str = "") -> None:
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.content
    assert words in answer.json()["error_description"], answer.content


def wrong(code: str) -> str:
    """Another passcode of the same length."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


# --- the calls, in order --------------------------------------------------------------------------


@pytest.mark.requirement("Protocol", "6")
@pytest.mark.parametrize("accept", ["application/json", PROBLEM])
def test_the_whole_sequence(rp: RelyingParty, realm: Realm, accept: str, alice: Any) -> None:
    """bc-authorize, access_token, bc-authorize, access_token, userinfo."""
    rp.http.defaults["HTTP_ACCEPT"] = accept

    started = first(rp, claims=json.dumps(CLAIMS))
    assert started.status_code == 200
    assert started["Content-Type"] == "application/json"
    assert started.json() == {
        "auth_req_id": started.json()["auth_req_id"],
        "expires_in": 600,
        "interval": 2,
    }
    auth_req_id = started.json()["auth_req_id"]

    waiting = rp.poll(auth_req_id)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    assert waiting["Content-Type"] == accept

    do_what_is_due()
    (prompt,) = Pocket.read
    assert prompt.user == alice
    assert prompt.ui_locales == "ka en"

    middle = rp.poll(auth_req_id)
    assert middle.status_code == 200, middle.content
    assert middle["Content-Type"] == "application/json"
    assert middle["Cache-Control"] == "no-store"
    assert set(middle.json()) == {"id_token", "expires_in"}
    assert middle.json()["expires_in"] == 300

    entered = second(rp, middle.json()["id_token"], prompt.passcode)
    assert entered.status_code == 200, entered.content
    assert entered["Content-Type"] == "application/json"
    assert entered.json() == {
        "auth_req_id": entered.json()["auth_req_id"],
        "expires_in": 600,
        "interval": 2,
    }
    assert entered.json()["auth_req_id"] != auth_req_id

    tokens = rp.tokens(entered.json()["auth_req_id"])
    assert tokens["scope"] == "openid profile"
    claims = claims_of(tokens["id_token"])
    assert claims["amr"] == ["otp"]
    assert claims["auth_time"] == NOW
    assert claims["sub"] == str(alice.pk)
    assert "acr" not in claims

    userinfo = rp.userinfo(tokens["access_token"])
    assert userinfo["Content-Type"] == "application/jwt"
    said = signed_by(realm, userinfo.content.decode(), "RS256", "JWT")
    assert said["sub"] == claims["sub"]
    assert (said["given_name"], said["family_name"]) == ("Alice", "Adams")


# --- the first step -------------------------------------------------------------------------------


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, "invalid_request"),
        ({"personal_number": PERSONAL_NUMBER, "msisdn": "995555123456"}, "invalid_request"),
        ({"personal_number": ""}, "invalid_request"),
        ({"passport": "17AA00001"}, "invalid_request"),
        ({"personal_number": "01001011235"}, "unknown_user_id"),
        ({"msisdn": "not a number"}, "unknown_user_id"),
    ],
)
def test_the_hint_is_one_of_two_numbers(
    rp: RelyingParty, members: dict[str, str], error: str
) -> None:
    refused(first(rp, login_hint=hint(**members)), error)
    assert AuthenticationRequest.objects.count() == 0


def test_a_passcode_is_sent_for_each_request_and_never_kept_in_the_clear(rp: RelyingParty) -> None:
    begun(rp), begun(rp)
    do_what_is_due()
    assert len({each.passcode for each in Pocket.read}) == 2
    for row in AuthenticationRequest.objects.values():
        assert not any(each.passcode in str(row) for each in Pocket.read)
    assert [each.payload for each in Delivery.objects.all()] == ["", ""]


# --- polling for the middle token -----------------------------------------------------------------


def test_it_is_not_there_before_the_passcode_has_gone_out(rp: RelyingParty) -> None:
    auth_req_id = begun(rp)
    Pocket.broken = True
    do_what_is_due()
    refused(rp.poll(auth_req_id), "authorization_pending")
    with at(1):
        refused(rp.poll(auth_req_id), "slow_down")
    Pocket.broken = False
    with at(60):
        assert middle_token(rp, auth_req_id)


def test_it_is_there_at_once_for_a_client_that_has_asked_too_often(rp: RelyingParty) -> None:
    auth_req_id = begun(rp)
    refused(rp.poll(auth_req_id), "authorization_pending")
    with at(1):
        refused(rp.poll(auth_req_id), "slow_down")
        assert middle_token(rp, auth_req_id)


def test_it_is_given_once(rp: RelyingParty) -> None:
    auth_req_id = begun(rp)
    token = middle_token(rp, auth_req_id)
    refused(rp.poll(auth_req_id), "invalid_grant", "has given its middle token")
    assert second(rp, token, Pocket.passcode()).status_code == 200
    refused(rp.poll(auth_req_id), "invalid_grant", "unknown, used, or was issued to another")


def test_no_access_token_comes_with_it_and_nothing_is_granted(rp: RelyingParty) -> None:
    middle_token(rp, begun(rp))
    assert (Grant.objects.count(), Token.objects.count()) == (0, 0)


def test_another_client_gets_nothing(rp: RelyingParty, relying_party: RelyingParties) -> None:
    auth_req_id = begun(rp)
    do_what_is_due()
    refused(relying_party(client_id="other", **TWO_STEPS).poll(auth_req_id), "invalid_grant")
    assert middle_token(rp, auth_req_id)


def test_a_client_of_one_step_gets_nothing_but_pending(
    rp: RelyingParty, relying_party: RelyingParties
) -> None:
    auth_req_id = begun(rp)
    do_what_is_due()
    rp.client.two_step_user_code = False
    rp.client.save()
    refused(rp.poll(auth_req_id), "authorization_pending")


def test_a_client_of_one_step_is_not_let_into_a_journey_that_it_could_not_finish(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(require_signed_request_object=False)
    refused(rp.authenticate(), "unauthorized_client", "two_step_user_code")
    assert rp.authenticate(acr_values="push").status_code == 200


def test_a_locked_account_gets_none(rp: RelyingParty, alice: AbstractBaseUser) -> None:
    auth_req_id = begun(rp)
    do_what_is_due()
    alice.is_active = False
    alice.save()
    refused(rp.poll(auth_req_id), "access_denied")


def test_there_is_none_when_the_passcode_has_run_out(rp: RelyingParty) -> None:
    auth_req_id = begun(rp)
    do_what_is_due()
    with at(300):
        refused(rp.poll(auth_req_id), "authorization_pending")
        do_what_is_due()
        refused(rp.poll(auth_req_id), "access_denied")


def test_there_is_none_when_the_request_has_run_out(rp: RelyingParty) -> None:
    auth_req_id = begun(rp, requested_expiry="60")
    do_what_is_due()
    with at(59):
        assert rp.poll(auth_req_id).json()["expires_in"] == 1
    other = begun(rp, requested_expiry="60")
    do_what_is_due()
    with at(60):
        refused(rp.poll(other), "expired_token")


def test_a_request_without_a_passcode_is_polled_for_as_ever(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser
) -> None:
    """The two steps belong to the journey; acr_values may lead to another."""
    auth_req_id = begun(rp, acr_values="push")
    do_what_is_due()
    refused(rp.poll(auth_req_id), "authorization_pending")
    approve(auth_req_id)
    assert rp.tokens(auth_req_id)


def test_what_a_poll_of_two_steps_costs(rp: RelyingParty, settings: Any) -> None:
    """Its row, whether the passcode has gone, and the pacing; then the row, the same, the claim."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 3600.0}
    middle_token(rp, begun(rp))  # the process has read the configuration and the key
    auth_req_id = begun(rp)
    with CaptureQueriesContext(connection) as pending:
        refused(rp.poll(auth_req_id), "authorization_pending")
    do_what_is_due()
    with CaptureQueriesContext(connection) as given:
        assert rp.poll(auth_req_id).status_code == 200
    assert (len(pending), len(given)) == (3, 3), given.captured_queries


def test_with_hide_unknown_users_nobody_is_pending_until_it_runs_out(
    relying_party: RelyingParties,
) -> None:
    """And so gives itself away, which the manual and check W093 say."""
    rp = relying_party(**TWO_STEPS, hide_unknown_users=True)
    auth_req_id = begun(rp, login_hint=hint(personal_number="01001011235"))
    do_what_is_due()
    refused(rp.poll(auth_req_id), "authorization_pending")


def test_a_request_that_waits_for_a_dpop_key_gives_none_to_whoever_shows_another(
    rp: RelyingParty,
) -> None:
    auth_req_id = begun(rp, dpop_jkt="A" * 43)
    do_what_is_due()
    refused(rp.poll(auth_req_id), "invalid_dpop_proof", "dpop_jkt")
    assert not find(auth_req_id).first_step_digest


def test_a_code_that_the_user_keeps_is_asked_for_in_the_first_step_as_ever(
    relying_party: RelyingParties, alice: AbstractBaseUser
) -> None:
    kept = UserCode(user=cast(Any, alice))
    kept.set_code("blue whale")
    kept.save()
    rp = relying_party(**TWO_STEPS, backchannel_user_code_parameter=True)
    refused(first(rp), "missing_user_code")
    refused(first(rp, user_code="red whale"), "invalid_user_code")
    token = middle_token(rp, begun(rp, user_code="blue whale"))
    refused(second(rp, token, "blue whale"), "invalid_user_code")
    assert second(rp, token, Pocket.passcode()).status_code == 200


def test_a_poll_of_two_steps_is_not_held(relying_party: RelyingParties) -> None:
    """It would be woken by a change of the request, and a passcode that goes out is none."""
    rp = relying_party(**TWO_STEPS, backchannel_long_polling=True)
    held: list[HeldPoll] = []

    def hold(poll: HeldPoll) -> bool:
        held.append(poll)
        return True

    holder = SimpleNamespace(held=None, hold=hold)
    asked = (
        holder,
        rp.client,
        Parameters({"auth_req_id": begun(rp)}),
        Confirmation(),
        timezone.now(),
    )
    hold_for(*asked)
    assert held == []
    rp.client.two_step_user_code = False
    hold_for(*asked)
    assert len(held) == 1


# --- what it is -----------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8725", "3.11")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_it_says_what_it_is_and_nothing_of_who_has_authenticated(
    relying_party: RelyingParties, realm: Realm, alice: AbstractBaseUser, alg: str
) -> None:
    rp = relying_party(**TWO_STEPS, id_token_signed_response_alg=alg)
    auth_req_id = begun(rp)
    claims = signed_by(realm, middle_token(rp, auth_req_id), alg, TYPE)
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "sub": str(alice.pk),
        "aud": "shop",
        "iat": NOW,
        "exp": NOW + 300,
        "acr": ACR,
        REQUEST: str(find(auth_req_id).public_id),
    }


def test_a_pairwise_client_reads_its_own_subject_in_it(
    relying_party: RelyingParties, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": "s" * 32}
    rp = relying_party(**TWO_STEPS, subject_type="pairwise")
    token = middle_token(rp, begun(rp))
    entered = second(rp, token, Pocket.passcode()).json()["auth_req_id"]
    subject = claims_of(token)["sub"]
    assert subject == claims_of(rp.tokens(entered)["id_token"])["sub"]
    assert len(subject) == 43


@pytest.mark.requirement("OIDC Core", "10.2")
def test_a_client_with_encrypted_id_tokens_gets_it_encrypted_and_sends_what_is_inside(
    relying_party: RelyingParties,
) -> None:
    if not CAN_ENCRYPT:
        leave_out("django-ciba[jwe] is not installed")
    own = key("ECDH-ES", "client")
    rp = relying_party(
        **TWO_STEPS,
        jwks={"keys": [key("ES256", "client").public_jwk, own.public_jwk]},
        id_token_encrypted_response_alg="ECDH-ES",
    )
    sealed = middle_token(rp, begun(rp))
    inside = decrypted(sealed, [own], algs=["ECDH-ES"], encs=ENCRYPTION_ENCS)
    refused(second(rp, sealed, Pocket.passcode()), "invalid_request", "must be the middle token")
    assert second(rp, inside, Pocket.passcode()).status_code == 200


@pytest.fixture
def middle(rp: RelyingParty) -> str:
    return middle_token(rp, begun(rp))


def test_it_is_no_access_token(rp: RelyingParty, middle: str) -> None:
    answer = rp.userinfo(middle)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_it_is_inactive(rp: RelyingParty, middle: str) -> None:
    assert rp.post("introspect", {"token": middle}).json() == {"active": False}


def test_revoking_it_changes_nothing(rp: RelyingParty, middle: str) -> None:
    assert rp.post("token/revoke", {"token": middle}).status_code == 200
    assert second(rp, middle, Pocket.passcode()).status_code == 200


def test_it_is_no_refresh_token(rp: RelyingParty, middle: str) -> None:
    refused(rp.refresh(middle), "invalid_grant")


def test_it_is_no_id_token_hint_of_a_client_of_one_step(rp: RelyingParty, middle: str) -> None:
    """The same client's, who has taken two steps no longer: none but that page takes it."""
    rp.client.two_step_user_code = False
    rp.client.save()
    answer = rp.authenticate(login_hint=None, id_token_hint=middle, acr_values="push")
    refused(answer, "invalid_request", "typ does not say that this JWT is meant for this place")


def test_it_is_no_login_hint_token_even_where_the_realm_trusts_itself(
    rp: RelyingParty, realm: Realm, middle: str
) -> None:
    jwks = {"keys": [each.public_jwk for each in realm.signing_keys.all()]}
    realm.settings = {"trusted_hint_issuers": [{"issuer": ISSUER, "jwks": jwks}]}
    realm.save()
    answer = rp.authenticate(login_hint=None, login_hint_token=middle)
    refused(answer, "invalid_request", "typ does not say that this JWT is meant for this place")


def test_it_is_no_client_assertion(relying_party: RelyingParties, middle: str) -> None:
    signs = relying_party(
        client_id="signs", token_endpoint_auth_method="private_key_jwt", **TWO_STEPS
    )
    answer = signs.post(
        "access_token",
        {
            "grant_type": CIBA,
            "auth_req_id": "x",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": middle,
        },
        authenticated=False,
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


# --- the second step ------------------------------------------------------------------------------


def test_the_passcode_is_needed(rp: RelyingParty, middle: str) -> None:
    refused(second(rp, middle, None), "missing_user_code")
    assert second(rp, middle, Pocket.passcode()).status_code == 200


def test_wrong_passcodes_are_counted_and_the_last_one_ends_it(
    rp: RelyingParty, middle: str
) -> None:
    code = Pocket.passcode()
    for _ in range(3):
        refused(second(rp, middle, wrong(code)), "invalid_user_code")
    assert AuthenticationRequest.objects.get().status == "failed"
    assert AuditEvent.objects.filter(event=AuditEvent.Event.WRONG_PASSCODE).count() == 3
    refused(second(rp, middle, code), "invalid_request", "has been used, or its request is over")


def test_a_right_passcode_after_a_wrong_one_counts(rp: RelyingParty, middle: str) -> None:
    code = Pocket.passcode()
    refused(second(rp, middle, wrong(code)), "invalid_user_code")
    assert second(rp, middle, code).status_code == 200


@pytest.mark.parametrize(
    "code", ["", "0", "\u00a0", "\uff11\uff12\uff13\uff14\uff15\uff16", "0" * 2000]
)
def test_a_passcode_of_any_form_is_refused_in_words(
    rp: RelyingParty, middle: str, code: str
) -> None:
    refused(second(rp, middle, code), "invalid_user_code" if code else "missing_user_code")


def test_token_and_passcode_work_once(rp: RelyingParty, middle: str) -> None:
    code = Pocket.passcode()
    entered = second(rp, middle, code).json()["auth_req_id"]
    refused(second(rp, middle, code), "invalid_request", "has been used")
    assert rp.tokens(entered)
    refused(second(rp, middle, code), "invalid_request", "has been used")
    refused(rp.poll(entered), "invalid_grant")


def test_the_passcode_of_another_request_is_wrong(rp: RelyingParty, middle: str) -> None:
    theirs = Pocket.passcode()
    token = middle_token(rp, begun(rp))
    ours = Pocket.passcode()
    assert theirs != ours  # one in a million runs fails here
    refused(second(rp, token, theirs), "invalid_user_code")
    assert second(rp, middle, theirs).status_code == 200


def test_the_time_that_is_left_is_the_first_steps(rp: RelyingParty, middle: str) -> None:
    with at(299):
        assert second(rp, middle, Pocket.passcode()).json()["expires_in"] == 301


def test_the_second_after_the_last_is_too_late(rp: RelyingParty, middle: str) -> None:
    with at(300):
        refused(second(rp, middle, Pocket.passcode()), "invalid_request", "claim exp")


def test_a_cancelled_request_is_over(rp: RelyingParty) -> None:
    auth_req_id = begun(rp)
    token = middle_token(rp, auth_req_id)
    assert rp.cancel(auth_req_id).status_code == 200
    refused(second(rp, token, Pocket.passcode()), "invalid_request", "its request is over")


def test_another_client_cannot_finish(
    rp: RelyingParty, relying_party: RelyingParties, middle: str
) -> None:
    other = relying_party(client_id="other", **TWO_STEPS)
    refused(second(other, middle, Pocket.passcode()), "invalid_request", "to another client")
    assert second(rp, middle, Pocket.passcode()).status_code == 200


def test_a_client_of_that_name_in_another_realm_cannot_finish(
    realm: Realm, relying_party: RelyingParties, middle: str
) -> None:
    alpha = make_realm("alpha", realm)
    other = relying_party(realm=alpha, **TWO_STEPS)
    refused(second(other, middle, Pocket.passcode()), "invalid_request", "must be the middle token")


def test_an_id_token_does_not_stand_in_its_place(rp: RelyingParty, middle: str) -> None:
    entered = second(rp, middle, Pocket.passcode()).json()["auth_req_id"]
    id_token = rp.tokens(entered)["id_token"]
    answer = second(rp, id_token, Pocket.passcode())
    refused(answer, "invalid_request", "id_token_hint must be the middle token")


@pytest.mark.parametrize(
    ("changes", "typ"),
    [
        ({}, None),  # a header without typ passes for any
        ({}, "JWT"),
        ({"acr": "push"}, TYPE),
        ({"iss": "https://other.example.com"}, TYPE),
        ({"aud": "other"}, TYPE),
        ({"aud": ["shop", "other"]}, TYPE),
        ({"exp": NOW}, TYPE),
        ({"exp": None}, TYPE),
    ],
)
def test_only_one_that_says_all_that_it_should_is_taken(
    rp: RelyingParty, realm: Realm, middle: str, changes: dict[str, Any], typ: str | None
) -> None:
    """By the realm's own key, which no client has: each thing that is looked at is looked at."""
    forged = sign({**claims_of(middle), **changes}, key("ES256", realm.path), typ=typ)
    answer = second(rp, forged, Pocket.passcode())
    refused(answer, "invalid_request", "id_token_hint must be the middle token")


@pytest.mark.parametrize("value", ["x", "a.b.c", "{}"])
def test_something_else_is_refused_in_words(rp: RelyingParty, value: str) -> None:
    refused(
        second(rp, value, "123456"), "invalid_request", "id_token_hint must be the middle token"
    )


@pytest.mark.parametrize("scope", ["openid profile", "openid", "profile openid"])
def test_the_scope_may_be_repeated_and_changes_nothing(
    rp: RelyingParty, middle: str, scope: str
) -> None:
    entered = second(rp, middle, Pocket.passcode(), scope=scope).json()["auth_req_id"]
    assert rp.tokens(entered)["scope"] == "openid profile"


def test_no_more_scope_can_be_had(rp: RelyingParty, middle: str) -> None:
    answer = second(rp, middle, Pocket.passcode(), scope="openid profile email")
    refused(answer, "invalid_scope")
    assert second(rp, middle, Pocket.passcode()).status_code == 200


@pytest.mark.parametrize("name", ["binding_message", "claims", "acr_values", "requested_expiry"])
def test_nothing_else_can_be_asked_for(rp: RelyingParty, middle: str, name: str) -> None:
    answer = second(rp, middle, Pocket.passcode(), **{name: "1"})
    refused(answer, "invalid_request", f"{name} belongs to the first step")


def test_two_hints_are_two_too_many(rp: RelyingParty, middle: str) -> None:
    answer = second(rp, middle, Pocket.passcode(), login_hint="alice")
    refused(answer, "invalid_request", "send exactly one of")


def test_an_account_that_was_locked_meanwhile_does_not_finish(
    rp: RelyingParty, middle: str, alice: AbstractBaseUser
) -> None:
    alice.is_active = False
    alice.save()
    answer = second(rp, middle, Pocket.passcode())
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")


@pytest.mark.requirement("RFC 8176", "2")
@pytest.mark.parametrize(
    ("went_by", "amr"),
    [(["sms"], ["otp", "sms"]), (["email"], ["otp"]), (["sms", "email"], ["otp"])],
)
def test_amr_says_sms_where_it_went_that_way_and_no_other(
    rp: RelyingParty, middle: str, went_by: list[str], amr: list[str]
) -> None:
    sent = Delivery.objects.get()
    for name in went_by:
        sent.channel = name
        sent.save()
        sent.pk, sent._state.adding = None, True
    if POCKET not in went_by:
        assert not Delivery.objects.filter(channel=POCKET).exists()
    entered = second(rp, middle, Pocket.passcode()).json()["auth_req_id"]
    assert claims_of(rp.tokens(entered)["id_token"])["amr"] == amr


def test_refusals_are_problems_for_whoever_asks_for_those(rp: RelyingParty, middle: str) -> None:
    rp.http.defaults["HTTP_ACCEPT"] = PROBLEM
    answer = second(rp, middle, wrong(Pocket.passcode()))
    assert answer["Content-Type"] == PROBLEM
    assert answer.json() == {
        "type": "about:blank",
        "title": "invalid_user_code",
        "status": 400,
        "detail": "user_code is not the passcode that this user was sent",
        "error": "invalid_user_code",
        "error_description": "user_code is not the passcode that this user was sent",
    }


# --- clients that sign, and clients that may not take two steps -----------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_a_client_that_signs_does_both_inside_the_signed_request(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(two_step_user_code=True)
    token = middle_token(rp, begun(rp))
    code = Pocket.passcode()
    unsigned = {"id_token_hint": token, "user_code": code}
    refused(rp.post("bc-authorize", unsigned), "invalid_request", "signed jwt")
    inside = dict.fromkeys(("login_hint", "scope", "binding_message")) | {"id_token_hint": token}
    request = rp.signed_request(**inside, user_code=wrong(code), jti="1")
    refused(rp.post("bc-authorize", {"request": request}), "invalid_user_code")
    refused(rp.post("bc-authorize", {"request": request}), "invalid_request", "jti has been used")
    beside = {"request": rp.signed_request(**inside), "user_code": code}
    refused(rp.post("bc-authorize", beside), "invalid_request", "must stand inside")
    entered = rp.post("bc-authorize", {"request": rp.signed_request(**inside, user_code=code)})
    assert rp.tokens(entered.json()["auth_req_id"])


@pytest.mark.parametrize(
    "changes",
    [
        {
            "backchannel_token_delivery_mode": "ping",
            "backchannel_client_notification_endpoint": "https://rp.example.com/ciba",
        },
        {
            "profile": "fapi-ciba",
            "require_signed_request_object": True,
            "token_endpoint_auth_method": "private_key_jwt",
            "dpop_bound_access_tokens": True,
        },
    ],
)
def test_one_that_was_stored_behind_the_back_of_registration_is_refused(
    relying_party: RelyingParties, changes: dict[str, Any]
) -> None:
    rp = relying_party(**{**TWO_STEPS, **changes})
    refused(rp.authenticate(), "unauthorized_client", "two_step_user_code")


# --- the user's no --------------------------------------------------------------------------------


def its_page(alice: AbstractBaseUser) -> tuple[HttpClient, str]:
    """The browser of who got the last message, signed in, and the page that it leads to."""
    browser = HttpClient()
    browser.force_login(cast(Any, alice))
    assert Pocket.read[-1].typed_at_client
    return browser, urlsplit(Pocket.read[-1].url).path


@pytest.mark.requirement("CIBA Core", "8")
def test_the_user_denies_it_where_the_message_leads(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    auth_req_id = begun(rp)
    token = middle_token(rp, auth_req_id)
    browser, page = its_page(alice)
    assert "Here you can only deny." in browser.get(page).content.decode()
    assert browser.post(page, {"verdict": "approved"}).status_code == 404
    assert find(auth_req_id).answer == ""
    assert browser.post(page, {"verdict": "denied"}).status_code == 303
    assert (find(auth_req_id).status, find(auth_req_id).answer) == ("denied", "denied")
    refused(second(rp, token, Pocket.passcode()), "invalid_request", "its request is over")


def test_a_poll_after_the_users_no_is_denied(rp: RelyingParty, alice: AbstractBaseUser) -> None:
    auth_req_id = begun(rp)
    do_what_is_due()
    browser, page = its_page(alice)
    browser.post(page, {"verdict": "denied"})
    refused(rp.poll(auth_req_id), "access_denied")


def test_who_was_sent_a_passcode_in_vain_keeps_the_client_away(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    token = middle_token(rp, begun(rp))
    browser, page = its_page(alice)
    assert browser.post(f"{page}report/").status_code == 303
    refused(second(rp, token, Pocket.passcode()), "invalid_request", "its request is over")
    again = first(rp)
    assert (again.status_code, again.json()["error"]) == (403, "access_denied")
    do_what_is_due()
    assert len(Pocket.read) == 1


def test_one_that_was_in_the_inbox_first_keeps_its_page(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser
) -> None:
    """And is approved there no more: the passcode has taken the place of the question."""
    document = two_step_journey()
    sent = {"sent": "wait", "not_registered": "@failure"}
    document["nodes"]["username"]["outcomes"]["found"] = "ask"
    document["nodes"] |= {
        "ask": {"type": "PushSender", "config": {"message_timeout": 60}, "outcomes": sent},
        "wait": {"type": "PollingWait", "config": {"seconds": 60}, "outcomes": {"done": "asked"}},
        "asked": {
            "type": "PushResultVerifier",
            "outcomes": {
                "success": "@success",
                "failure": "@failure",
                "expired": "send",
                "waiting": "wait",
            },
        },
    }
    make_journey(realm, document, "both")
    auth_req_id = begun(rp, acr_values="both")
    do_what_is_due()
    path = urlsplit(Pocket.read[-1].url).path
    assert not Pocket.read[-1].typed_at_client
    with at(61):
        do_what_is_due()
        browser, page = its_page(alice)
        assert page == path
        assert "Here you can only deny." in browser.get(page).content.decode()
        assert browser.post(page, {"verdict": "approved", "prompt": "1"}).status_code == 404
        token = middle_token(rp, auth_req_id)
        assert second(rp, token, Pocket.passcode()).status_code == 200
