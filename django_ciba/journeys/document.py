"""A journey's JSON document: what makes it valid (design §7)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django_ciba.journeys.node import Node
from django_ciba.journeys.registry import NODES

SUCCESS: Final = "@success"
FAILURE: Final = "@failure"
ENDS: Final = (SUCCESS, FAILURE)
MAX_NODES: Final = 100


def shows_a_number(document: Mapping[str, Any]) -> bool:
    """Whether a request that walks this valid document may need a number for the client to show."""
    return any(kind.shows_a_number(config) for kind, config in _placed(document))


def takes_two_steps(document: Mapping[str, Any]) -> bool:
    """Whether a request that walks this valid document may need a passcode from its client."""
    return any(kind.takes_two_steps(config) for kind, config in _placed(document))


def _placed(document: Mapping[str, Any]) -> Iterator[tuple[Node[Any], Any]]:
    for each in document["nodes"].values():
        kind = NODES[each["type"]]
        yield kind, kind.configured(each.get("config", {}))


def document_problems(document: object) -> Iterator[tuple[str, str]]:
    """(path, problem) for every fault of a journey document; nothing when it can be walked.

    Valid: known types, config by the node's options, every outcome wired to a node or an end, every
    node reachable, and a way from each node to an end.
    """
    if not isinstance(document, Mapping):
        yield "", "must be an object with start and nodes"
        return
    for name in document:
        if name not in ("start", "nodes", "name"):
            yield str(name), "is not a member of a journey"
    nodes = document.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        yield "nodes", "must be an object of nodes by key"
        return
    if len(nodes) > MAX_NODES:
        yield "nodes", f"must not be more than {MAX_NODES}"
        return
    start = document.get("start")
    if not isinstance(start, str) or start not in nodes:
        yield "start", "must be the key of a node"
    wired = {}
    for key, value in nodes.items():
        path = f"nodes.{key}"
        if not key or key.startswith("@") or len(key) > 100:
            yield path, "a node's key has 1 to 100 characters and does not begin with @"
        yield from _node_problems(path, value, nodes)
        wired[key] = _targets(value)
    if isinstance(start, str) and start in nodes:
        yield from _dead_ends(start, wired)


def _node_problems(path: str, value: object, nodes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, "must be an object with type and outcomes"
        return
    for name in value:
        if name not in ("type", "config", "outcomes"):
            yield f"{path}.{name}", "is not a member of a node"
    type_name = value.get("type")
    if not isinstance(type_name, str) or type_name not in NODES:
        yield f"{path}.type", f"must be one of {', '.join(NODES)}"
        return
    kind = NODES[type_name]
    yield from _config_problems(f"{path}.config", value.get("config", {}), kind)
    yield from _outcome_problems(f"{path}.outcomes", value.get("outcomes"), kind, nodes)


def _config_problems(path: str, config: object, kind: Node[Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(config, Mapping):
        yield path, "must be an object"
        return
    for name, value in config.items():
        if name not in kind.options:
            yield f"{path}.{name}", f"is not an option of {kind.type}"
        elif (problem := kind.options[name].problem(value)) is not None:
            yield f"{path}.{name}", problem
    for name, option in kind.options.items():
        if name in config:
            continue
        if option.required:
            yield f"{path}.{name}", f"is missing: {kind.type} has no default for it"
            continue
        default = list(option.default) if isinstance(option.default, tuple) else option.default
        # One that names something of the site's, as a channel, may not be there.
        if (problem := option.problem(default)) is not None:
            yield f"{path}.{name}", f"{problem}; its default is {default}"


def _outcome_problems(
    path: str, outcomes: object, kind: Node[Any], nodes: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if not isinstance(outcomes, Mapping):
        yield path, f"must wire {', '.join(kind.outcomes)}"
        return
    for name in kind.outcomes:
        if name not in outcomes:
            yield f"{path}.{name}", "is not wired: name a node, @success or @failure"
    for name, target in outcomes.items():
        if name not in (*kind.outcomes, *kind.optional_outcomes):
            yield f"{path}.{name}", f"is not an outcome of {kind.type}"
        elif not isinstance(target, str) or target not in (*nodes, *ENDS):
            yield f"{path}.{name}", "must name a node, @success or @failure"


def _targets(value: object) -> set[str]:
    outcomes = value.get("outcomes") if isinstance(value, Mapping) else None
    if not isinstance(outcomes, Mapping):
        return set()
    return {target for target in outcomes.values() if isinstance(target, str)}


def _dead_ends(start: str, wired: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    reached: set[str] = set()
    ahead = {start}
    while ahead:
        reached |= ahead
        ahead = {target for key in ahead for target in wired.get(key, ())} - reached
    ending = set(ENDS)
    while more := {key for key, targets in wired.items() if targets & ending} - ending:
        ending |= more
    for key in wired:
        if key not in reached:
            yield f"nodes.{key}", "is never reached from start"
        elif key not in ending:
            yield f"nodes.{key}", "has no way to @success or @failure"
