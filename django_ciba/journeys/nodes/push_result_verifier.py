"""PushResultVerifier: has the user answered the prompt?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django_ciba.journeys.node import Node, Step
from django_ciba.models import AuthenticationRequest


class PushResultVerifier(Node):
    """PingAM's Push Result Verifier node."""

    type = "PushResultVerifier"
    label = "Push Result Verifier"
    outcomes = ("success", "failure", "expired", "waiting")

    def step(self, step: Step) -> str:
        found = step.authentication_request
        if found.answer == AuthenticationRequest.Answer.APPROVED:
            return "success"
        if found.answer:
            return "failure"
        if found.prompt_until is None or found.prompt_until <= step.now:
            return "expired"
        return "waiting"

    def sleeps_until(
        self, authentication_request: AuthenticationRequest, config: Mapping[str, Any]
    ) -> datetime | None:
        return authentication_request.prompt_until
