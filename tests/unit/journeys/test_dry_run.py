"""A dry run says what would be, and leaves no trace."""

import dataclasses
import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.db import models

from django_ciba.journeys import TEMPLATES, DryRun, NotWalkable, dry_run
from django_ciba.models import AuditEvent, AuthenticationRequest, Client, Delivery
from tests.unit.journeys import site_nodes
from tests.unit.journeys.arrange import NOON, SEEDS, after, seeds, straight
from tests.unit.journeys.site_channels import POSTCARD, with_channels
from tests.unit.journeys.test_nodes import passcode, with_passkey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def channels(settings: Any, site: None) -> None:
    with_channels(settings, "email", POSTCARD)


def run(document: Any, client: Client, user: AbstractBaseUser, *answers: Any) -> DryRun:
    return dry_run(document, client, user, answers=answers, now=NOON)


def walked(done: DryRun) -> list[str]:
    return [f"{each.node} {each.outcome}" for each in done.steps]


def refusals(done: DryRun) -> list[str]:
    return [each.refused for each in done.happened]


def test_an_approval_is_walked_to_success(client: Client, alice: AbstractBaseUser) -> None:
    done = run(SEEDS, client, alice, 30, "approve")
    assert walked(done) == [
        "username found",
        "send sent",
        "verify waiting",
        "wait done",
        "verify success",
    ]
    assert [each.at for each in done.steps] == [NOON] * 3 + [after(30)] * 2
    assert done.steps[1].type == "PushSender"
    assert (done.ended, done.ended_at, done.waits_at) == ("authorized", after(30), "")
    assert [(each.event, each.at, each.refused) for each in done.happened] == [
        (30, after(30), ""),
        ("approve", after(30), ""),
    ]


def test_a_denial_is_walked_to_its_end(client: Client, alice: AbstractBaseUser) -> None:
    assert run(SEEDS, client, alice, "deny").ended == "denied"


def test_what_would_be_sent_is_named_without_its_secret(
    client: Client, alice: AbstractBaseUser
) -> None:
    done = run(passcode({"lifetime": 60}, tries=2), client, alice, "wait")
    first, second = done.sent
    assert (first.node, first.at, first.inbox) == ("send", NOON, True)
    assert (first.channels, first.carries) == (("email",), ("passcode",))
    assert first.demand == {"passcode": True}
    assert second.at == after(60)
    (elsewhere,) = run(passcode({"entered_at": "relying_party"}), client, alice).sent
    assert not elsewhere.inbox
    (push,) = run(SEEDS, client, alice).sent
    assert (push.channels, push.demand, push.carries) == (("email", POSTCARD), {}, ())


def test_the_result_holds_no_secret(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda below: 424242)
    monkeypatch.setattr("secrets.token_urlsafe", lambda length: "the-link")
    for document in (passcode(), TEMPLATES["email-link"].document):
        told = json.dumps(dataclasses.asdict(run(document, client, alice)), default=str)
        assert "424242" not in told
        assert "the-link" not in told


@pytest.mark.parametrize(
    ("name", "answers", "ended"),
    [
        ("push", ["approve"], "authorized"),
        ("push", ["wait"], "failed"),
        ("number-matching", ["approve"], "authorized"),
        ("number-matching", ["wrong"], "failed"),
        ("passkey", ["approve"], "authorized"),
        ("passkey", ["wait"], "failed"),
        ("passcode", ["wrong", "wrong", "approve"], "authorized"),
        ("passcode", ["wrong", "wrong", "wrong"], "failed"),
        ("passcode", ["wait", "approve"], "authorized"),
        ("passcode", ["wait", "wait"], "failed"),
        ("email-link", ["wrong"], "failed"),
        ("email-link", ["wait"], "expired"),
        ("two-step-user-code", ["wrong", "approve"], "authorized"),
        ("two-step-user-code", [299], "pending"),
        ("two-step-user-code", [300], "failed"),
    ],
)
def test_each_template_can_be_tried(
    client: Client, alice: AbstractBaseUser, name: str, answers: list[Any], ended: str
) -> None:
    with_passkey(alice)
    assert run(TEMPLATES[name].document, client, alice, *answers).ended == ended


def test_where_the_script_ends_the_journey_waits(client: Client, alice: AbstractBaseUser) -> None:
    done = run(SEEDS, client, alice, 100)
    assert (done.ended, done.waits_at, done.due_at) == ("pending", "wait", after(120))
    assert done.ended_at is None


