"""PollingWait: wait for an answer, or for some seconds."""

from datetime import timedelta

from django_ciba.conf import boolean, not_negative, positive
from django_ciba.journeys.node import Node, Option, Step, Wait


class PollingWait(Node):
    """PingAM's Polling Wait node.

    An answer ends the wait at once. When nothing but an answer can change what the next node says,
    the timer is set to when it could, instead of waking up each few seconds for nothing.
    """

    type = "PollingWait"
    label = "Polling Wait"
    outcomes = ("done",)
    optional_outcomes = ("spam",)
    options = {
        "seconds": Option(8, "Seconds to wait.", positive),
        "spam_detection": Option(
            False, "Leave by spam when the client polls too soon too often.", boolean
        ),
        "spam_tolerance": Option(
            3, "Polls too soon during one wait that are still tolerated.", not_negative
        ),
    }

    def step(self, step: Step) -> str | Wait:
        slow_downs = step.authentication_request.slow_downs
        watched = step.config["spam_detection"]
        if not step.resumed:
            until = step.now + timedelta(seconds=step.config["seconds"])
            if watched:
                step.memory["slow_downs"] = slow_downs
            elif sleeps := step.sleeps_until("done"):
                until = max(until, sleeps)
            return Wait(until)
        tolerated = step.memory.pop("slow_downs", slow_downs) + step.config["spam_tolerance"]
        return "spam" if watched and slow_downs > tolerated else "done"
