"""A site where a passcode is read on the user's device and entered at the relying party."""

import json
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.models import Realm
from django_ciba.prompts import Channel, Prompt
from tests.provider import make_journey

TWO_STEPS: dict[str, Any] = {"two_step_user_code": True, "require_signed_request_object": False}


class Pocket(Channel):
    """What the user reads on their telephone; `broken` as long as nothing arrives there."""

    carries_secrets = True
    read: ClassVar[list[Prompt]] = []
    broken: ClassVar[bool] = False

    def reaches(self, user: AbstractBaseUser) -> bool:
        return True

    def send(self, prompt: Prompt) -> None:
        if self.broken:
            raise OSError("the gateway does not answer")
        self.read.append(prompt)

    @classmethod
    def passcode(cls) -> str:
        """The one that was sent last."""
        return cls.read[-1].passcode


POCKET = f"{__name__}.Pocket"


def two_step_journey(**changes: Any) -> dict[str, Any]:
    """Sends a passcode and waits for it; `changes` are of the verifier's config, as `tries`."""
    return {
        "start": "username",
        "nodes": {
            "username": {
                "type": "PlatformUsername",
                "outcomes": {"found": "send", "not_found": "@failure"},
            },
            "send": {
                "type": "OneTimePasscodeSender",
                "config": {"entered_at": "relying_party"},
                "outcomes": {"sent": "verify", "not_registered": "@failure"},
            },
            "verify": {
                "type": "OneTimePasscodeVerifier",
                "config": changes,
                "outcomes": {
                    "success": "@success",
                    "failure": "@failure",
                    "expired": "@failure",
                },
            },
        },
    }


def take_two_steps(realm: Realm, **changes: Any) -> None:
    """Make that journey the realm's default."""
    make_journey(realm, two_step_journey(**changes))


def hint(**members: str) -> str:
    """A `login_hint` that is an object, as it stands in a form."""
    return json.dumps(members)
