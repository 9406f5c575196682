"""OneTimePasscodeVerifier: wait for the passcode that was sent."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from django_ciba.conf import positive
from django_ciba.journeys.config import option
from django_ciba.journeys.demand import demand_of
from django_ciba.journeys.node import Node, Step, Wait
from django_ciba.models import AuthenticationRequest

MOST_TRIES: Final = 10


def few_tries(value: Any) -> str | None:
    """So few that guessing is hopeless: ten of a million."""
    if positive(value) is None and value <= MOST_TRIES:
        return None
    return f"must be a whole number from 1 to {MOST_TRIES}"


@dataclass(frozen=True, slots=True)
class Config:
    tries: Annotated[int, few_tries] = option(3, "Wrong passcodes that end it, by failure.")


class OneTimePasscodeVerifier(Node[Config]):
    """PingAM's OTP Collector Decision node.

    It waits itself, until the passcode has been entered, was wrong too often, has run out, or the
    user has said no.
    """

    type = "OneTimePasscodeVerifier"
    label = "One Time Passcode Verifier"
    outcomes = ("success", "failure", "expired")

    def step(self, step: Step[Config]) -> str | Wait:
        found = step.authentication_request
        if not demand_of(found).passcode or found.prompt_until is None:
            return "expired"  # nothing was sent, or another question has taken its place
        if found.answer:
            approved = found.answer == AuthenticationRequest.Answer.APPROVED
            return "success" if approved else "failure"
        if found.prompt_until <= step.now:
            return "expired"
        step.tries = step.config.tries
        return Wait(found.prompt_until)
