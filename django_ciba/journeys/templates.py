"""Journeys to start from: copy one, and change what differs at your site."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

USERNAME: Final = "username"


@dataclass(frozen=True, slots=True)
class Template:
    """A valid journey document, and what it is for."""

    label: str
    description: str
    document: Mapping[str, Any]


def _after_username(first: str, **nodes: Mapping[str, Any]) -> dict[str, Any]:
    """A journey that looks for the user, and goes on with `first`."""
    username = _node("PlatformUsername", found=first, not_found="@failure")
    return {"start": USERNAME, "nodes": {USERNAME: username, **nodes}}


def _node(
    type_: str, config: Mapping[str, Any] | None = None, /, **outcomes: str
) -> dict[str, Any]:
    return {"type": type_, **({"config": dict(config)} if config else {}), "outcomes": outcomes}


def _prompted(sender: Mapping[str, Any]) -> dict[str, Any]:
    """`sender` asks, and the answer is waited for."""
    return _after_username(
        "send",
        send=sender,
        verify=_node(
            "PushResultVerifier",
            success="@success",
            failure="@failure",
            expired="@failure",
            waiting="wait",
        ),
        wait=_node("PollingWait", {"seconds": 8}, done="verify"),
    )


_SENT: Final = {"sent": "verify", "not_registered": "@failure"}
_ENTERED: Final = {"success": "@success", "failure": "@failure"}

TEMPLATES: Final[Mapping[str, Template]] = {
    "push": Template(
        "Push",
        "A prompt on every channel, answered by one button on the user's device within two "
        "minutes.",
        _prompted(_node("PushSender", {"push_type": "default", "message_timeout": 120}, **_SENT)),
    ),
    "number-matching": Template(
        "Number matching",
        "As Push, but the user picks the number that the client shows: who approves by habit, or "
        "for a stranger, cannot.",
        _prompted(_node("PushSender", {"push_type": "challenge", "message_timeout": 120}, **_SENT)),
    ),
    "passkey": Template(
        "Passkey",
        "The user approves by a passkey, which no phisher can borrow. Users without one cannot "
        "approve.",
        _after_username(
            "passkey",
            passkey=_node(
                "PasskeyVerifier",
                {"message_timeout": 120},
                **_ENTERED,
                expired="@failure",
                not_registered="@failure",
            ),
        ),
    ),
    "passcode": Template(
        "Passcode",
        "A passcode by e-mail or text message, entered on the page of the request. One that has "
        "run out is followed by one more.",
        _after_username(
            "send",
            send=_node("OneTimePasscodeSender", {"length": 6, "lifetime": 180}, **_SENT),
            verify=_node("OneTimePasscodeVerifier", {"tries": 3}, **_ENTERED, expired="again"),
            again=_node("RetryLimitDecision", {"limit": 1}, retry="send", reject="@failure"),
        ),
    ),
    "email-link": Template(
        "E-mail link",
        "A link by e-mail to the page where the user answers, without a login.",
        _prompted(_node("EmailLinkSender", {"message_timeout": 600}, **_SENT)),
    ),
    "two-step-user-code": Template(
        "Two-step user code",
        "A passcode goes to the user's device, and the client sends it as `user_code` of a second "
        "request. For clients with `two_step_user_code`.",
        _after_username(
            "send",
            send=_node(
                "OneTimePasscodeSender", {"lifetime": 300, "entered_at": "relying_party"}, **_SENT
            ),
            verify=_node("OneTimePasscodeVerifier", {"tries": 3}, **_ENTERED, expired="@failure"),
        ),
    ),
}
