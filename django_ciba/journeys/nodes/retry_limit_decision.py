"""RetryLimitDecision: may the user try once more?"""

from dataclasses import dataclass

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.demand import demand_of
from django_ciba.journeys.node import Node, Step
from django_ciba.models import AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Config:
    limit: Positive = option(3, "How often a request may leave by retry.")


class RetryLimitDecision(Node[Config]):
    """PingAM's Retry Limit Decision node.

    It counts for one request; two of these nodes in a journey count apart. A user who has said no
    is not asked again, nor is one who has picked a wrong number out of three: that is a reject,
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
    """Whether what the user has answered must not be followed by another question.

    A request has one number, which its client was told once: whoever picks out of the same three
    again has it by the third tap at the latest. The demand is that of the question answered, since
    a new question takes its answer away too.
    """
    if found.answer == AuthenticationRequest.Answer.FAILED:
        return demand_of(found).number == "pick"
    return found.answer == AuthenticationRequest.Answer.DENIED
