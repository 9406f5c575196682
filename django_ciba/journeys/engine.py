"""Walks a request through its journey until a node waits or an end is reached.

It stores nothing: it changes the request in memory, and says what should become of it. Whoever
asked stores that by one conditional update. Nodes may look things up, as how a user is reached,
and a node of the site's own may do what it likes.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_ciba.journeys.demand import demand_of, ended_by_a_wrong_number
from django_ciba.journeys.document import ENDS, SUCCESS
from django_ciba.journeys.node import Message, Node, Step, Wait
from django_ciba.journeys.registry import NODES
from django_ciba.models import AuthenticationRequest, Delivery
from django_ciba.models.authentication_request import ASKED, FAILURES, NUMBER_TRIES, ROUNDS
from django_ciba.prompts import reachable_channels

logger = logging.getLogger("django_ciba.journeys")

NOT_ASKED_AGAIN = "not_asked_again"  # no node's own outcome, so that it leads to @failure
MAX_STEPS = 100  # nodes that one event may walk; a circle without a wait ends as failed


@dataclass(frozen=True, slots=True)
class Told:
    """A message, the node that wanted it, and the channels that it goes by beside the inbox."""

    node: str
    message: Message
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a walk came to: column values for the request, and messages to send with it."""

    values: dict[str, Any]
    deliveries: list[Delivery]
    told: list[Told] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.values["status"])


def walk(
    authentication_request: AuthenticationRequest, document: Mapping[str, Any], now: datetime
) -> Progress:
    """Go on from where the request stands (its start, when it stands nowhere yet).

    The request's fields are changed in memory as nodes act, since later nodes read them; nothing
    is stored here.
    """
    found = authentication_request
    at, resumed = found.node or document["start"], bool(found.node)
    memory, trail = dict(found.memory), list(found.walk)
    deliveries: list[Delivery] = []
    told: list[Told] = []
    due_at: datetime | None = found.expires_at
    if ended_by_a_wrong_number(found):
        memory[NUMBER_TRIES] = 0
    for _ in range(MAX_STEPS):
        result, step = _one_step(found, document, at, now, memory, resumed)
        if any(_number_is_spent(message, memory) for message in step.messages):
            result, step.messages = NOT_ASKED_AGAIN, []
        for message in step.messages:
            sent = _sent(found, message, now, memory)
            deliveries += sent
            told.append(Told(at, message, tuple(each.channel for each in sent)))
        if step.tries:
            found.demand = {**found.demand, "tries": step.tries}
        if isinstance(result, Wait):
            due_at = min(result.until, found.expires_at)
            _limit_wrong_numbers(found, memory)
            break
        trail.append({"node": at, "outcome": result, "at": now.isoformat()})
        at, resumed = document["nodes"][at]["outcomes"].get(result, "@failure"), False
        if at in ENDS:
            due_at = None
            break
    else:
        logger.error("journey version %s walks in a circle", found.journey_version_id)
        at, due_at = "@failure", None
    found.node = "" if at in ENDS else at
    found.memory, found.walk, found.due_at = memory, trail, due_at
    found.status = _status(found, at) if at in ENDS else AuthenticationRequest.Status.PENDING
    found.ended_at = now if at in ENDS else None
    if found.status == AuthenticationRequest.Status.FAILED and _must_not_tell(found):
        _let_it_run_out(found, now)
    # Who is prompted for a request that has ended can no longer answer it.
    if at in ENDS:
        deliveries, told = [], []
    return Progress({name: getattr(found, name) for name in _STORED}, deliveries, told)


_STORED = (
    "status",
    "node",
    "memory",
    "walk",
    "due_at",
    "ended_at",
    "prompted_at",
    "prompt_until",
    "demand",
    "answer",
    "answered_at",
    "wrong_at",
    "authenticated_at",
    "amr",
)


