"""Our nodes beside the seeds' four: what each asks, each way out, and each option's refusal."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.core import mail

from django_ciba import prompts
from django_ciba.hooks import CibaHooks
from django_ciba.journeys import (
    Evidence,
    NotAnswerable,
    choices,
    demand_of,
    document_problems,
    walk_due,
)
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuthenticationRequest, Client, Delivery, Device, Passkey
from django_ciba.outbox import Withdrawn
from django_ciba.protocol.errors import AccessDenied
from tests.provider import make_user, push_journey
from tests.unit.journeys.arrange import NOON, Answer, Status, after, begin, path, say, stored
from tests.unit.journeys.site_channels import PIGEON, POSTCARD, Pigeon, with_channels

pytestmark = pytest.mark.django_db
WHOLE = "must be a whole number from 1 to 2147483647"
A_CHANNEL = "must be a name out of PROMPT_CHANNELS, of a channel that carries secrets"


@pytest.fixture(autouse=True)
def channels(settings: Any, site: None) -> None:
    with_channels(settings, "email", POSTCARD)


def one(type_: str, *, config: dict[str, Any] | None = None, **outcomes: str) -> dict[str, Any]:
    """A journey of one node."""
    return {
        "start": "only",
        "nodes": {"only": {"type": type_, "config": config or {}, "outcomes": outcomes}},
    }


def passcode(config: dict[str, Any] | None = None, **verifier: Any) -> dict[str, Any]:
    """A passcode is sent and waited for; one that has run out leaves a mark of its own."""
    return {
        "start": "send",
        "nodes": {
            "send": {
                "type": "OneTimePasscodeSender",
                "config": config or {},
                "outcomes": {"sent": "verify", "not_registered": "@failure"},
            },
            "verify": {
                "type": "OneTimePasscodeVerifier",
                "config": verifier,
                "outcomes": {"success": "@success", "failure": "@failure", "expired": "again"},
            },
            "again": {
                "type": "RetryLimitDecision",
                "config": {"limit": 1},
                "outcomes": {"retry": "send", "reject": "@failure"},
            },
        },
    }


def link(**config: Any) -> dict[str, Any]:
    return {
        "start": "send",
        "nodes": {
            "send": {
                "type": "EmailLinkSender",
                "config": config,
                "outcomes": {"sent": "verify", "not_registered": "@failure"},
            },
            "verify": {
                "type": "PushResultVerifier",
                "outcomes": {
                    "success": "@success",
                    "failure": "@failure",
                    "expired": "@failure",
                    "waiting": "wait",
                },
            },
            "wait": {"type": "PollingWait", "outcomes": {"done": "verify"}},
        },
    }


def passkey(**config: Any) -> dict[str, Any]:
    return one(
        "PasskeyVerifier",
        config=config,
        success="@success",
        failure="@failure",
        expired="@failure",
        not_registered="@failure",
    )


def carried(found: AuthenticationRequest, name: str, round_: int = 1) -> str:
    """The secret that waits in the outbox."""
    (delivery,) = Delivery.objects.filter(authentication_request=found, round=round_)
    return str(json.loads(delivery.payload)[name])


def biometric() -> dict[str, Any]:
    document = push_journey()
    document["nodes"]["send"]["config"]["push_type"] = "biometric"
    return document


def with_app(user: AbstractBaseUser) -> None:
    Device.objects.create(
        user_id=user.pk,
        kind=Device.Kind.APP,
        name="phone",
        thumbprint="thumbprint",
        created_at=NOON,
    )


def with_passkey(user: AbstractBaseUser) -> None:
    Passkey.objects.create(
        user_id=user.pk, name="phone", credential_id="abc", public_key="def", created_at=NOON
    )


def refusal(found: AuthenticationRequest, evidence: Evidence, now: Any = None) -> str:
    with pytest.raises(NotAnswerable) as caught:
        say(found, Answer.APPROVED, now or after(30), evidence=evidence)
    return caught.value.reason


def other(secret: str) -> str:
    """A passcode that is not that one."""
    return f"{(int(secret) + 1) % 10 ** len(secret):0{len(secret)}}"


# --- One Time Passcode Sender -------------------------------------------------------------------


def test_a_passcode_goes_by_the_channels_that_carry_secrets_and_waits_in_the_inbox(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(passcode(), client, alice)
    assert path(found) == [("send", "sent")]
    assert (found.node, found.prompted_at, found.prompt_until) == ("verify", NOON, after(300))
    assert [each.channel for each in Delivery.objects.all()] == ["email"]
    assert re.fullmatch(r"[0-9]{6}", carried(found, "passcode"))


def test_the_passcode_is_in_the_message_and_nowhere_else(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    with_channels(settings, "email", PIGEON)
    found = begin(passcode({"channel": PIGEON}), client, alice)
    secret = carried(found, "passcode")
    row = AuthenticationRequest.objects.filter(pk=found.pk).values().get()
    delivery = Delivery.objects.get()
    assert secret not in json.dumps([row["memory"], row["demand"], row["walk"]])
    assert secret not in f"{found} {found!r} {delivery} {delivery!r}"
    assert demand_of(found).passcode == sealed(found, secret)
    prompts.send(delivery, after(1))
    assert Pigeon.carried.pop().passcode == secret


@pytest.mark.parametrize("length", [6, 8, 10])
def test_a_passcode_is_as_long_as_the_journey_says(
    client: Client, alice: AbstractBaseUser, length: int
) -> None:
    found = begin(passcode({"length": length}), client, alice)
    assert re.fullmatch(rf"[0-9]{{{length}}}", carried(found, "passcode"))


def test_passcodes_differ_and_keep_their_leading_zeros(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (begin(passcode(), client, alice) for _ in range(2))
    assert carried(first, "passcode") != carried(second, "passcode")
    monkeypatch.setattr("secrets.randbelow", lambda below: 42)
    assert carried(begin(passcode(), client, alice), "passcode") == "000042"


def test_a_passcode_lives_as_long_as_the_journey_says_and_no_longer_than_its_request(
    client: Client, alice: AbstractBaseUser
) -> None:
    assert begin(passcode({"lifetime": 60}), client, alice).prompt_until == after(60)
    assert begin(passcode({"lifetime": 900}), client, alice).prompt_until == after(600)


def test_it_goes_by_the_one_channel_that_the_journey_names(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    with_channels(settings, "email", PIGEON)
    begin(passcode({"channel": PIGEON}), client, alice)
    assert [each.channel for each in Delivery.objects.all()] == [PIGEON]


@pytest.mark.parametrize("entered_at", ["device", "relying_party"])
@pytest.mark.parametrize("sender", ["OneTimePasscodeSender", "EmailLinkSender"])
def test_a_user_whom_no_such_channel_reaches_is_not_registered(
    client: Client, alice: User, sender: str, entered_at: str
) -> None:
    alice.email = ""
    document = passcode({"entered_at": entered_at}) if "Passcode" in sender else link()
    with pytest.raises(AccessDenied):
        begin(document, client, alice)


def test_with_hide_unknown_users_who_is_not_registered_looks_like_nobody(
    client: Client, alice: User
) -> None:
    client.hide_unknown_users = True
    client.save()
    alice.email = ""
    found = begin(passcode(), client, alice)
    assert (found.status, found.due_at) == (Status.PENDING, found.expires_at)
    assert Delivery.objects.count() == 0


def test_a_passcode_for_the_relying_party_is_no_question_in_the_inbox(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(passcode({"entered_at": "relying_party"}), client, alice)
    assert (found.prompted_at, found.prompt_until) == (None, after(300))
    assert not AuthenticationRequest.objects.waiting_for(alice, after(1)).exists()
    secret = Evidence(passcode=carried(found, "passcode"))
    assert refusal(found, secret) == "not_prompted"


@pytest.mark.parametrize(
    ("config", "name", "problem"),
    [
        ({"length": 5}, "length", "must be a whole number from 6 to 10"),
        ({"length": 11}, "length", "must be a whole number from 6 to 10"),
        ({"length": "6"}, "length", "must be a whole number from 6 to 10"),
        ({"lifetime": 0}, "lifetime", WHOLE),
        ({"lifetime": None}, "lifetime", WHOLE),
        ({"channel": POSTCARD}, "channel", A_CHANNEL),
        ({"channel": "sms"}, "channel", A_CHANNEL),
        ({"channel": ["email"]}, "channel", A_CHANNEL),
        ({"entered_at": "shop"}, "entered_at", "must be device or relying_party"),
        ({"tries": 3}, "tries", "is not an option of OneTimePasscodeSender"),
    ],
)
def test_what_a_passcode_sender_does_not_take(
    config: dict[str, Any], name: str, problem: str
) -> None:
    assert list(document_problems(passcode(config))) == [(f"nodes.send.config.{name}", problem)]


def test_a_channel_that_cannot_be_loaded_is_none_for_a_passcode(settings: Any) -> None:
    with_channels(settings, "email", "nowhere.Channel")
    problems = list(document_problems(passcode({"channel": "nowhere.Channel"})))
    assert problems == [("nodes.send.config.channel", A_CHANNEL)]


# --- One Time Passcode Verifier -----------------------------------------------------------------


def test_the_right_passcode_on_the_device_is_success(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(passcode(), client, alice)
    evidence = Evidence(passcode=carried(found, "passcode"))
    answered = say(found, Answer.APPROVED, after(30), evidence=evidence, amr=["otp"])
    assert path(answered)[1:] == [("verify", "success")]
    assert (stored(answered).status, stored(answered).amr) == (Status.AUTHORIZED, ["otp"])


def test_an_approval_without_the_passcode_does_not_take(
    client: Client, alice: AbstractBaseUser
) -> None:
    assert refusal(begin(passcode(), client, alice), Evidence()) == "needs_passcode"


@pytest.mark.parametrize("tries", [1, 3])
def test_wrong_passcodes_on_the_device_end_in_failure_at_the_limit(
    client: Client, alice: AbstractBaseUser, tries: int
) -> None:
    found = begin(passcode(tries=tries), client, alice)
    wrong = Evidence(passcode=other(carried(found, "passcode")))
    for number in range(tries):
        assert stored(found).status == Status.PENDING
        assert refusal(found, wrong, after(number)) == "wrong_passcode"
    assert (stored(found).status, stored(found).answer) == (Status.FAILED, Answer.FAILED)
    assert path(stored(found))[1:] == [("verify", "failure")]
    assert refusal(found, Evidence(passcode=carried(found, "passcode"))) == "answered"


def test_the_last_try_may_still_be_right(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(passcode(tries=3), client, alice)
    secret = carried(found, "passcode")
    for number in range(2):
        assert refusal(found, Evidence(passcode=other(secret)), after(number)) == "wrong_passcode"
    assert say(found, Answer.APPROVED, after(5), evidence=Evidence(passcode=secret)).status == (
        Status.AUTHORIZED
    )


def test_a_denial_in_place_of_the_passcode_is_failure(
    client: Client, alice: AbstractBaseUser
) -> None:
    answered = say(begin(passcode(), client, alice), Answer.DENIED, after(30))
    assert path(answered)[1:] == [("verify", "failure")]
    assert answered.status == Status.DENIED


def test_a_passcode_that_has_run_out_is_expired_and_the_next_one_another(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(passcode({"lifetime": 60}), client, alice)
    first = carried(found, "passcode")
    refusal(found, Evidence(passcode=other(first)), after(50))
    assert refusal(found, Evidence(passcode=first), after(60)) == "expired"
    assert walk_due(found.pk, after(60))
    assert path(stored(found))[1:] == [("verify", "expired"), ("again", "retry"), ("send", "sent")]
    second = carried(found, "passcode", 2)
    assert second != first
    for number in range(2):  # tries are counted anew
        assert refusal(found, Evidence(passcode=first), after(70 + number)) == "wrong_passcode"
    assert say(found, Answer.APPROVED, after(80), evidence=Evidence(passcode=second)).status == (
        Status.AUTHORIZED
    )


def test_a_passcode_that_was_late_does_not_go_out_beside_the_next_one(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(passcode({"lifetime": 60, "entered_at": "relying_party"}), client, alice)
    assert walk_due(found.pk, after(60))
    first, second = Delivery.objects.order_by("round")
    with pytest.raises(Withdrawn, match="the user has been prompted again since"):
        prompts.send(first, after(61))
    prompts.send(second, after(61))
    assert len(mail.outbox) == 1


def test_wrong_too_often_may_be_followed_by_a_new_passcode(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = passcode({"entered_at": "device"}, tries=1)
    document["nodes"]["verify"]["outcomes"]["failure"] = "again"
    found = begin(document, client, alice)
    assert refusal(found, Evidence(passcode=other(carried(found, "passcode")))) == "wrong_passcode"
    kept = stored(found)
    assert (kept.status, kept.answer, kept.node) == (Status.PENDING, "", "verify")
    secret = Evidence(passcode=carried(found, "passcode", 2))
    assert say(found, Answer.APPROVED, after(40), evidence=secret).status == Status.AUTHORIZED


def test_after_the_last_retry_the_journey_is_over(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(passcode({"lifetime": 60}), client, alice)
    assert walk_due(found.pk, after(60))
    assert walk_due(found.pk, after(120))
    assert path(stored(found))[-2:] == [("verify", "expired"), ("again", "reject")]
    assert stored(found).status == Status.FAILED


def test_a_verifier_without_a_passcode_to_wait_for_is_expired_at_once(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Not even the button of an earlier prompt is a passcode."""
    document = one(
        "OneTimePasscodeVerifier", success="@success", failure="@failure", expired="@failure"
    )
    with pytest.raises(AccessDenied):
        begin(document, client, alice)
    pushed = passcode()
    pushed["nodes"]["send"] = {**pushed["nodes"]["send"], "type": "PushSender"}
    pushed["nodes"]["verify"]["outcomes"]["expired"] = "@failure"
    del pushed["nodes"]["again"]
    with pytest.raises(AccessDenied):
        begin(pushed, client, alice)


