"""PasskeyVerifier: have the user approve by a passkey."""

from dataclasses import dataclass
from datetime import timedelta

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.demand import Demand
from django_ciba.journeys.node import Node, Step, Wait
from django_ciba.journeys.user_verification import can_be_verified
from django_ciba.models import AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Config:
    message_timeout: Positive | None = option(
        None, "Seconds that the user has to answer; null: as long as the request lives."
    )


class PasskeyVerifier(Node[Config]):
    """PingAM's WebAuthn Authentication node.

    It prompts, as Push Sender with `biometric` does, and waits for the answer itself. A user
    who has neither a passkey nor an app that verifies them is not registered.
    """

    type = "PasskeyVerifier"
    label = "Passkey Verifier"
    outcomes = ("success", "failure", "expired", "not_registered")

    def step(self, step: Step[Config]) -> str | Wait:
        found = step.authentication_request
        if not step.resumed:
            return self._asked(step)
        if found.answer:
            approved = found.answer == AuthenticationRequest.Answer.APPROVED
            return "success" if approved else "failure"
        if found.prompt_until is None or found.prompt_until <= step.now:
            return "expired"
        return Wait(found.prompt_until)

    def _asked(self, step: Step[Config]) -> str | Wait:
        found, timeout = step.authentication_request, step.config.message_timeout
        if found.user is None or not can_be_verified(found.user):
            return "not_registered"
        until = found.expires_at if timeout is None else step.now + timedelta(seconds=timeout)
        step.prompt(until, Demand(passkey=True))
        return Wait(until)
