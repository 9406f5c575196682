"""ScopeDecision: does the client ask for certain scopes?"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from django_ciba.conf import texts
from django_ciba.journeys.config import option, required
from django_ciba.journeys.node import Node, Step


def some_scopes(value: Any) -> str | None:
    """RFC 6749 §3.3: a space stands between scopes, not within one."""
    if texts(value) is None and value and not any(" " in each for each in value):
        return None
    return "must be a list of scopes, one at least"


@dataclass(frozen=True, slots=True)
class Config:
    scopes: Annotated[tuple[str, ...], some_scopes] = required("The scopes that are looked for.")
    match: Literal["all", "any"] = option("all", "Whether all of them must be asked for, or any.")


class ScopeDecision(Node[Config]):
    """Different ways for different scopes: a payment asks for more than a look at a profile."""

    type = "ScopeDecision"
    label = "Scope Decision"
    outcomes = ("true", "false")

    def step(self, step: Step[Config]) -> str:
        asked = step.authentication_request.scopes
        matches = all if step.config.match == "all" else any
        return "true" if matches(each in asked for each in step.config.scopes) else "false"
