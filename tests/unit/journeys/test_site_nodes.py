"""A site's own node classes, and requests under way when journeys or classes change."""

import logging
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.journeys import NODES, Demand, Step, document_problems, node, walk_due
from django_ciba.journeys.demand import NumberEntry
from django_ciba.journeys.nodes import OWN_NODES
from django_ciba.models import AuthenticationRequest, Client, Journey
from tests.unit.journeys import site_nodes
from tests.unit.journeys.arrange import (
    SEEDS,
    Answer,
    Status,
    after,
    begin,
    path,
    say,
    seeds,
    stored,
    straight,
)

OWN = [each.type for each in OWN_NODES]
HERE = "tests.unit.journeys.site_nodes"


def with_nodes(settings: Any, *names: str) -> None:
    paths = [name if "." in name else f"{HERE}.{name}" for name in names]
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "JOURNEY_NODES": paths}


# --- what a node may ask ------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["pick", "type"])
def test_a_number_is_demanded_of_a_request_that_has_one(entry: NumberEntry) -> None:
    """Without `shows_a_number` the client was told none, and nobody could approve."""
    now = timezone.now()
    step: Step[Any] = Step(AuthenticationRequest(number=""), now, {}, {}, False, lambda _: None)
    with pytest.raises(ValueError, match="says so by shows_a_number"):
        step.prompt(now, Demand(number=entry))
    assert step.messages == []
    step.authentication_request.number = "42"
    step.prompt(now, Demand(number=entry))
    assert [each.demand for each in step.messages] == [Demand(number=entry)]


# --- the registry -------------------------------------------------------------------------------


def test_the_sites_nodes_stand_beside_ours(settings: Any) -> None:
    with_nodes(settings, "Step", "Vote")
    assert list(NODES) == [*OWN, "Step", "Vote"]
    assert len(NODES) == len(OWN) + 2
    assert isinstance(NODES["Vote"], site_nodes.Vote)
    assert node("Vote") is NODES["Vote"]
    with_nodes(settings)
    assert list(NODES) == OWN
    assert "Vote" not in NODES
    with pytest.raises(KeyError):
        node("Vote")


def test_a_path_to_nothing_is_an_import_error(settings: Any) -> None:
    with_nodes(settings, "Missing")
    with pytest.raises(ImportError, match="Missing"):
        list(NODES)


def test_a_class_that_is_no_node_is_refused(settings: Any) -> None:
    with_nodes(settings, "NotANode")
    with pytest.raises(TypeError, match=f"{HERE}.NotANode is not a subclass of .*Node"):
        list(NODES)


def test_something_that_is_no_class_is_refused(settings: Any) -> None:
    with_nodes(settings, "arrange")
    with pytest.raises(TypeError, match="is not a subclass of"):
        list(NODES)


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("Vote", "SecondVote"), "Vote"),
        (("django_ciba.journeys.nodes.PollingWait",), "PollingWait"),
    ],
)
def test_a_name_that_is_taken_is_refused(settings: Any, names: tuple[str, ...], taken: str) -> None:
    with_nodes(settings, *names)
    with pytest.raises(TypeError, match=f"there is a node type {taken} already"):
        list(NODES)


# --- a node of the site's own -------------------------------------------------------------------


def vote(**config: Any) -> dict[str, Any]:
    """The user is prompted, and a node of the site's own takes the answer."""
    document = straight("Ask", "Vote")
    document["nodes"]["n1"] = {
        "type": "Vote",
        "config": config,
        "outcomes": {"yes": "@success", "no": "@failure", "late": "@failure"},
    }
    return document