def test_time_takes_every_timer_on_its_way(client: Client, alice: AbstractBaseUser) -> None:
    done = run(passcode({"lifetime": 60}), client, alice, 1000)
    assert walked(done)[-2:] == ["verify expired", "again reject"]
    assert (done.ended, done.ended_at) == ("failed", after(120))
    assert done.happened[0].at == after(1000)


def test_a_request_runs_out(client: Client, alice: AbstractBaseUser) -> None:
    forever = seeds(send={**SEEDS["nodes"]["send"], "config": {}})
    done = run(forever, client, alice, "wait", "approve", "wait")
    assert (done.ended, done.ended_at) == ("expired", after(600))
    assert refusals(done) == ["", "expired", "ended"]


def test_an_event_that_comes_too_late_or_too_early_says_why(
    client: Client, alice: AbstractBaseUser
) -> None:
    assert refusals(run(SEEDS, client, alice, "approve", "deny", "wrong", "wait")) == [
        "",
        "answered",
        "answered",
        "ended",
    ]
    assert refusals(run(SEEDS, client, alice, "wrong")) == ["nothing_to_get_wrong"]
    vote = straight("Vote")
    vote["nodes"]["n0"]["outcomes"] = {"yes": "@success", "no": "@failure"}
    assert refusals(run(vote, client, alice, "approve")) == ["not_prompted"]
    two_steps = passcode({"entered_at": "relying_party", "lifetime": 60})
    two_steps["nodes"]["again"]["config"] = {"limit": 9}
    assert refusals(run(two_steps, client, alice, "approve", "approve")) == ["", "over"]


def test_a_user_who_may_not_sign_in_is_told_apart(client: Client, alice: AbstractBaseUser) -> None:
    alice.is_active = False
    done = run(SEEDS, client, alice)
    assert (walked(done), done.ended, done.sent) == (["username not_found"], "failed", [])
    assert done.client_is_told


def test_a_failure_that_the_client_is_not_told_of_is_one(
    client: Client, alice: AbstractBaseUser
) -> None:
    client.hide_unknown_users = True
    done = run(SEEDS, client, alice, "wait", "wait")
    assert (done.ended, done.ended_at, done.client_is_told) == ("failed", after(120), False)
    assert refusals(done) == ["", "ended"]


def test_scopes_are_those_that_are_tried(client: Client, alice: AbstractBaseUser) -> None:
    document = {
        "start": "pays",
        "nodes": {
            "pays": {
                "type": "ScopeDecision",
                "config": {"scopes": ["payments"]},
                "outcomes": {"true": "@failure", "false": "@failure"},
            }
        },
    }
    done = dry_run(document, client, alice, answers=(), now=NOON, scope="openid payments")
    assert walked(done) == ["pays true"]


def test_what_cannot_be_saved_cannot_be_tried(client: Client, alice: AbstractBaseUser) -> None:
    with pytest.raises(NotWalkable) as caught:
        run({"start": "nobody", "nodes": {}}, client, alice)
    assert caught.value.problems == (("nodes", "must be an object of nodes by key"),)
    assert str(caught.value) == "nodes: must be an object of nodes by key"


@pytest.mark.parametrize("event", ["approved", "", 0, -1, 1.5, None])
def test_there_is_no_such_event(client: Client, alice: AbstractBaseUser, event: Any) -> None:
    message = "an event must be approve, deny, wrong, wait, or seconds that pass"
    with pytest.raises(ValueError, match=message):
        run(SEEDS, client, alice, event)


# --- nothing is stored, nobody is told ----------------------------------------------------------


def counts() -> list[int]:
    tables: list[type[models.Model]] = [AuthenticationRequest, Delivery, AuditEvent]
    return [each._default_manager.count() for each in [*tables, get_user_model()]]


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_leaves_no_trace(client: Client, alice: AbstractBaseUser, name: str) -> None:
    with_passkey(alice)
    before = counts()
    run(TEMPLATES[name].document, client, alice, "wrong", 30, "approve")
    assert counts() == before
    assert mail.outbox == []


def test_what_a_sites_node_writes_is_undone(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes(self: site_nodes.Step, step: Any) -> str:
        get_user_model().objects.create(username=f"user {step.now}")
        return "next"

    monkeypatch.setattr(site_nodes.Step, "step", writes)
    before = counts()
    assert run(straight("Step", end="@failure"), client, alice).ended == "failed"
    assert counts() == before


def test_what_a_sites_node_raises_comes_through(client: Client, alice: AbstractBaseUser) -> None:
    with pytest.raises(RuntimeError, match="the weather service answered 500"):
        run(straight("Broken"), client, alice)