def _one_step(
    found: AuthenticationRequest,
    document: Mapping[str, Any],
    at: str,
    now: datetime,
    memory: dict[str, Any],
    resumed: bool,
) -> tuple[str | Wait, Step[Any]]:
    placed = document["nodes"][at]
    node: Node[Any] = NODES[placed["type"]]

    def sleeps_until(outcome: str) -> datetime | None:
        target = placed["outcomes"].get(outcome)
        if target is None or target in ENDS:
            return None
        following = document["nodes"][target]
        kind = NODES[following["type"]]
        return kind.sleeps_until(found, kind.configured(following.get("config", {})))

    own = memory.setdefault(at, {})
    config = node.configured(placed.get("config", {}))
    step = Step(found, now, config, own, resumed, sleeps_until)
    result = node.step(step)
    if not own:
        del memory[at]
    return result, step


def _sent(
    found: AuthenticationRequest, message: Message, now: datetime, memory: dict[str, Any]
) -> list[Delivery]:
    """A message into the outbox for each channel; a prompt puts the request into the inbox too.

    A question is a new one: an answer that was given before does not answer it. One that the
    relying party asks takes the place of one in the inbox.
    """
    memory[ROUNDS] = memory.get(ROUNDS, 0) + 1
    if message.demand is not None:
        memory[ASKED] = memory[ROUNDS]
        found.prompted_at = None if message.elsewhere else now
        found.prompt_until = min(message.until, found.expires_at)
        found.demand = message.demand.stored()
        found.answer, found.answered_at = AuthenticationRequest.Answer.NONE, None
        found.authenticated_at, found.amr = None, []
        memory.pop(FAILURES, None)
    if found.user is None:
        return []
    channels = message.channels
    if channels is None:
        channels = tuple(reachable_channels(found.user, secret=bool(message.carries)))
    return [
        Delivery(
            authentication_request=found,
            kind=Delivery.Kind.PROMPT,
            channel=name,
            round=memory[ROUNDS],
            due_at=now,
            created_at=now,
            payload=json.dumps(dict(message.carries)) if message.carries else "",
        )
        for name in channels
    ]


def _number_is_spent(message: Message, memory: Mapping[str, Any]) -> bool:
    """Whether it asks for the number of a request in which a wrong one has ended a question.

    A request has one number, which its client was told once: who is asked for it again, among the
    same three or by two digits, has it in the end. How the journey is wired makes no difference.
    """
    asks_for_it = message.demand is not None and bool(message.demand.number)
    return asks_for_it and memory.get(NUMBER_TRIES) == 0


def _limit_wrong_numbers(found: AuthenticationRequest, memory: dict[str, Any]) -> None:
    """A question may lower how many wrong numbers the request still allows, and never raise it.

    So who was offered three to pick from has no more tries when it is to be typed.
    """
    demand = demand_of(found)
    if demand.number:
        memory[NUMBER_TRIES] = min(memory.get(NUMBER_TRIES, demand.tries), demand.tries)


def _let_it_run_out(found: AuthenticationRequest, now: datetime) -> None:
    """Leave a failed request as one is left whose hint named nobody: pending until it expires."""
    found.status, found.ended_at = AuthenticationRequest.Status.PENDING, None
    found.due_at = found.expires_at
    if found.prompt_until is not None:
        found.prompt_until = now  # no answer, and no passcode, counts any more


def _must_not_tell(found: AuthenticationRequest) -> bool:
    """Whether a failure would tell its client that there is such a user."""
    return found.client.hide_unknown_users and not found.answer


def _status(found: AuthenticationRequest, end: str) -> str:
    """What an end means. Success without the user's yes is a journey's fault, never tokens."""
    if end == SUCCESS:
        if found.answer == AuthenticationRequest.Answer.APPROVED and found.authenticated_at:
            return AuthenticationRequest.Status.AUTHORIZED
        logger.error(
            "journey version %s reached @success without the user's approval",
            found.journey_version_id,
        )
    elif found.answer == AuthenticationRequest.Answer.DENIED:
        return AuthenticationRequest.Status.DENIED
    return AuthenticationRequest.Status.FAILED
