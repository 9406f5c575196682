"""PushSender: put the request before the user."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.demand import Demand
from django_ciba.journeys.node import Node, Step
from django_ciba.journeys.user_verification import can_be_verified


@dataclass(frozen=True, slots=True)
class Config:
    push_type: Literal["default", "challenge", "biometric"] = option(
        "default",
        "How the user approves: `default` is a button; `challenge` is by the number that the "
        "client shows (`django_ciba_number` in the answer of bc-authorize); `biometric` is by "
        "a passkey, with user verification, or in an app that verifies its user "
        "(DEVICE_API_AMR).",
    )
    message_timeout: Positive | None = option(
        None,
        "Seconds that the user has to answer this prompt; null: as long as the request lives.",
    )
    number_entry: Literal["pick", "type"] = option(
        "pick",
        "With `challenge`: the number is picked out of three (`pick`), or typed (`type`).",
    )
    tries: Positive = option(
        1,
        "With `type`: wrong numbers that end the prompt, counted over the whole request. Where it "
        "is picked, the first one does.",
    )
    second_factor: bool = option(
        False, "Ask for a session that has proved a second factor, as STEP_UP knows it."
    )
    max_login_age: Positive | None = option(
        None, "Seconds after which a login is too old to approve with; null: LOGIN_MAX_AGE."
    )


class PushSender(Node[Config]):
    """PingAM's Push Sender node.

    "sent" means that the request is in the user's inbox; every further channel that reaches the
    user is tried as well. With `biometric`, a user is not registered who has neither a passkey
    nor an app that verifies them.
    """

    type = "PushSender"
    label = "Push Sender"
    outcomes = ("sent", "not_registered")

    def step(self, step: Step[Config]) -> str:
        user, config = step.authentication_request.user, step.config
        if user is None:
            return "not_registered"
        biometric = config.push_type == "biometric"
        if biometric and not can_be_verified(user):
            return "not_registered"
        challenge = config.push_type == "challenge"
        timeout = config.message_timeout
        expires_at = step.authentication_request.expires_at
        step.prompt(
            expires_at if timeout is None else step.now + timedelta(seconds=timeout),
            Demand(
                number=config.number_entry if challenge else "",
                passkey=biometric,
                second_factor=config.second_factor,
                max_login_age=config.max_login_age or 0,
                # One of three is guessed too soon to be given a second try.
                tries=config.tries if config.number_entry == "type" else 1,
            ),
        )
        return "sent"

    def shows_a_number(self, config: Config) -> bool:
        return config.push_type == "challenge"
