"""PollingWait: wait for an answer, or for some seconds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from django_ciba.conf import not_negative
from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.node import Node, Step, Wait


@dataclass(frozen=True, slots=True)
class Config:
    seconds: Positive = option(8, "Seconds to wait.")
    spam_detection: bool = option(False, "Leave by spam when the client polls too soon too often.")
    spam_tolerance: Annotated[int, not_negative] = option(
        3, "Polls too soon during one wait that are still tolerated."
    )


class PollingWait(Node[Config]):
    """PingAM's Polling Wait node.

    An answer ends the wait at once. When nothing but an answer can change what the next node says,
    the timer is set to when it could, instead of waking up each few seconds for nothing.
    """

    type = "PollingWait"
    label = "Polling Wait"
    outcomes = ("done",)
    optional_outcomes = ("spam",)

    def step(self, step: Step[Config]) -> str | Wait:
        slow_downs = step.authentication_request.slow_downs
        watched = step.config.spam_detection
        if not step.resumed:
            until = step.now + timedelta(seconds=step.config.seconds)
            if watched:
                step.memory["slow_downs"] = slow_downs
            elif sleeps := step.sleeps_until("done"):
                until = max(until, sleeps)
            return Wait(until)
        tolerated = step.memory.pop("slow_downs", slow_downs) + step.config.spam_tolerance
        return "spam" if watched and slow_downs > tolerated else "done"
