"""A passcode that the relying party hands in: compared, counted, and good once (protocol §6).

Guesses at the same moment are tried in tests/faults/test_races.py.
"""

import json
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import (
    Demand,
    Node,
    PasscodeRefused,
    Step,
    enter_passcode,
    passcode_has_gone_out,
    walk_due,
)
from django_ciba.models import AuditEvent, AuthenticationRequest, Client, Delivery, secrets
from tests.unit.journeys.arrange import SEEDS, Answer, Status, after, begin, path, stored
from tests.unit.journeys.site_channels import with_channels
from tests.unit.journeys.test_answer import Lockout
from tests.unit.journeys.test_nodes import carried, other, passcode

pytestmark = pytest.mark.django_db
HERE = {"entered_at": "relying_party"}


@pytest.fixture(autouse=True)
def channels(settings: Any, site: None) -> None:
    with_channels(settings, "email")


@pytest.fixture
def found(client: Client, alice: AbstractBaseUser) -> AuthenticationRequest:
    return begin(passcode(HERE), client, alice)


def enter(
    found: AuthenticationRequest, code: str, now: Any = None, **changes: Any
) -> AuthenticationRequest:
    return enter_passcode(found, code, now=now or after(30), **{"amr": ["otp"], **changes})


def refused(found: AuthenticationRequest, code: str, now: Any = None) -> str:
    with pytest.raises(PasscodeRefused) as caught:
        enter(found, code, now)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def test_the_right_passcode_approves(found: AuthenticationRequest) -> None:
    entered = enter(found, carried(found, "passcode"))
    kept = stored(found)
    assert path(entered) == path(kept) == [("send", "sent"), ("verify", "success")]
    assert (kept.status, kept.answer) == (Status.AUTHORIZED, Answer.APPROVED)
    assert kept.answered_at == kept.authenticated_at == kept.ended_at == after(30)
    assert (kept.amr, kept.step) == (["otp"], entered.step)
    assert AuditEvent.objects.get().event == "approved"


def test_the_auth_req_id_changes_with_the_same_step(found: AuthenticationRequest) -> None:
    new = secrets.digest("the name of the second request")
    entered = enter(found, carried(found, "passcode"), renamed=new)
    assert entered.auth_req_id_digest == stored(found).auth_req_id_digest == new
    assert stored(found).status == Status.AUTHORIZED


def test_a_wrong_passcode_changes_no_auth_req_id(found: AuthenticationRequest) -> None:
    before = found.auth_req_id_digest
    with pytest.raises(PasscodeRefused):
        enter(found, other(carried(found, "passcode")), renamed="0" * 64)
    assert stored(found).auth_req_id_digest == before


def test_wrong_passcodes_are_counted_and_the_last_ends_the_journey(
    found: AuthenticationRequest,
) -> None:
    secret = carried(found, "passcode")
    for number in range(3):
        assert stored(found).status == Status.PENDING
        assert refused(found, other(secret), after(number)) == "wrong"
    kept = stored(found)
    assert (kept.status, kept.answer, path(kept)[-1]) == (
        Status.FAILED,
        Answer.FAILED,
        ("verify", "failure"),
    )
    assert refused(found, secret) == "over"
    events = list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))
    assert events.count("wrong_passcode") == 3
    assert secret not in json.dumps([each.detail for each in AuditEvent.objects.all()])


@pytest.mark.parametrize(
    "code", ["", "\u0661\u0662\u0663\u0664\u0665\u0666", "\ud800", "\0", "1" * 10_000]
)
def test_no_text_is_more_than_wrong(found: AuthenticationRequest, code: str) -> None:
    assert refused(found, code) == "wrong"


def test_a_passcode_is_good_once(found: AuthenticationRequest) -> None:
    secret = carried(found, "passcode")
    enter(found, secret)
    assert refused(found, secret) == "over"


def test_a_passcode_of_another_request_is_wrong(
    found: AuthenticationRequest, client: Client, alice: AbstractBaseUser
) -> None:
    """Even one that looks the same has another digest."""
    beside = begin(passcode(HERE), client, alice)
    AuthenticationRequest.objects.filter(pk=beside.pk).update(demand=found.demand)
    assert refused(beside, carried(found, "passcode")) == "wrong"


def test_the_last_moment_counts_and_the_next_is_expired(
    client: Client, alice: AbstractBaseUser, found: AuthenticationRequest
) -> None:
    assert refused(found, carried(found, "passcode"), after(300)) == "expired"
    assert enter(found, carried(found, "passcode"), after(299.999)).status == Status.AUTHORIZED
    short = begin(passcode(HERE), client, alice, seconds=60)
    assert refused(short, carried(short, "passcode"), after(60)) == "expired"


def test_after_a_retry_the_new_passcode_counts(
    found: AuthenticationRequest,
) -> None:
    first = carried(found, "passcode")
    assert walk_due(found.pk, after(300))
    assert refused(found, first, after(301)) == "wrong"
    assert enter(found, carried(found, "passcode", 2), after(302)).status == Status.AUTHORIZED


def test_a_passcode_for_the_device_is_not_entered_here(
    client: Client, alice: AbstractBaseUser
) -> None:
    on_device = begin(passcode(), client, alice)
    assert refused(on_device, carried(on_device, "passcode")) == "not_sent"
    assert refused(begin(SEEDS, client, alice), "123456") == "not_sent"
    assert refused(begin(passcode(HERE), client, None), "123456") == "not_sent"


def test_a_cancelled_request_takes_none(found: AuthenticationRequest) -> None:
    AuthenticationRequest.objects.cancel(found.pk, after(10))
    assert refused(found, carried(found, "passcode")) == "over"


