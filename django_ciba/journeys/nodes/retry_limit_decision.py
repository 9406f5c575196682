"""RetryLimitDecision: may the user try once more?"""

from dataclasses import dataclass

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.node import Node, Step
from django_ciba.models import AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Config:
    limit: Positive = option(3, "How often a request may leave by retry.")


class RetryLimitDecision(Node[Config]):
    """PingAM's Retry Limit Decision node.

    It counts for one request; two of these nodes in a journey count apart. A user who has said no
    is not asked again: that is a reject, however few retries there were.
    """

    type = "RetryLimitDecision"
    label = "Retry Limit Decision"
    outcomes = ("retry", "reject")

    def step(self, step: Step[Config]) -> str:
        retries = step.memory.get("retries", 0)
        denied = step.authentication_request.answer == AuthenticationRequest.Answer.DENIED
        if denied or retries >= step.config.limit:
            return "reject"
        step.memory["retries"] = retries + 1
        return "retry"
