"""A signed answer: everything in it is compared, it counts once, and it is kept as evidence."""

import inspect
import json
import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser, User
from django.utils import timezone

from django_ciba.authentication_device.api.errors import NotTaken
from django_ciba.hooks import CibaHooks
from django_ciba.jose import verification_key, verify
from django_ciba.journeys import Demand
from django_ciba.journeys import answer as answers
from django_ciba.journeys.demand import sealed, unmet, wrong
from django_ciba.models import AuditEvent, AuthenticationRequest, Device
from tests.relying_party import compact
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.api.app import (
    API,
    NOTHING,
    App,
    enrolled,
    refusal,
    signed_in_ago,
)

pytestmark = pytest.mark.django_db

Status = AuthenticationRequest.Status


class AnsweredMeanwhile(CibaHooks):
    """A denial by another device lands between this answer's reading and its writing."""

    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        AuthenticationRequest.objects.filter(answer="", user_id=user.pk).update(
            status=Status.DENIED, answer="denied", answered_at=timezone.now(), step=9
        )
        return True


@pytest.fixture
def found(alice: User) -> AuthenticationRequest:
    return arrange.waiting(alice, memory={"@prompts": 1})


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(pk=found.pk)


def assert_untouched(found: AuthenticationRequest) -> None:
    now = stored(found)
    assert (now.status, now.answer, now.answered_at) == (Status.PENDING, "", None)


def noted(event: str = "answer_refused") -> list[dict[str, Any]]:
    return [each.detail for each in AuditEvent.objects.filter(event=event).order_by("pk")]


# --- what counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_an_approval_counts(alice: User, alg: str, found: AuthenticationRequest) -> None:
    app = enrolled(alice, alg)
    answer = app.answer(found)
    assert answer.status_code == 200
    assert (answer.json()["outcome"], answer.json()["answer"]) == ("approved", "approved")
    now = stored(found)
    assert (now.status, now.answer) == (Status.AUTHORIZED, "approved")
    assert now.amr == ["pop"]
    assert now.authenticated_at == app.stored.authenticated_at


def test_a_denial_counts_and_needs_nothing_more(alice: User, app: App) -> None:
    demand = Demand(number="type", passkey=True, passcode="d" * 64).stored()
    found = arrange.waiting(alice, demand=demand, number="42")
    signed_in_ago(app, days=100)
    assert app.answer(found, verdict="denied").json()["outcome"] == "denied"
    assert stored(found).status == Status.DENIED


def test_the_signed_answer_is_kept_with_the_key_that_shows_it(
    app: App, found: AuthenticationRequest
) -> None:
    jws = app.signed(found)
    app.send(found, jws)
    (kept,) = noted("answer_signed")
    assert kept == {
        "verdict": "approved",
        "device": app.device["id"],
        "public_jwk": app.proofs.jwk,
        "jws": jws,
    }
    Device.objects.all().delete()
    key = verification_key(kept["public_jwk"])
    assert verify(kept["jws"], (key,), algs=("ES256",)).claims["request"] == str(found.public_id)
    assert AuditEvent.objects.filter(event="approved", public_id=found.public_id).exists()


def test_the_same_answer_twice_is_one(app: App, found: AuthenticationRequest) -> None:
    jws = app.signed(found)
    first, again, anew = app.send(found, jws), app.send(found, jws), app.answer(found)
    assert first.status_code == again.status_code == anew.status_code == 200
    assert first.json() == again.json() == anew.json()
    assert len(noted("answer_signed")) == 1


def test_another_answer_comes_too_late(app: App, found: AuthenticationRequest) -> None:
    app.answer(found, verdict="denied")
    assert refusal(app.answer(found)) == (
        409,
        "answered",
        "the request has been answered otherwise",
    )
    assert stored(found).status == Status.DENIED


def test_of_two_answers_at_once_the_first_counts(
    app: App, found: AuthenticationRequest, settings: Any
) -> None:
    hooks = f"{__name__}.AnsweredMeanwhile"
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": hooks}
    assert refusal(app.answer(found))[:2] == (409, "answered")
    assert noted("answer_signed") == []


def test_an_answer_to_a_request_that_has_run_out_is_gone(alice: User, app: App) -> None:
    found = arrange.waiting(alice, seconds=-1)
    assert refusal(app.answer(found)) == (410, "expired", "the request has run out")


