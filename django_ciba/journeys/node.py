"""What a node is: a type name, outcomes, options, and one step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django_ciba.models import AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Option:
    """One member of a node's config: its default, meaning and check."""

    default: Any
    doc: str
    problem: Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Wait:
    """Stop here until the user answers, or until this time."""

    until: datetime


@dataclass(slots=True)
class Step:
    """What a node sees when it is walked, and where it leaves what must be remembered.

    `authentication_request` is read, never changed; what a node wants is said through `prompt` and
    `memory` (JSON values, kept with the request).
    """

    authentication_request: AuthenticationRequest
    now: datetime
    config: Mapping[str, Any]
    memory: dict[str, Any]
    resumed: bool  # the request waited in this node, and was woken by an answer or a timer
    sleeps_until: Callable[[str], datetime | None]
    prompts: list[datetime] = field(default_factory=list)

    def prompt(self, until: datetime) -> None:
        """Put the request into the user's inbox and send prompts; answerable until then."""
        self.prompts.append(until)


class Node(ABC):
    """A kind of node. Stateless: one instance serves every journey."""

    type: ClassVar[str]
    label: ClassVar[str]
    outcomes: ClassVar[tuple[str, ...]]
    optional_outcomes: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, Option]] = {}

    @abstractmethod
    def step(self, step: Step) -> str | Wait:
        """The outcome to leave by, or Wait to stop here."""

    def sleeps_until(
        self, authentication_request: AuthenticationRequest, config: Mapping[str, Any]
    ) -> datetime | None:
        """The first time at which this node could say something else without an answer.

        None when it may change at any time. A wait before it need not wake up earlier.
        """
        return None

    def configured(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The config with defaults filled in."""
        return {name: given.get(name, option.default) for name, option in self.options.items()}
