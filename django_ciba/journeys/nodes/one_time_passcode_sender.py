"""OneTimePasscodeSender: send the user a passcode."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from django_ciba.conf import positive
from django_ciba.journeys.config import Positive, option
from django_ciba.journeys.demand import Demand, sealed
from django_ciba.journeys.node import Node, Step
from django_ciba.journeys.secret_channels import SecretChannel, secret_channels

SHORTEST: Final = 6
LONGEST: Final = 10


def passcode_length(value: Any) -> str | None:
    """Fewer digits can be guessed; more, nobody copies from one screen to another."""
    if positive(value) is None and SHORTEST <= value <= LONGEST:
        return None
    return f"must be a whole number from {SHORTEST} to {LONGEST}"


@dataclass(frozen=True, slots=True)
class Config:
    length: Annotated[int, passcode_length] = option(6, "Digits of the passcode.")
    lifetime: Positive = option(300, "Seconds that it is good for.")
    channel: SecretChannel | None = option(
        None,
        "The channel that it goes by; null: each that carries secrets and reaches the user.",
    )
    entered_at: Literal["device", "relying_party"] = option(
        "device",
        "Where the user enters it: on the page of the request in their inbox (`device`), or where "
        "they came from, which sends it to us (`relying_party`: the two-step user code).",
    )


class OneTimePasscodeSender(Node[Config]):
    """PingAM's OTP senders, whatever the channel.

    Each passcode is a new question: an earlier passcode, or an earlier answer, counts no more. A
    user whom no channel reaches that carries secrets is not registered. One Time Passcode Verifier
    follows.
    """

    type = "OneTimePasscodeSender"
    label = "One Time Passcode Sender"
    outcomes = ("sent", "not_registered")

    def step(self, step: Step[Config]) -> str:
        found, config = step.authentication_request, step.config
        channels = secret_channels(found, config.channel)
        if not channels:
            return "not_registered"
        passcode = f"{secrets.randbelow(10**config.length):0{config.length}}"
        until = step.now + timedelta(seconds=config.lifetime)
        demand, carries = Demand(passcode=sealed(found, passcode)), {"passcode": passcode}
        if config.entered_at == "device":
            step.prompt(until, demand, channels=channels, carries=carries)
        else:
            step.send(until, channels, carries, demand)
        return "sent"

    def takes_two_steps(self, config: Config) -> bool:
        return config.entered_at == "relying_party"