def test_its_options_are_checked(settings: Any) -> None:
    assert list(document_problems(vote(seconds=5))) == []
    assert list(document_problems(vote(seconds="5", minutes=1))) == [
        ("nodes.n1.config.seconds", "must be a whole number from 1 to 2147483647"),
        ("nodes.n1.config.minutes", "is not an option of Vote"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("verdict", "status", "outcome"),
    [
        (Answer.APPROVED, Status.AUTHORIZED, "yes"),
        (Answer.DENIED, Status.DENIED, "no"),
    ],
)
def test_it_waits_and_leaves_by_its_own_outcomes(
    client: Client, alice: AbstractBaseUser, verdict: str, status: str, outcome: str
) -> None:
    found = begin(vote(seconds=20), client, alice)
    assert (found.node, found.due_at) == ("n1", after(20))
    answered = say(found, verdict, after(10))
    assert (answered.status, path(answered)) == (status, [("n0", "next"), ("n1", outcome)])


@pytest.mark.django_db
def test_it_wakes_up_at_the_time_it_named(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(vote(), client, alice)
    assert found.due_at == after(30)
    assert walk_due(found.pk, after(30))
    assert path(stored(found))[-1] == ("n1", "late")


@pytest.mark.django_db
def test_what_it_remembers_is_kept_while_it_waits_and_later(
    client: Client, alice: AbstractBaseUser
) -> None:
    found = begin(vote(seconds=20), client, alice)
    assert found.memory["n1"] == {"visits": 1, "until": after(20).isoformat()}
    assert say(found, Answer.APPROVED, after(10)).memory["n1"]["visits"] == 2


# --- while requests are under way ---------------------------------------------------------------


@pytest.mark.django_db
def test_a_running_request_keeps_the_version_it_started_with(
    client: Client, alice: AbstractBaseUser
) -> None:
    old = begin(SEEDS, client, alice)
    outcomes = {**SEEDS["nodes"]["verify"]["outcomes"], "success": "@failure"}
    new = begin(seeds(verify={**SEEDS["nodes"]["verify"], "outcomes": outcomes}), client, alice)
    assert say(old, Answer.APPROVED, after(5)).status == Status.AUTHORIZED
    assert say(new, Answer.APPROVED, after(5)).status == Status.FAILED
    assert [each.number for each in Journey.objects.get(name="under test").versions.all()] == [2, 1]


@pytest.mark.django_db
def test_a_running_request_outlives_the_removal_of_the_node_it_waits_in(
    client: Client, alice: AbstractBaseUser
) -> None:
    old = begin(SEEDS, client, alice)
    begin(vote(), client, alice)
    assert walk_due(old.pk, after(120))
    assert stored(old).status == Status.FAILED
    assert path(stored(old))[-1] == ("verify", "expired")


WEATHER = {
    "start": "wait",
    "nodes": {
        "wait": {"type": "PollingWait", "outcomes": {"done": "weather"}},
        "weather": {"type": "Weather", "outcomes": {"dry": "verify", "wet": "@failure"}},
        "verify": {
            "type": "Vote",
            "outcomes": {"yes": "@success", "no": "@failure"},
        },
    },
}


@pytest.mark.django_db
def test_an_option_that_a_class_gained_has_its_default(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document was written before there was such an option."""
    asked: list[Any] = []
    monkeypatch.setattr(site_nodes.Weather, "asked", asked)
    found = begin(WEATHER, client, alice)
    assert walk_due(found.pk, after(8))
    assert asked == ["Tbilisi"]
    assert stored(found).node == "verify"


@pytest.mark.django_db
def test_an_outcome_that_the_document_does_not_wire_is_a_failure(
    client: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class whose outcomes were renamed after requests had started."""
    monkeypatch.setattr(site_nodes.Weather, "says", "fine")
    found = begin(WEATHER, client, alice)
    assert walk_due(found.pk, after(8))
    assert stored(found).status == Status.FAILED
    assert path(stored(found))[-1] == ("weather", "fine")


@pytest.mark.django_db
def test_a_class_that_is_gone_holds_up_its_own_requests_only_and_loses_none(
    client: Client, alice: AbstractBaseUser, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    lost, other = begin(WEATHER, client, alice), begin(SEEDS, client, alice)
    before = settings.DJANGO_CIBA
    with_nodes(settings)
    assert run_due(after(120)) == 1 + other.deliveries.count()
    assert stored(other).status == Status.FAILED
    assert (stored(lost).status, stored(lost).node) == (Status.PENDING, "wait")
    assert caplog.messages == [f"what was due for row {lost.pk} failed"]
    settings.DJANGO_CIBA = before
    assert run_due(after(150)) == 1
    assert stored(lost).node == "verify"


@pytest.mark.django_db
def test_a_request_whose_class_never_comes_back_runs_out(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    found = begin(WEATHER, client, alice, seconds=60)
    with_nodes(settings)
    assert run_due(after(10)) == 0
    assert run_due(after(60)) == 1
    kept = AuthenticationRequest.objects.get(pk=found.pk)
    assert (kept.status, kept.due_at) == (Status.PENDING, None)
    assert kept.is_expired(after(60))