def test_an_answer_to_a_request_that_was_withdrawn_is_gone(alice: User, app: App) -> None:
    found = arrange.waiting(alice, status=Status.CANCELLED)
    assert refusal(app.answer(found)) == (410, "ended", "the request has ended")


# --- what is compared ----------------------------------------------------------------------------

MISMATCHES: dict[str, tuple[Any, str]] = {
    "iss": ("another", "answer: iss must be the id of this device"),
    "iss missing": (NOTHING, "answer: iss must be the id of this device"),
    "aud": ("https://other.example.com/ciba/api",
            "answer: aud must be the audience of this device, and that alone"),
    "aud missing": (NOTHING, "answer: aud must be the audience of this device, and that alone"),
    "aud of two": ([API, "https://other.example.com"],
                   "answer: aud must be the audience of this device, and that alone"),
    "aud no string": (7, "answer: claim aud must be a string or a list of strings"),
    "request": ("00000000-0000-4000-8000-000000000000",
                "answer: request must be the id of the request that it is sent to"),
    "client": ("shop", "answer: client must be the id of the client that asks"),
    "client missing": (NOTHING, "answer: client must be the id of the client that asks"),
    "binding_message": ("Allow everything?",
                        "answer: binding_message must be that of the request"),
    "binding_message missing": (NOTHING, "answer: binding_message must be that of the request"),
    "verdict": ("yes", "answer: verdict must be approved or denied"),
    "verdict failed": ("failed", "answer: verdict must be approved or denied"),
    "verdict list": (["approved"], "answer: verdict must be approved or denied"),
    "prompt missing": (NOTHING, "answer: prompt must be the number of the prompt"),
    "prompt true": (True, "answer: prompt must be the number of the prompt"),
    "prompt text": ("1", "answer: prompt must be the number of the prompt"),
    "prompt float": (1.0, "answer: prompt must be the number of the prompt"),
    "jti missing": (NOTHING, "answer: jti must be a string of 1 to 256 characters"),
    "jti empty": ("", "answer: jti must be a string of 1 to 256 characters"),
    "jti long": ("j" * 257, "answer: jti must be a string of 1 to 256 characters"),
    "jti number": (7, "answer: jti must be a string of 1 to 256 characters"),
    "amr": ("fpt", "answer: amr must be a list of strings"),
    "amr of numbers": ([1], "answer: amr must be a list of strings"),
    "number": (42, "answer: number must be a string"),
    "passcode": ("1" * 65, "answer: passcode must be a string"),
    "iat missing": (NOTHING, "answer: claim iat is needed"),
    "iat true": (True, "answer: claim iat must be a number of seconds"),
    "iat negative": (-1, "answer: claim iat is not a sensible date"),
    "exp missing": (NOTHING, "answer: claim exp is needed"),
    "exp true": (True, "answer: claim exp must be a number of seconds"),
    "exp huge": (2**63, "answer: claim exp is not a sensible date"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISMATCHES)
def test_each_mismatch_has_a_refusal_of_its_own(
    app: App, found: AuthenticationRequest, case: str
) -> None:
    value, description = MISMATCHES[case]
    answer = app.answer(found, **{case.split(maxsplit=1)[0]: value})
    assert refusal(answer) == (400, "invalid_answer", description)
    assert_untouched(found)
    assert noted() == [{"reason": description, "device": app.device["id"]}]


def test_an_answer_to_an_older_prompt_is_a_conflict(app: App, found: AuthenticationRequest) -> None:
    assert refusal(app.answer(found, prompt=0)) == (
        409,
        "prompted_again",
        "the user has been asked anew: read the request again",
    )
    assert_untouched(found)


@pytest.mark.parametrize(
    ("iat", "exp", "description"),
    [
        (0, 61, "answer: exp must be at most 60 seconds after iat"),
        (0, -1, "answer: exp must be at most 60 seconds after iat"),
        (-90, -30, "answer: claim exp lies in the past"),
        (31, 60, "answer: claim iat lies in the future"),
        (0, 60, ""),
        (-89, -29, ""),
        (30, 60, ""),
    ],
)
def test_an_answer_is_of_this_minute(alice: User, iat: int, exp: int, description: str) -> None:
    with time_machine.travel(1_800_000_000, tick=False):
        app, found = enrolled(alice), arrange.waiting(alice)
        answer = app.answer(found, iat=1_800_000_000 + iat, exp=1_800_000_000 + exp)
        if description:
            assert refusal(answer) == (400, "invalid_answer", description)
        else:
            assert answer.status_code == 200


def test_no_message_is_signed_as_none(alice: User, app: App) -> None:
    found = arrange.waiting(alice, binding_message="")
    assert refusal(app.answer(found, binding_message=None))[1] == "invalid_answer"
    assert app.answer(found, binding_message="").status_code == 200


# --- by whom it is signed ------------------------------------------------------------------------


def test_another_device_of_the_user_s_signs_nothing_for_this_one(
    alice: User, app: App, found: AuthenticationRequest
) -> None:
    other = enrolled(alice)
    assert refusal(app.send(found, other.signed(found, iss=app.device["id"]))) == (
        400,
        "invalid_answer",
        "answer: the signature does not verify",
    )
    assert_untouched(found)


def test_the_key_in_the_header_is_not_looked_at(app: App, found: AuthenticationRequest) -> None:
    thief = App()
    header = {"jwk": thief.proofs.jwk, "kid": thief.key.kid}
    jws = app.signed(found, header=header, key=thief.key)
    assert refusal(app.send(found, jws))[2] == "answer: the signature does not verify"
    assert app.answer(found, header=header).status_code == 200  # signed by its own


@pytest.mark.parametrize(
    ("header", "description"),
    [
        ({"typ": NOTHING}, "answer: typ must be ciba-answer+jwt"),
        ({"typ": "JWT"}, "answer: typ does not say that this JWT is meant for this place"),
        ({"typ": "dpop+jwt"}, "answer: typ does not say that this JWT is meant for this place"),
        ({"alg": "none"}, "answer: alg must be ES256 or EdDSA"),
        ({"alg": "HS256"}, "answer: alg must be ES256 or EdDSA"),
        ({"alg": "RS256"}, "answer: alg must be ES256 or EdDSA"),
        ({"alg": "EdDSA"}, "answer: no registered key fits kid and alg"),
        ({"alg": NOTHING}, "answer: the JWT header has no alg"),
        ({"crit": ["exp"]}, "answer: the JWT header parameter crit is not supported"),
        ({"b64": False}, "answer: the JWT header parameter b64 is not supported"),
    ],
)
def test_the_header_says_what_this_is(
    app: App, found: AuthenticationRequest, header: dict[str, Any], description: str
) -> None:
    assert refusal(app.answer(found, header=header)) == (400, "invalid_answer", description)
    assert_untouched(found)


def test_an_unsigned_answer_is_none(app: App, found: AuthenticationRequest) -> None:
    header = {"typ": "ciba-answer+jwt", "alg": "ES256"}
    jws = compact(header, app.claims(found))
    assert refusal(app.send(found, jws))[2] == "answer: the signature does not verify"


def test_a_public_key_is_no_secret_to_sign_with(app: App, found: AuthenticationRequest) -> None:
    header = {"typ": "ciba-answer+jwt", "alg": "HS256"}
    jws = compact(header, app.claims(found), json.dumps(app.proofs.jwk).encode())
    assert refusal(app.send(found, jws))[2] == "answer: alg must be ES256 or EdDSA"


def test_a_dpop_proof_is_no_answer(app: App, found: AuthenticationRequest) -> None:
    proof = app.proofs.proof("POST", API, **app.claims(found))
    assert refusal(app.send(found, proof))[:2] == (400, "invalid_answer")


@pytest.mark.parametrize(
    ("jws", "status", "error"),
    [
        ("", 400, "invalid_request"),
        (7, 400, "invalid_request"),
        (None, 400, "invalid_request"),
        (["a.b.c"], 400, "invalid_request"),
        ("a.b", 400, "invalid_answer"),
        ("a.b.c.d.e", 400, "invalid_answer"),
        ("....", 400, "invalid_answer"),
        ("é.é.é", 400, "invalid_answer"),
        ("x" * 16_385, 400, "invalid_answer"),
    ],
)
def test_what_is_no_jws_is_refused(
    app: App, found: AuthenticationRequest, jws: Any, status: int, error: str
) -> None:
    assert refusal(app.send(found, jws))[:2] == (status, error)
    assert_untouched(found)


# --- once ----------------------------------------------------------------------------------------


def test_a_refused_answer_is_not_sent_again(alice: User, app: App) -> None:
    found = arrange.waiting(alice, number="42", demand=Demand(number="type", tries=3).stored())
    jws = app.signed(found, number="41")
    assert refusal(app.send(found, jws))[:2] == (422, "wrong_number")
    assert refusal(app.send(found, jws)) == (
        409,
        "answer_used",
        "this signed answer has been sent before: sign another",
    )
    assert stored(found).memory["@failures"] == 1
    assert app.answer(found, number="42").status_code == 200


def test_a_proof_and_an_answer_may_share_their_jti(app: App, found: AuthenticationRequest) -> None:
    path = f"requests/{found.public_id}/answer"
    proof = app.proofs.proof("POST", f"{API}/{path}", jti="the same")
    answer = app.call("POST", path, {"answer": app.signed(found, jti="the same")}, proof=proof)
    assert answer.status_code == 200


# --- what an approval must come with -------------------------------------------------------------


def test_a_wrong_number_is_counted_and_the_last_one_ends_it(alice: User, app: App) -> None:
    found = arrange.waiting(alice, number="42", demand=Demand(number="pick", tries=2).stored())
    assert refusal(app.answer(found)) == (
        422,
        "needs_number",
        "an approval must carry the number that the client shows",
    )
    wrong = (422, "wrong_number", "the number is not the one that the client shows")
    assert refusal(app.answer(found, number="41")) == wrong
    assert stored(found).status == Status.PENDING
    assert refusal(app.answer(found, number="43")) == wrong
    assert (stored(found).status, stored(found).answer) == (Status.FAILED, "failed")
    assert refusal(app.answer(found, number="42"))[:2] == (409, "answered")
    assert len(noted("wrong_number")) == 2


def test_the_right_passcode_is_needed(alice: User, app: App) -> None:
    found = arrange.waiting(alice)
    found.demand = Demand(passcode=sealed(found, "123456"), tries=2).stored()
    found.save()
    assert refusal(app.answer(found))[:2] == (422, "needs_passcode")
    assert refusal(app.answer(found, passcode="654321")) == (
        422,
        "wrong_passcode",
        "the passcode is not the one that the user was sent",
    )
    assert app.answer(found, passcode="123456").status_code == 200


def test_a_link_is_not_followed_in_an_app(alice: User, app: App) -> None:
    found = arrange.waiting(alice, demand=Demand(link="d" * 64).stored())
    assert refusal(app.answer(found)) == (
        403,
        "needs_link",
        "this request is answered by the link that the user was sent",
    )


# --- what it proves ------------------------------------------------------------------------------

STATUS = {"needs_passkey": 422, "needs_second_factor": 403}
VERIFY = "an approval must say in amr how the user was verified, by a method of this site's"


@pytest.mark.parametrize(
    ("demand", "reason"),
    [
        (Demand(passkey=True), "needs_passkey"),
        (Demand(second_factor=True), "needs_second_factor"),
    ],
)
def test_a_passkey_is_met_by_user_verification_that_the_site_believes(
    alice: User, app: App, settings: Any, demand: Demand, reason: str
) -> None:
    found = arrange.waiting(alice, demand=demand.stored())
    assert refusal(app.answer(found)) == (STATUS[reason], reason, VERIFY)
    assert refusal(app.answer(found, amr=["fpt"])) == (STATUS[reason], reason, VERIFY)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": ["pin", "hwk"]}
    assert refusal(app.answer(found, amr=["fpt", "hwk"])) == (STATUS[reason], reason, VERIFY)
    assert app.answer(found, amr=["fpt", "pin", "hwk"]).status_code == 200
    assert stored(found).amr == ["pin", "hwk"]
    assert [each["reason"] for each in noted()] == [reason] * (3 * (reason == "needs_passkey"))


def test_a_second_factor_is_no_user_verification(alice: User, app: App, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": ["otp", "user", "mfa"]}
    found = arrange.waiting(alice, demand=Demand(passkey=True).stored())
    assert refusal(app.answer(found, amr=["otp", "user", "mfa"]))[1] == "needs_passkey"


@pytest.mark.parametrize(
    ("believed", "claimed", "amr"),
    [
        ([], ["fpt", "hwk"], ["pop"]),
        (["fpt"], [], ["pop"]),
        (["fpt"], ["fpt", "fpt"], ["pop", "fpt"]),
        (["fpt", "hwk"], ["fpt", "hwk"], ["fpt", "hwk"]),
        (["swk"], ["swk"], ["swk"]),
    ],
)
def test_amr_holds_what_the_site_believes_and_the_key(
    app: App,
    found: AuthenticationRequest,
    settings: Any,
    believed: list[str],
    claimed: list[str],
    amr: list[str],
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": believed}
    assert app.answer(found, amr=claimed).status_code == 200
    assert stored(found).amr == amr


def test_auth_time_is_the_login_that_let_the_app_in(app: App, found: AuthenticationRequest) -> None:
    signed_in_ago(app, hours=11, minutes=59)
    assert app.answer(found).status_code == 200
    assert stored(found).authenticated_at == app.stored.authenticated_at


def test_auth_time_is_now_where_the_user_was_verified(
    app: App, found: AuthenticationRequest, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": ["face"]}
    signed_in_ago(app, days=100)
    before = timezone.now()
    assert app.answer(found, amr=["face"]).status_code == 200
    since = stored(found).authenticated_at
    assert since is not None
    assert since >= before


def test_after_login_max_age_the_app_must_verify_its_user(
    app: App, found: AuthenticationRequest
) -> None:
    signed_in_ago(app, hours=12, seconds=1)
    said = (
        "too long ago that the user proved who they are: verify the user and say so in amr, or "
        "enrol anew"
    )
    assert refusal(app.answer(found)) == (403, "login_too_old", said)
    assert_untouched(found)


REASONS = {
    *re.findall(r"^ {8}raise NotAnswerable\(\"(\w+)\"\)", inspect.getsource(answers), re.MULTILINE),
    *re.findall(r'"((?:needs|login)_\w+)": ', inspect.getsource(unmet)),
    *(f"wrong_{part}" for part in re.findall(r'return "(\w+)"', inspect.getsource(wrong))),
}


# --- who else tries ------------------------------------------------------------------------------


def test_another_user_s_answer_is_refused_and_written_down(
    bob: User, app: App, found: AuthenticationRequest
) -> None:
    theirs = enrolled(bob)
    assert refusal(theirs.answer(found)) == (404, "not_found", "there is no such request")
    assert_untouched(found)
    assert noted() == [{"reason": "another_user", "device": theirs.device["id"]}]
    event = AuditEvent.objects.get(event="answer_refused")
    assert (event.user, event.public_id) == (bob, found.public_id)


def test_who_answers_their_own_request_too_early_is_no_stranger(alice: User, app: App) -> None:
    found = arrange.waiting(alice, prompted_at=None, prompt_until=None)
    assert refusal(app.answer(found)) == (404, "not_found", "there is no such request")
    assert noted() == []


def test_refused_answers_do_not_fill_the_log(app: App, found: AuthenticationRequest) -> None:
    for _ in range(7):
        assert app.answer(found, verdict="yes").status_code == 400
    assert len(noted()) == 5


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_has_a_refusal(reason: str) -> None:
    """An unforeseen one would be our fault, and a 500."""
    assert NotTaken(reason).status in (403, 404, 409, 410, 422)


# --- what the client asks -------------------------------------------------------------------------


def test_what_the_client_asks_is_denied_here_and_not_approved(alice: User) -> None:
    found = arrange.asked_at_client(alice, memory={"@prompts": 1})
    app = enrolled(alice)
    (listed,) = app.call("GET", "history").json()["requests"]
    assert (listed["outcome"], listed["demands"]) == ("at_client", None)
    assert app.call("GET", "requests").json()["requests"] == []
    for passcode in ("123456", "123457"):
        assert refusal(app.answer(found, passcode=passcode))[:2] == (404, "not_prompted")
    assert_untouched(found)
    answer = app.answer(found, verdict="denied")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "denied")
