"""PushSender: put the request before the user."""

from datetime import timedelta
from typing import Any

from django_ciba.conf import positive
from django_ciba.journeys.node import Node, Option, Step


def _push_type(value: Any) -> str | None:
    if value == "default":
        return None
    if value in ("challenge", "biometric"):
        return f"{value} is not there yet; use default"
    return "must be default"


class PushSender(Node):
    """PingAM's Push Sender node.

    "sent" means that the request is in the user's inbox; every further channel that reaches the
    user is tried as well.
    """

    type = "PushSender"
    label = "Push Sender"
    outcomes = ("sent", "not_registered")
    options = {
        "push_type": Option(
            "default", "How the user answers: default is approve or deny.", _push_type
        ),
        "message_timeout": Option(
            None,
            "Seconds that the user has to answer this prompt; null: as long as the request lives.",
            lambda value: None if value is None else positive(value),
        ),
    }

    def step(self, step: Step) -> str:
        if step.authentication_request.user is None:
            return "not_registered"
        timeout = step.config["message_timeout"]
        expires_at = step.authentication_request.expires_at
        step.prompt(expires_at if timeout is None else step.now + timedelta(seconds=timeout))
        return "sent"
