"""Walks a journey for a test user without asking anybody: nothing is stored, nobody is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction

from django_ciba.journeys.answer import NotAnswerable, one_more_failure, still_answerable
from django_ciba.journeys.demand import demand_of
from django_ciba.journeys.document import document_problems, shows_a_number
from django_ciba.journeys.engine import Told, walk
from django_ciba.journeys.number_matching import new_number
from django_ciba.journeys.passcode import (
    PasscodeRefused,
    asks_for_a_passcode,
    waits_for_a_passcode,
)
from django_ciba.models import AuthenticationRequest, Client

# What may happen: the user approves with all that is demanded, denies, or gets the number, passcode
# or link wrong; or time passes, until the next timer. A number is so many seconds that pass.
Event = Literal["approve", "deny", "wrong", "wait"] | int
EVENTS: Final = ("approve", "deny", "wrong", "wait")

Answer, Status = AuthenticationRequest.Answer, AuthenticationRequest.Status


@dataclass(frozen=True, slots=True)
class WalkedStep:
    """A node that the request left, by which outcome, and when."""

    node: str
    type: str
    outcome: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WouldBeSent:
    """A message that would have gone out, without the secret that it carries.

    `demand` names what an approval must come with; digests stand as True in it. `inbox` says
    whether the question is in the inbox; `carries` what beside it, as passcode or link.
    """

    node: str
    at: datetime
    inbox: bool
    channels: tuple[str, ...]
    demand: Mapping[str, Any]
    carries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the script: when, and "" or why it changed nothing."""

    event: Event
    at: datetime
    refused: str


@dataclass(slots=True)
class DryRun:
    """What a journey came to.

    `ended` is a status of a request, or "expired"; pending: the script has ended before the
    journey, which waits at the node `waits_at` until `due_at`. `client_is_told` is False when the
    client sees a request that runs out in place of one that has failed (`hide_unknown_users`).
    """

    steps: list[WalkedStep] = field(default_factory=list)
    sent: list[WouldBeSent] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    ended: str = "pending"
    ended_at: datetime | None = None
    waits_at: str = ""
    due_at: datetime | None = None
    client_is_told: bool = True


class NotWalkable(ValueError):
    """The document has faults: `problems`, as `document_problems` names them."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in problems))
        self.problems = tuple(problems)


def dry_run(
    document: Mapping[str, Any],
    client: Client,
    user: AbstractBaseUser,
    *,
    answers: Sequence[Event],
    now: datetime,
    scope: str = "openid",
) -> DryRun:
    """Walk `document` for a request of `client` about `user`, which begins now.

    `answers` is what happens then, in this order. Raises NotWalkable, and ValueError for an event
    that there is not; what a site's own node raises comes through. What such a node writes to our
    database is undone.
    """
    for event in answers:
        if not (event in EVENTS or (isinstance(event, int) and event > 0)):
            raise ValueError(f"an event must be {', '.join(EVENTS)}, or seconds that pass")
    if problems := list(document_problems(document)):
        raise NotWalkable(problems)
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        rehearsal = _Rehearsal(document, client, user, now, scope)
        for event in answers:
            rehearsal.happens(event)
        transaction.set_rollback(True, using=alias)
    return rehearsal.result()


class _Rehearsal:
    """One request in memory, and the clock."""

    def __init__(
        self,
        document: Mapping[str, Any],
        client: Client,
        user: AbstractBaseUser,
        now: datetime,
        scope: str,
    ) -> None:
        self.document, self.now = document, now
        self.run = DryRun()
        self.found = AuthenticationRequest(
            client=client,
            user=cast(Any, user),  # the site's user model, which no type of ours can name
            created_at=now,
            expires_at=now + timedelta(seconds=client.realm.conf.AUTH_REQ_ID_LIFETIME),
            scope=scope,
            polling_interval=client.realm.conf.POLLING_INTERVAL,
            number=new_number() if shows_a_number(document) else "",
        )
        self._walk()

    def happens(self, event: Event) -> None:
        if isinstance(event, int):
            end = self.now + timedelta(seconds=event)
            while self._waits and self.found.due_at is not None and self.found.due_at <= end:
                self._timer()
            self.now, refused = end, ""
        elif event == "wait":
            refused = self._timer()
        else:
            refused = self._answered(event)
        self.run.happened.append(Happened(event, self.now, refused))

    def result(self) -> DryRun:
        run, found = self.run, self.found
        run.steps = [
            WalkedStep(
                each["node"],
                self.document["nodes"][each["node"]]["type"],
                each["outcome"],
                datetime.fromisoformat(each["at"]),
            )
            for each in found.walk
        ]
        run.ended, run.ended_at = str(found.status), found.ended_at
        if self._left_to_run_out:
            run.ended, run.ended_at, run.client_is_told = "failed", run.steps[-1].at, False
        elif found.status == Status.PENDING and found.is_expired(self.now):
            run.ended, run.ended_at = "expired", found.expires_at
        elif found.status == Status.PENDING:
            run.waits_at, run.due_at = found.node, found.due_at
        return run

    @property
    def _left_to_run_out(self) -> bool:
        return self.found.status == Status.PENDING and not self.found.node

    @property
    def _waits(self) -> bool:
        pending = self.found.status == Status.PENDING and bool(self.found.node)
        return pending and not self.found.is_expired(self.now)

    def _walk(self) -> None:
        progress = walk(self.found, self.document, self.now)
        self.run.sent += [self._would_be_sent(each) for each in progress.told]

    def _would_be_sent(self, told: Told) -> WouldBeSent:
        message = told.message
        demand = message.demand.stored() if message.demand is not None else {}
        shown = {
            name: True if name in ("passcode", "link") else value for name, value in demand.items()
        }
        in_inbox = message.demand is not None and not message.elsewhere
        return WouldBeSent(
            told.node, self.now, in_inbox, told.channels, shown, tuple(message.carries)
        )

    def _timer(self) -> str:
        """On to when the timer, or the life, of the request runs out."""
        if not self._waits or self.found.due_at is None:
            return "ended"
        self.now = max(self.now, self.found.due_at)
        if not self.found.is_expired(self.now):
            self._walk()
        return ""

    def _answered(self, event: str) -> str:
        found = self.found
        try:
            if asks_for_a_passcode(found):
                waits_for_a_passcode(found, self.now)
            else:
                denied = event not in ("approve", "wrong")
                still_answerable(found, Answer.DENIED if denied else Answer.APPROVED, self.now)
        except (NotAnswerable, PasscodeRefused) as error:
            return error.reason
        if event == "wrong":
            return self._wrong()
        if event == "approve":
            found.authenticated_at, found.amr = self.now, []
        self._says(Answer.APPROVED if event == "approve" else Answer.DENIED)
        return ""

    def _wrong(self) -> str:
        demand = demand_of(self.found)
        if not (demand.number or demand.passcode or demand.link):
            return "nothing_to_get_wrong"
        fault = "number" if demand.number else "passcode" if demand.passcode else "link"
        if memory := one_more_failure(self.found, fault):
            self.found.memory = memory
        else:
            self._says(Answer.FAILED)
        return ""

    def _says(self, verdict: str) -> None:
        self.found.answer, self.found.answered_at = Answer(verdict), self.now
        self._walk()
