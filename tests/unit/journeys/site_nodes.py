"""Node classes as a site would write them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django_ciba.conf import positive, text
from django_ciba.journeys import Node, Option, Wait
from django_ciba.journeys import Step as Walked
from django_ciba.models import AuthenticationRequest
from tests.unit.journeys import arrange


class Step(Node):
    """Goes on by its one outcome."""

    type = "Step"
    label = "Step"
    outcomes = ("next",)

    def step(self, step: Walked) -> str:
        return "next"


class Ask(Node):
    """Prompts the user and goes on, whoever answers."""

    type = "Ask"
    label = "Ask"
    outcomes = ("next",)
    options = {"seconds": Option(60, "Seconds to answer.", positive)}

    def step(self, step: Walked) -> str:
        step.prompt(step.now + timedelta(seconds=step.config["seconds"]))
        return "next"


class Vote(Node):
    """Waits until the user has answered, or for some seconds, and counts how often it was woken."""

    type = "Vote"
    label = "Vote"
    outcomes = ("yes", "no")
    optional_outcomes = ("late",)
    options = {"seconds": Option(30, "Seconds to wait.", positive)}

    def step(self, step: Walked) -> str | Wait:
        memory = step.memory
        memory["visits"] = memory.get("visits", 0) + 1
        if not step.resumed:  # come to again, it waits again
            memory["until"] = (step.now + self.patience(step)).isoformat()
        given = step.authentication_request.answer
        if given:
            return "yes" if given == AuthenticationRequest.Answer.APPROVED else "no"
        until = datetime.fromisoformat(memory["until"])
        return "late" if step.resumed and until <= step.now else Wait(until)

    def patience(self, step: Walked) -> timedelta:
        return timedelta(seconds=step.config["seconds"])


class Weather(Node):
    """Leaves by an outcome that its site may rename between two releases."""

    type = "Weather"
    label = "Weather"
    outcomes = ("dry", "wet")
    options = {"city": Option("Tbilisi", "Where to look.", text)}
    says: ClassVar[str] = "dry"
    asked: ClassVar[list[Any]] = []

    def step(self, step: Walked) -> str:
        self.asked.append(step.config["city"])
        return self.says


class Broken(Node):
    """Fails while `fails`, as a service that a node asks may."""

    type = "Broken"
    label = "Broken"
    outcomes = ("next",)
    fails: ClassVar[bool] = True

    def step(self, step: Walked) -> str:
        if self.fails:
            raise RuntimeError("the weather service answered 500")
        return "next"


class AnsweredMeanwhile(Node):
    """Something else happens to the request while it is being walked."""

    type = "AnsweredMeanwhile"
    label = "Answered meanwhile"
    outcomes = ("next",)
    other: ClassVar[list[str]] = []
    meanwhile: ClassVar[list[Callable[[AuthenticationRequest], None]]] = []

    def step(self, step: Walked) -> str | Wait:
        if not step.resumed:
            return Wait(step.now + timedelta(seconds=30))
        for happens in self.meanwhile:
            happens(step.authentication_request)
        if self.other:
            arrange.say(step.authentication_request, self.other.pop(), step.now)
        return "next"


class NotANode:
    type = "NotANode"


class SecondVote(Vote):
    """Has the name of another."""
