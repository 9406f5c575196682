"""RetryLimitDecision: may the user try once more?"""

from dataclasses import dataclass

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.demand import ended_by_a_wrong_number
from django_ciba.journeys.node import Node, Step
from django_ciba.models import AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Config:
    limit: Positive = option(3, "How often a request may leave by retry.")


class RetryLimitDecision(Node[Config]):
    """PingAM's Retry Limit Decision node.

    It counts for one request; two of these nodes in a journey count apart. A user who has said no
    is not asked again, nor is one who has ended the question by a wrong number: that is a reject,
    however few retries there were.
    """

    type = "RetryLimitDecision"
    label = "Retry Limit Decision"
    outcomes = ("retry", "reject")

    def step(self, step: Step[Config]) -> str:
        retries = step.memory.get("retries", 0)
        if _is_final(step.authentication_request) or retries >= step.config.limit:
            return "reject"
        step.memory["retries"] = retries + 1
        return "retry"


def _is_final(found: AuthenticationRequest) -> bool:
    """Whether what the user has answered must not be followed by another question."""
    denied = found.answer == AuthenticationRequest.Answer.DENIED
    return denied or ended_by_a_wrong_number(found)
