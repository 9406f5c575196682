"""RetryLimitDecision: may the user try once more?"""

from dataclasses import dataclass

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.node import Node, Step


@dataclass(frozen=True, slots=True)
class Config:
    limit: Positive = option(3, "How often a request may leave by retry.")


class RetryLimitDecision(Node[Config]):
    """PingAM's Retry Limit Decision node.

    It counts for one request; two of these nodes in a journey count apart.
    """

    type = "RetryLimitDecision"
    label = "Retry Limit Decision"
    outcomes = ("retry", "reject")

    def step(self, step: Step[Config]) -> str:
        retries = step.memory.get("retries", 0)
        if retries >= step.config.limit:
            return "reject"
        step.memory["retries"] = retries + 1
        return "retry"
