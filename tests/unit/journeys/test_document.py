"""What makes a journey's document valid: every fault is named by its path."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ciba.journeys import NODES, document_problems, walk
from django_ciba.models import AuthenticationRequest, Client
from tests.unit.journeys.arrange import NOON, SEEDS, Answer, after, seeds, straight

VERIFY = SEEDS["nodes"]["verify"]
TYPES = (
    "must be one of PlatformUsername, PushSender, PushResultVerifier, PollingWait, "
    "OneTimePasscodeSender, OneTimePasscodeVerifier, EmailLinkSender, PasskeyVerifier, "
    "ScopeDecision, RetryLimitDecision, AccountActiveDecision, "
    "Step, Vote, Weather, Broken, AnsweredMeanwhile, Ask"
)


def problems(document: object) -> list[tuple[str, str]]:
    return list(document_problems(document))


def sends(**config: Any) -> dict[str, Any]:
    return {**SEEDS["nodes"]["send"], "config": config}


def waits(**config: Any) -> dict[str, Any]:
    return {**SEEDS["nodes"]["wait"], "config": config}


def named(key: str) -> dict[str, Any]:
    """A journey of one node of that key."""
    node = {"type": "Step", "outcomes": {"next": "@failure"}}
    return {"start": key, "nodes": {key: node}}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in SEEDS.items() if name not in names}


# --- what is valid ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        SEEDS,
        {**SEEDS, "name": "CIBA Push Journey"},
        seeds(send=sends()),
        seeds(send=sends(message_timeout=None)),
        seeds(wait=waits(seconds=1, spam_detection=True, spam_tolerance=0)),
        straight("Step", end="@failure"),
        seeds(wait={**waits(), "outcomes": {"done": "verify", "spam": "@failure"}}),
        named("k" * 100),
    ],
    ids=[
        "seeds",
        "named",
        "defaults",
        "no timeout",
        "options",
        "one node",
        "optional outcome",
        "longest key",
    ],
)
def test_a_valid_document_has_no_problem(document: dict[str, Any]) -> None:
    assert problems(document) == []


# --- one fault each -----------------------------------------------------------------------------

FAULTS: dict[str, tuple[object, list[tuple[str, str]]]] = {
    "no object": ([SEEDS], [("", "must be an object with start and nodes")]),
    "null": (None, [("", "must be an object with start and nodes")]),
    "another member": ({**SEEDS, "node": {}}, [("node", "is not a member of a journey")]),
    "no nodes": (without("nodes"), [("nodes", "must be an object of nodes by key")]),
    "empty nodes": (
        {"start": "send", "nodes": {}},
        [("nodes", "must be an object of nodes by key")],
    ),
    "nodes in a list": (
        {"start": "send", "nodes": [sends()]},
        [("nodes", "must be an object of nodes by key")],
    ),
    "too many nodes": (
        {"start": "0", "nodes": {str(number): sends() for number in range(101)}},
        [("nodes", "must not be more than 100")],
    ),
    "no start": (without("start"), [("start", "must be the key of a node")]),
    "an unknown start": ({**SEEDS, "start": "nobody"}, [("start", "must be the key of a node")]),
    "a start of another type": (
        {**SEEDS, "start": ["send"]},
        [("start", "must be the key of a node")],
    ),
    "a start that is an end": (
        {**SEEDS, "start": "@success"},
        [("start", "must be the key of a node")],
    ),
    "an empty key": (
        named(""),
        [("nodes.", "a node's key has 1 to 100 characters and does not begin with @")],
    ),
    "a key like an end": (
        named("@wait"),
        [("nodes.@wait", "a node's key has 1 to 100 characters and does not begin with @")],
    ),
    "a long key": (
        named("k" * 101),
        [
            (
                f"nodes.{'k' * 101}",
                "a node's key has 1 to 100 characters and does not begin with @",
            )
        ],
    ),
    "a node that is no object": (
        {**SEEDS, "nodes": {**SEEDS["nodes"], "wait": "PollingWait"}},
        [
            ("nodes.wait", "must be an object with type and outcomes"),
            ("nodes.wait", "has no way to @success or @failure"),
        ],
    ),
    "another member of a node": (
        seeds(wait={**waits(), "outcome": "done"}),
        [("nodes.wait.outcome", "is not a member of a node")],
    ),
    "no type": (
        seeds(wait={"outcomes": {"done": "verify"}}),
        [("nodes.wait.type", TYPES)],
    ),
    "an unknown type": (
        seeds(wait={**waits(), "type": "SocialLogin"}),
        [("nodes.wait.type", TYPES)],
    ),
    "a type of another type": (
        seeds(wait={**waits(), "type": {"PollingWait": 1}}),
        [("nodes.wait.type", TYPES)],
    ),
    "config that is no object": (
        seeds(wait={**waits(), "config": [8]}),
        [("nodes.wait.config", "must be an object")],
    ),
    "config null": (
        seeds(wait={**waits(), "config": None}),
        [("nodes.wait.config", "must be an object")],
    ),
    "an unknown option": (
        seeds(wait=waits(second=8)),
        [("nodes.wait.config.second", "is not an option of PollingWait")],
    ),
    "an option for a node without": (
        seeds(username={**SEEDS["nodes"]["username"], "config": {"seconds": 8}}),
        [("nodes.username.config.seconds", "is not an option of PlatformUsername")],
    ),
    "a wrong number": (
        seeds(send=sends(message_timeout=0)),
        [("nodes.send.config.message_timeout", "must be a whole number from 1 to 2147483647")],
    ),
    "a number as text": (
        seeds(send=sends(message_timeout="120")),
        [("nodes.send.config.message_timeout", "must be a whole number from 1 to 2147483647")],
    ),
    "a number too large for a clock": (
        seeds(wait=waits(seconds=2**31)),
        [("nodes.wait.config.seconds", "must be a whole number from 1 to 2147483647")],
    ),
    "true for a number": (
        seeds(wait=waits(spam_tolerance=True)),
        [("nodes.wait.config.spam_tolerance", "must be a whole number from 0 to 2147483647")],
    ),
    "no truth": (
        seeds(wait=waits(spam_detection="yes")),
        [("nodes.wait.config.spam_detection", "must be True or False")],
    ),
    "an unknown push type": (
        seeds(send=sends(push_type=["default"])),
        [("nodes.send.config.push_type", "must be default or challenge or biometric")],
    ),
    "no outcomes": (
        seeds(wait={"type": "PollingWait"}),
        [
            ("nodes.wait.outcomes", "must wire done"),
            ("nodes.wait", "has no way to @success or @failure"),
        ],
    ),
    "outcomes in a list": (
        seeds(verify={**VERIFY, "outcomes": ["@success"]}),
        [
            ("nodes.verify.outcomes", "must wire success, failure, expired, waiting"),
            ("nodes.verify", "has no way to @success or @failure"),
            ("nodes.wait", "is never reached from start"),
        ],
    ),
    "an outcome that is not wired": (
        seeds(
            verify={
                **VERIFY,
                "outcomes": {k: v for k, v in VERIFY["outcomes"].items() if k != "expired"},
            }
        ),
        [("nodes.verify.outcomes.expired", "is not wired: name a node, @success or @failure")],
    ),
    "an outcome that the node has not": (
        seeds(wait={**waits(), "outcomes": {"done": "verify", "exhausted": "@failure"}}),
        [("nodes.wait.outcomes.exhausted", "is not an outcome of PollingWait")],
    ),
    "wired to nowhere": (
        seeds(wait={**waits(), "outcomes": {"done": "verified"}}),
        [
            ("nodes.wait.outcomes.done", "must name a node, @success or @failure"),
            ("nodes.wait", "has no way to @success or @failure"),
        ],
    ),
    "wired to an unknown end": (
        seeds(
            username={
                **SEEDS["nodes"]["username"],
                "outcomes": {"found": "send", "not_found": "@abort"},
            }
        ),
        [("nodes.username.outcomes.not_found", "must name a node, @success or @failure")],
    ),
    "wired to an object": (
        seeds(wait={**waits(), "outcomes": {"done": {"node": "verify"}}}),
        [
            ("nodes.wait.outcomes.done", "must name a node, @success or @failure"),
            ("nodes.wait", "has no way to @success or @failure"),
        ],
    ),
    "a node that is never reached": (
        seeds(forgotten=waits()),
        [("nodes.forgotten", "is never reached from start")],
    ),
    "a circle without a way out": (
        {
            "start": "wait",
            "nodes": {
                "wait": {**waits(), "outcomes": {"done": "again"}},
                "again": {**waits(), "outcomes": {"done": "wait"}},
            },
        },
        [
            ("nodes.wait", "has no way to @success or @failure"),
            ("nodes.again", "has no way to @success or @failure"),
        ],
    ),
    "a node that leads to itself": (
        seeds(wait={**waits(), "outcomes": {"done": "wait"}}),
        [("nodes.wait", "has no way to @success or @failure")],
    ),
}


@pytest.mark.parametrize(("document", "found"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_by_its_path(document: object, found: list[tuple[str, str]]) -> None:
    assert problems(document) == found


def test_every_fault_is_named_not_only_the_first() -> None:
    document = {
        "start": "nobody",
        "nodes": {
            "send": {"type": "PushSender", "config": {"a": 1, "message_timeout": -1}},
            "verify": {"type": "Verifier", "outcomes": {}},
        },
        "b": 1,
        "a": 1,
    }
    assert [path for path, _ in problems(document)] == [
        "b",
        "a",
        "start",
        "nodes.send.config.a",
        "nodes.send.config.message_timeout",
        "nodes.send.outcomes",
        "nodes.verify.type",
    ]


# --- any JSON value -----------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["@success", "@failure", "a", "b", "type", "PushSender", "PollingWait"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["start", "nodes", "name", "type", "config", "outcomes", "a", "b"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KEYS = ("a", "b", "c", "prompts", "@c", "")


def targets(keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return keys | st.sampled_from(["@success", "@failure"])


@st.composite
def nodes(draw: st.DrawFn) -> dict[str, Any]:
    """A node that is mostly right."""
    kind = draw(st.sampled_from(sorted(set(NODES) - {"Broken", "AnsweredMeanwhile"})))
    node = NODES[kind]
    wired = {name: draw(targets(st.sampled_from(KEYS[:4]))) for name in node.outcomes}
    for name in node.optional_outcomes:
        if draw(st.booleans()):
            wired[name] = draw(targets(st.sampled_from(KEYS[:4])))
    config = {
        name: draw(st.integers(-1, 2**31) | st.booleans() | st.just(option.default))
        for name, option in node.options.items()
        if draw(st.booleans())
    }
    return {"type": kind, "config": config, "outcomes": wired}


DOCUMENTS = st.fixed_dictionaries(
    {
        "start": st.sampled_from(KEYS),
        "nodes": st.dictionaries(st.sampled_from(KEYS), nodes() | JSON, max_size=5),
    }
)
WALKABLE = st.fixed_dictionaries(
    {
        "start": st.sampled_from(KEYS[:4]),
        "nodes": st.fixed_dictionaries({}, optional={key: nodes() for key in KEYS[:4]}),
    }
)
SLOWLY = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(document=JSON | DOCUMENTS)
@SLOWLY
def test_no_json_value_makes_the_reading_fail(document: Any) -> None:
    for path, problem in problems(document):
        assert isinstance(path, str)
        assert problem


def pruned(document: dict[str, Any]) -> dict[str, Any]:
    """Without the nodes that start does not reach, so that more of the drawn documents pass."""
    unreached = {
        path.removeprefix("nodes.")
        for path, problem in problems(document)
        if problem == "is never reached from start"
    }
    kept = {key: node for key, node in document["nodes"].items() if key not in unreached}
    return {**document, "nodes": kept}


@given(document=WALKABLE, answers=st.lists(st.sampled_from(["", "approved", "denied"]), max_size=4))
@SLOWLY
def test_what_passes_can_be_walked(document: dict[str, Any], answers: list[str]) -> None:
    document = pruned(document)
    if problems(document):
        return
    found = AuthenticationRequest(
        client=Client(), user=None, created_at=NOON, expires_at=after(600), journey_version_id=1
    )
    for number, verdict in enumerate(["", *answers]):
        now = after(20 * number)
        if verdict and not found.answer:
            found.answer, found.authenticated_at = Answer(verdict), now
        progress = walk(found, document, now)
        json.dumps(progress.values["memory"], allow_nan=False)
        json.dumps(progress.values["walk"], allow_nan=False)
        if progress.status != "pending":
            assert progress.values["due_at"] is None
            assert progress.values["node"] == ""
            return
        assert progress.values["node"] in document["nodes"]
        assert now <= progress.values["due_at"] <= found.expires_at


def test_enough_of_the_drawn_documents_pass() -> None:
    """The property above would hold of nothing, too."""
    passed = 0

    @given(document=WALKABLE)
    @settings(SLOWLY, max_examples=200, database=None, derandomize=True)
    def count(document: dict[str, Any]) -> None:
        nonlocal passed
        passed += not problems(pruned(document))

    count()
    assert passed > 20