def test_a_client_that_was_disabled_gets_no_answer(
    found: AuthenticationRequest, client: Client
) -> None:
    client.enabled = False
    client.save()
    assert refused(found, carried(found, "passcode")) == "over"


def test_a_user_who_was_locked_does_not_approve(
    found: AuthenticationRequest, settings: Any
) -> None:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "HOOKS": f"{Lockout.__module__}.{Lockout.__qualname__}",
    }
    assert refused(found, carried(found, "passcode")) == "over"


class Asks(Node):
    """A site's own node that demands more than the relying party can bring."""

    type = "Asks"
    label = "Asks"
    outcomes = ("sent",)
    demand: ClassVar[Demand] = Demand(passcode="a digest")

    def step(self, step: Step) -> str:
        until = step.now + timedelta(seconds=60)
        step.send(until, ("email",), {"passcode": "123456"}, self.demand)
        return "sent"


MORE: list[dict[str, Any]] = [
    {"passkey": True},
    {"second_factor": True},
    {"number": "type"},
    {"link": "a digest"},
]


@pytest.mark.parametrize("more", MORE)
def test_what_demands_more_is_not_answered_by_the_passcode_alone(
    found: AuthenticationRequest, more: dict[str, Any]
) -> None:
    secret = carried(found, "passcode")
    Delivery.objects.update(state=Delivery.State.DELIVERED)
    AuthenticationRequest.objects.update(demand={**found.demand, **more})
    assert refused(found, secret) == "not_sent"
    assert not passcode_has_gone_out(stored(found))
    kept = stored(found)
    assert (kept.status, kept.answer, kept.step) == (Status.PENDING, Answer.NONE, found.step)


@pytest.mark.parametrize(
    "demand",
    [
        Demand(),
        Demand(passcode="a digest", passkey=True),
        Demand(passcode="a digest", number="pick"),
    ],
)
def test_a_node_that_demands_more_there_is_a_fault(
    client: Client,
    alice: AbstractBaseUser,
    settings: Any,
    demand: Demand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "JOURNEY_NODES": [f"{__name__}.Asks"]}
    monkeypatch.setattr(Asks, "demand", demand)
    document = passcode(HERE)
    document["nodes"]["send"] = {"type": "Asks", "outcomes": {"sent": "verify"}}
    with pytest.raises(ValueError, match="demands a passcode and nothing else"):
        begin(document, client, alice)


def test_a_login_of_any_age_is_fresh_with_the_passcode(found: AuthenticationRequest) -> None:
    secret = carried(found, "passcode")
    AuthenticationRequest.objects.update(demand={**found.demand, "max_login_age": 1})
    assert enter(found, secret).status == Status.AUTHORIZED


# --- whether it has gone out --------------------------------------------------------------------


def test_a_passcode_has_gone_out_when_one_channel_has_taken_it(
    found: AuthenticationRequest, client: Client, alice: AbstractBaseUser
) -> None:
    assert not passcode_has_gone_out(found)
    delivery = Delivery.objects.get(authentication_request=found)
    assert Delivery.objects.end(delivery.pk, Delivery.State.DEAD, after(1))
    assert not passcode_has_gone_out(found)
    Delivery.objects.update(state=Delivery.State.DELIVERED)
    assert passcode_has_gone_out(found)
    assert not passcode_has_gone_out(begin(SEEDS, client, alice))
    assert not passcode_has_gone_out(begin(passcode(), client, alice))
    assert not passcode_has_gone_out(begin(passcode(HERE), client, None))


def test_the_delivery_of_an_earlier_passcode_does_not_count(found: AuthenticationRequest) -> None:
    Delivery.objects.update(state=Delivery.State.DELIVERED)
    assert walk_due(found.pk, after(300))
    assert not passcode_has_gone_out(stored(found))


class Remark(Node):
    """Tells the user something that is no question."""

    type = "Remark"
    label = "Remark"
    outcomes = ("next",)

    def step(self, step: Step) -> str:
        step.send(step.now + timedelta(seconds=60), ("email",), {"passcode": "a remark"})
        return "next"


def test_what_is_said_beside_it_is_neither_the_question_nor_its_delivery(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "JOURNEY_NODES": [f"{__name__}.Remark"]}
    document = passcode(HERE)
    document["nodes"]["send"]["outcomes"]["sent"] = "remark"
    document["nodes"]["remark"] = {"type": "Remark", "outcomes": {"next": "verify"}}
    found = begin(document, client, alice)
    Delivery.objects.filter(round=2).update(state=Delivery.State.DELIVERED)
    assert not passcode_has_gone_out(found)
    Delivery.objects.filter(round=1).update(state=Delivery.State.DELIVERED)
    assert passcode_has_gone_out(found)
    assert enter(found, carried(found, "passcode")).status == Status.AUTHORIZED


def test_a_failure_that_the_client_is_not_told_of_takes_no_passcode(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Pending, so that it looks like nobody's; its journey is over all the same."""
    client.hide_unknown_users = True
    client.save()
    document = passcode(HERE)
    document["nodes"]["again"]["config"] = {"limit": 1}
    document["nodes"]["send"]["outcomes"]["sent"] = "pays"
    document["nodes"]["pays"] = {
        "type": "ScopeDecision",
        "config": {"scopes": ["payments"]},
        "outcomes": {"true": "verify", "false": "@failure"},
    }
    found = begin(document, client, alice)
    assert (found.status, found.node) == (Status.PENDING, "")
    assert refused(found, "123456", after(1)) == "expired"
    assert path(stored(found)) == [("send", "sent"), ("pays", "false")]
