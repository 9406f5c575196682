"""EmailLinkSender: send the user a link to answer by."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.demand import Demand, sealed
from django_ciba.journeys.node import Node, Step
from django_ciba.journeys.secret_channels import SecretChannel, secret_channels


@dataclass(frozen=True, slots=True)
class Config:
    message_timeout: Positive | None = option(
        None,
        "Seconds that the user has to answer by the link; null: as long as the request lives.",
    )
    channel: SecretChannel = option("email", "The channel that it goes by.")


class EmailLinkSender(Node[Config]):
    """PingAM's Email Suspend node, for CIBA.

    The link leads to a page that asks; to open it approves nothing, since programs open links too.
    A user whom the channel does not reach is not registered. Push Result Verifier and Polling Wait
    follow, as after Push Sender.
    """

    type = "EmailLinkSender"
    label = "Email Link Sender"
    outcomes = ("sent", "not_registered")

    def step(self, step: Step[Config]) -> str:
        found, timeout = step.authentication_request, step.config.message_timeout
        channels = secret_channels(found, step.config.channel)
        if not channels:
            return "not_registered"
        link = secrets.token_urlsafe(32)
        step.prompt(
            found.expires_at if timeout is None else step.now + timedelta(seconds=timeout),
            Demand(link=sealed(found, link)),
            channels=channels,
            carries={"link": link},
        )
        return "sent"
