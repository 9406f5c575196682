"""PlatformUsername: is there a user whom the hint named?"""

from django_ciba.hooks import hooks
from django_ciba.journeys.node import Node, Step


class PlatformUsername(Node):
    """PingAM's Platform Username node. In CIBA the name comes with the hint."""

    type = "PlatformUsername"
    label = "Platform Username"
    outcomes = ("found", "not_found")

    def step(self, step: Step) -> str:
        user = step.authentication_request.user
        return "found" if user is not None and hooks().may_sign_in(user) else "not_found"
