"""What a node is: a type name, outcomes, options, and one step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, get_args, get_origin

from django_ciba.journeys.config import Option, configured, options_of
from django_ciba.journeys.demand import Demand, passcode_alone
from django_ciba.models import AuthenticationRequest

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    C = TypeVar("C", default=Mapping[str, Any])
else:
    from typing import TypeVar

    C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Wait:
    """Stop here until the user answers, or until this time."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What a node has sent to the user.

    With a `demand` it is a question, to be answered until then: in the inbox, or, with `elsewhere`,
    where the relying party asks for it. `channels` are names of channels; None: all that reach the
    user. `carries` is what else they are told, as {"passcode": "123456"}: only channels that carry
    secrets get such a message, and it is stored encrypted until it has gone out.
    """

    until: datetime
    demand: Demand | None = None
    channels: tuple[str, ...] | None = None
    carries: Mapping[str, str] = field(default_factory=dict, repr=False)
    elsewhere: bool = False


@dataclass(slots=True)
class Step(Generic[C]):
    """What a node sees when it is walked, and where it leaves what must be remembered.

    `authentication_request` is read, never changed; what a node wants is said through `prompt` and
    `memory` (JSON values, kept with the request). `config` is what the journey has set: an instance
    of the node's config class, or its options by name.
    """

    authentication_request: AuthenticationRequest
    now: datetime
    config: C
    memory: dict[str, Any]
    resumed: bool  # the request waited in this node, and was woken by an answer or a timer
    sleeps_until: Callable[[str], datetime | None]
    messages: list[Message] = field(default_factory=list)
    tries: int = 0  # wrong answers that end the question; 0: as it was asked

    def prompt(
        self,
        until: datetime,
        demand: Demand | None = None,
        *,
        channels: tuple[str, ...] | None = None,
        carries: Mapping[str, str] | None = None,
    ) -> None:
        """Put the request into the user's inbox and send prompts; answerable until then.

        `demand` is what an approval must come with; the rest is as in `Message`. Raises ValueError
        for a demand of the number where the request has none: nobody could approve it.
        """
        if demand and demand.number and not self.authentication_request.number:
            raise ValueError(
                "the request has no number: a node that demands one says so by shows_a_number"
            )
        self.messages.append(Message(until, demand or Demand(), channels, carries or {}))

    def send(
        self,
        until: datetime,
        channels: tuple[str, ...],
        carries: Mapping[str, str],
        demand: Demand | None = None,
    ) -> None:
        """Tell the user something by these channels, without a question in the inbox.

        With a `demand` the relying party asks the question (`enter_passcode`), until then. It can
        bring a passcode and nothing else: ValueError for a demand of anything more, or of none.
        """
        if demand is not None and not passcode_alone(demand):
            raise ValueError("what the relying party asks demands a passcode and nothing else")
        self.messages.append(Message(until, demand, channels, carries, elsewhere=True))


class Node(ABC, Generic[C]):
    """A kind of node. Stateless: one instance serves every journey.

    Its config is declared by a frozen dataclass: `class Ask(Node[AskConfig])`, or a class of the
    name `Config` inside it. `options`, by which journeys are checked, is then made of that. A node
    may also list its `options` itself; `step.config` is a mapping then.
    """

    type: ClassVar[str]
    label: ClassVar[str]
    outcomes: ClassVar[tuple[str, ...]]
    optional_outcomes: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, Option]] = {}
    config_class: ClassVar[Any] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared = vars(cls).get("Config") or _class_in_brackets(cls)
        if declared is not None:
            cls.config_class, cls.options = declared, options_of(declared)

    @abstractmethod
    def step(self, step: Step[C]) -> str | Wait:
        """The outcome to leave by, or Wait to stop here."""

    def sleeps_until(
        self, authentication_request: AuthenticationRequest, config: C
    ) -> datetime | None:
        """The first time at which this node could say something else without an answer.

        None when it may change at any time. A wait before it need not wake up earlier.
        """
        return None

    def shows_a_number(self, config: C) -> bool:
        """Whether its prompts demand the number that the client shows (`Demand.number`)."""
        return False

    def takes_two_steps(self, config: C) -> bool:
        """Whether it asks what the relying party must answer (`enter_passcode`)."""
        return False

    def configured(self, given: Mapping[str, Any]) -> Any:
        """The config with defaults filled in, of a journey that has been checked.

        An option that a newer release of the node has no more is passed over.
        """
        if self.config_class is not None:
            known = {name: value for name, value in given.items() if name in self.options}
            return configured(self.config_class, known)
        return {name: given.get(name, option.default) for name, option in self.options.items()}


def _class_in_brackets(cls: type) -> type | None:
    """AskConfig, of `class Ask(Node[AskConfig])`."""
    for base in vars(cls).get("__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Node):
            (given,) = get_args(base)
            if isinstance(given, type) and is_dataclass(given):
                return given
    return None