@pytest.mark.parametrize("tries", [0, 11, True, "3", None])
def test_how_many_tries_a_passcode_verifier_does_not_take(tries: Any) -> None:
    assert list(document_problems(passcode(tries=tries))) == [
        ("nodes.verify.config.tries", "must be a whole number from 1 to 10")
    ]


# --- a passcode after another question ----------------------------------------------------------


def test_an_approval_from_before_is_no_answer_to_a_passcode_at_the_relying_party(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = passcode({"entered_at": "relying_party"})
    document["start"] = "push"
    document["nodes"] |= {
        "push": {
            "type": "PushSender",
            "outcomes": {"sent": "pushed", "not_registered": "@failure"},
        },
        "pushed": {
            "type": "PushResultVerifier",
            "outcomes": {
                "success": "send",
                "failure": "@failure",
                "expired": "@failure",
                "waiting": "wait",
            },
        },
        "wait": {"type": "PollingWait", "outcomes": {"done": "pushed"}},
    }
    found = say(begin(document, client, alice), Answer.APPROVED, after(10))
    kept = stored(found)
    assert (kept.status, kept.node, kept.answer) == (Status.PENDING, "verify", "")
    assert (kept.authenticated_at, kept.prompted_at, kept.amr) == (None, None, [])
    prompts.send(Delivery.objects.get(round=2), after(11))
    assert len(mail.outbox) == 1


# --- Email Link Sender --------------------------------------------------------------------------


def test_a_link_goes_by_mail_and_its_secret_is_what_the_approval_must_bring(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(link(), client, alice)
    assert path(found) == [("send", "sent"), ("verify", "waiting")]
    secret = carried(found, "link")
    assert len(secret) >= 43
    assert secret not in json.dumps([found.memory, found.demand])
    prompts.send(Delivery.objects.get(), after(1))
    assert f"requests/{found.public_id}/link/{secret}/" in str(mail.outbox[0].body)
    assert refusal(found, Evidence()) == "needs_link"
    answered = say(found, Answer.APPROVED, after(30), evidence=Evidence(link=secret))
    assert answered.status == Status.AUTHORIZED


def test_a_wrong_link_ends_the_prompt(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(link(), client, alice)
    assert refusal(found, Evidence(link="guess")) == "wrong_link"
    assert path(stored(found))[-1] == ("verify", "failure")
    assert stored(found).status == Status.FAILED


def test_a_link_is_good_as_long_as_its_request_or_its_timeout(
    client: Client, alice: AbstractBaseUser
) -> None:
    assert begin(link(), client, alice).prompt_until == after(600)
    found = begin(link(message_timeout=90), client, alice)
    assert found.prompt_until == after(90)
    assert refusal(found, Evidence(link=carried(found, "link")), after(90)) == "expired"
    assert walk_due(found.pk, after(90))
    assert path(stored(found))[-1] == ("verify", "expired")


def test_a_link_may_go_by_another_channel_that_carries_secrets(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    with_channels(settings, "email", PIGEON)
    begin(link(channel=PIGEON), client, alice)
    assert [each.channel for each in Delivery.objects.all()] == [PIGEON]


@pytest.mark.parametrize(
    ("config", "name", "problem"),
    [
        ({"message_timeout": 0}, "message_timeout", WHOLE),
        ({"message_timeout": "60"}, "message_timeout", WHOLE),
        ({"channel": POSTCARD}, "channel", A_CHANNEL),
        ({"channel": None}, "channel", A_CHANNEL),
        ({"length": 6}, "length", "is not an option of EmailLinkSender"),
    ],
)
def test_what_an_email_link_sender_does_not_take(
    config: dict[str, Any], name: str, problem: str
) -> None:
    assert list(document_problems(link(**config))) == [(f"nodes.send.config.{name}", problem)]


# --- Passkey Verifier ---------------------------------------------------------------------------


def test_a_passkey_is_asked_for_and_waited_for_by_one_node(
    client: Client, alice: AbstractBaseUser
) -> None:
    with_passkey(alice)
    found = begin(passkey(message_timeout=120), client, alice)
    assert (found.node, found.prompt_until, found.due_at) == ("only", after(120), after(120))
    assert refusal(found, Evidence()) == "needs_passkey"
    answered = say(found, Answer.APPROVED, after(30), evidence=Evidence(passkey=True))
    assert path(answered) == [("only", "success")]
    assert answered.status == Status.AUTHORIZED


def test_a_denial_needs_no_passkey(client: Client, alice: AbstractBaseUser) -> None:
    with_passkey(alice)
    answered = say(begin(passkey(), client, alice), Answer.DENIED, after(30))
    assert (path(answered), answered.status) == ([("only", "failure")], Status.DENIED)


def test_a_passkey_that_nobody_uses_is_expired(client: Client, alice: AbstractBaseUser) -> None:
    with_passkey(alice)
    found = begin(passkey(message_timeout=120), client, alice)
    assert not walk_due(found.pk, after(119))
    assert walk_due(found.pk, after(120))
    assert path(stored(found)) == [("only", "expired")]


def test_without_a_timeout_a_passkey_is_waited_for_as_long_as_the_request_lives(
    client: Client, alice: AbstractBaseUser
) -> None:
    with_passkey(alice)
    found = begin(passkey(), client, alice)
    assert found.prompt_until == found.due_at == after(600)


def test_woken_too_early_it_waits_on(client: Client, alice: AbstractBaseUser) -> None:
    with_passkey(alice)
    found = begin(passkey(message_timeout=120), client, alice)
    AuthenticationRequest.objects.filter(pk=found.pk).update(due_at=after(10))
    assert walk_due(found.pk, after(10))
    assert (stored(found).node, stored(found).due_at) == ("only", after(120))
    assert Delivery.objects.filter(round=2).count() == 0


@pytest.mark.parametrize("document", [passkey(), biometric()], ids=["verifier", "sender"])
def test_a_user_without_a_passkey_is_not_registered(
    client: Client, alice: AbstractBaseUser, document: dict[str, Any]
) -> None:
    with pytest.raises(AccessDenied):
        begin(document, client, alice)


@pytest.mark.parametrize("document", [passkey(), biometric()], ids=["verifier", "sender"])
def test_an_app_stands_for_a_passkey_where_it_is_believed_to_verify_its_user(
    client: Client, alice: AbstractBaseUser, settings: Any, document: dict[str, Any]
) -> None:
    with_app(alice)
    for believed in ((), ("hwk", "otp")):
        settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": believed}
        with pytest.raises(AccessDenied):
            begin(document, client, alice)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "DEVICE_API_AMR": ("fpt",)}
    assert demand_of(begin(document, client, alice)).passkey
    with pytest.raises(AccessDenied):
        begin(document, client, make_user("bob"))


def test_a_passkey_verifier_takes_no_such_timeout() -> None:
    assert list(document_problems(passkey(message_timeout=0))) == [
        ("nodes.only.config.message_timeout", WHOLE)
    ]


# --- Scope Decision -----------------------------------------------------------------------------


def decided(node: dict[str, Any], client: Client, user: AbstractBaseUser | None) -> str:
    """The outcome that a decision leaves by, before a prompt."""
    document = {
        "start": "decide",
        "nodes": {
            "decide": {**node, "outcomes": dict.fromkeys(("true", "false"), "ask")},
            "ask": {"type": "Ask", "outcomes": {"next": "vote"}},
            "vote": {"type": "Vote", "outcomes": {"yes": "@success", "no": "@failure"}},
        },
    }
    return path(begin(document, client, user))[0][1]


@pytest.mark.parametrize(
    ("config", "outcome"),
    [
        ({"scopes": ["openid"]}, "true"),
        ({"scopes": ["openid", "payments"]}, "false"),
        ({"scopes": ["openid", "payments"], "match": "all"}, "false"),
        ({"scopes": ["openid", "payments"], "match": "any"}, "true"),
        ({"scopes": ["payments"], "match": "any"}, "false"),
        ({"scopes": ["open"], "match": "any"}, "false"),
    ],
)
def test_scopes_decide(
    client: Client, alice: AbstractBaseUser, config: dict[str, Any], outcome: str
) -> None:
    assert decided({"type": "ScopeDecision", "config": config}, client, alice) == outcome


@pytest.mark.parametrize(
    ("config", "name", "problem"),
    [
        ({}, "scopes", "is missing: ScopeDecision has no default for it"),
        ({"scopes": []}, "scopes", "must be a list of scopes, one at least"),
        ({"scopes": "openid"}, "scopes", "must be a list of scopes, one at least"),
        ({"scopes": ["openid payments"]}, "scopes", "must be a list of scopes, one at least"),
        ({"scopes": [""]}, "scopes", "must be a list of scopes, one at least"),
        ({"scopes": [1]}, "scopes", "must be a list of scopes, one at least"),
        ({"scopes": ["openid"], "match": "none"}, "match", "must be all or any"),
    ],
)
def test_what_a_scope_decision_does_not_take(
    config: dict[str, Any], name: str, problem: str
) -> None:
    document = one("ScopeDecision", config=config, true="@failure", false="@failure")
    assert list(document_problems(document)) == [(f"nodes.only.config.{name}", problem)]


# --- Retry Limit Decision -----------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3])
def test_so_many_retries_and_then_a_reject(
    client: Client, alice: AbstractBaseUser, limit: int
) -> None:
    document = passcode({"lifetime": 10})
    document["nodes"]["again"]["config"] = {"limit": limit}
    found = begin(document, client, alice)
    for number in range(limit + 1):
        assert walk_due(found.pk, NOON + timedelta(seconds=10 * (number + 1)))
    outcomes = [outcome for node, outcome in path(stored(found)) if node == "again"]
    assert outcomes == [*["retry"] * limit, "reject"]


def test_two_retry_limits_count_apart_and_one_request_beside_another(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = passcode({"lifetime": 10})
    first, second = (begin(document, client, alice) for _ in range(2))
    walk_due(first.pk, after(10))
    assert stored(first).memory["again"] == {"retries": 1}
    assert "again" not in stored(second).memory


def test_who_has_said_no_is_not_asked_again(client: Client, alice: AbstractBaseUser) -> None:
    document = passcode()
    document["nodes"]["verify"]["outcomes"]["failure"] = "again"
    answered = say(begin(document, client, alice), Answer.DENIED, after(10))
    assert path(answered)[1:] == [("verify", "failure"), ("again", "reject")]
    assert answered.status == Status.DENIED
    assert Delivery.objects.filter(round=2).count() == 0


@pytest.mark.parametrize("entry", ["pick", "type"])
def test_who_has_ended_a_question_by_a_wrong_number_is_not_asked_again(
    client: Client, alice: AbstractBaseUser, entry: str
) -> None:
    """It would be the same number: among the same three, the third tap at the latest is right."""
    document = push_journey(120)
    number = {"push_type": "challenge", "number_entry": entry}
    document["nodes"]["send"]["config"] = {**document["nodes"]["send"]["config"], **number}
    document["nodes"]["verify"]["outcomes"]["failure"] = "again"
    document["nodes"]["again"] = {
        "type": "RetryLimitDecision",
        "outcomes": {"retry": "send", "reject": "@failure"},
    }
    assert list(document_problems(document)) == []
    found = begin(document, client, alice)
    wrong = next(each for each in choices(found) if each != found.number)
    with pytest.raises(NotAnswerable, match="wrong_number"):
        say(found, Answer.APPROVED, after(10), evidence=Evidence(number=wrong))
    now = stored(found)
    assert [outcome for node, outcome in path(now) if node == "again"] == ["reject"]
    assert [outcome for node, outcome in path(now) if node == "send"] == ["sent"]
    assert (now.status, now.answer) == (Status.FAILED, Answer.FAILED)


def test_who_has_not_answered_may_be_asked_for_the_number_again(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = push_journey(120)
    document["nodes"]["send"]["config"]["push_type"] = "challenge"
    document["nodes"]["verify"]["outcomes"]["expired"] = "again"
    document["nodes"]["again"] = {
        "type": "RetryLimitDecision",
        "outcomes": {"retry": "send", "reject": "@failure"},
    }
    found = begin(document, client, alice)
    offered = choices(found)
    walk_due(found.pk, after(120))
    now = stored(found)
    assert [outcome for node, outcome in path(now) if node == "again"] == ["retry"]
    assert now.prompted_at == after(120)
    assert choices(now) == offered


@pytest.mark.parametrize("limit", [0, -1, "3", None])
def test_what_limit_a_retry_limit_decision_does_not_take(limit: Any) -> None:
    document = passcode()
    document["nodes"]["again"]["config"] = {"limit": limit}
    assert list(document_problems(document)) == [("nodes.again.config.limit", WHOLE)]


# --- Account Active Decision --------------------------------------------------------------------


class Lockout(CibaHooks):
    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        return user.get_username() != "alice"


def test_an_account_that_may_sign_in_is_active_and_one_that_may_not_is_not(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    assert decided({"type": "AccountActiveDecision"}, client, alice) == "true"
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.Lockout"}
    assert decided({"type": "AccountActiveDecision"}, client, alice) == "false"


def test_an_account_that_was_deactivated_is_not_active(
    client: Client, alice: AbstractBaseUser
) -> None:
    alice.is_active = False
    assert decided({"type": "AccountActiveDecision"}, client, alice) == "false"


def test_an_account_active_decision_takes_no_options() -> None:
    document = one("AccountActiveDecision", config={"a": 1}, true="@failure", false="@failure")
    assert list(document_problems(document)) == [
        ("nodes.only.config.a", "is not an option of AccountActiveDecision")
    ]
