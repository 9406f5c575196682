"""AccountActiveDecision: may the user still sign in?"""

from django_ciba.hooks import hooks
from django_ciba.journeys.node import Node, Step


class AccountActiveDecision(Node):
    """PingAM's Account Active Decision node.

    It asks the site (`may_sign_in` of its hooks), as is asked at each answer anyway; here a journey
    can go another way before anybody is prompted.
    """

    type = "AccountActiveDecision"
    label = "Account Active Decision"
    outcomes = ("true", "false")

    def step(self, step: Step) -> str:
        user = step.authentication_request.user
        return "true" if user is not None and hooks().may_sign_in(user) else "false"
