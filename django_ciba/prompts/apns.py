"""Prompts to the site's own app by Apple Push Notification service, with a provider token.

An alert whose words the app has (`loc-key`), and an opaque id of the request: what it stands for,
the app asks us.

It stands on `h2` and `outbound` rather than on aioapns. That makes a new provider token for each
connection, which Apple refuses (TooManyProviderTokenUpdates) when each of many workers does so; it
waits for ever for an answer without a body, and wants an event loop that outlives a task.
"""

import json
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from django_ciba.conf import ciba_settings
from django_ciba.jose import JoseError, PrivateKey, sign
from django_ciba.outbound import AddressRefused, OutboundAnswer, OutboundError
from django_ciba.prompts.channel import Prompt
from django_ciba.prompts.device_channel import GONE, Came, DeviceChannel, answered, topic
from django_ciba.prompts.http2 import CAN_SPEAK, session

# Apple takes a provider token for an hour, and a new one at most every 20 minutes. All workers make
# theirs in the same half hours.
TOKEN_SECONDS: Final = 1800
ALERT: Final = "django_ciba.request"
SETTINGS: Final = ("APNS_KEY_FILE", "APNS_KEY_ID", "APNS_TEAM_ID", "APNS_TOPIC")


class ApnsChannel(DeviceChannel):
    """One notification to each installation that has given us its device token."""

    name = "apns"
    production: ClassVar[str] = "https://api.push.apple.com"
    sandbox: ClassVar[str] = "https://api.sandbox.push.apple.com"

    def set_up_problem(self) -> str | None:
        if not CAN_SPEAK:
            return "needs the package h2: pip install 'django-ciba[apns]'"
        for name in SETTINGS:
            if not getattr(ciba_settings, name):
                return f"needs {name}, which is not set"
        if (problem := key_problem()) is not None:
            return f"needs APNS_KEY_FILE, which {problem}"
        return None

    def push(self, addresses: Sequence[str], prompt: Prompt) -> list[Came]:
        """One after the other on one connection: Apple lets new ones have a single stream."""
        message = {"aps": {"alert": {"loc-key": ALERT}, "sound": "default"}, "id": prompt.public_id}
        body = json.dumps(message, separators=(",", ":")).encode()
        now = int(time.time())
        headers = {
            "authorization": f"bearer {_provider_token(now)}",
            "apns-topic": ciba_settings.APNS_TOPIC or "",
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(now + prompt.seconds),
            "apns-collapse-id": topic(prompt),
        }
        came: list[Came] = []
        try:
            with session(self.sandbox if ciba_settings.APNS_SANDBOX else self.production) as opened:
                for address in addresses:
                    path = f"/3/device/{quote(address, safe='')}"
                    came.append(_came(opened.post(path, headers, body)))
        except AddressRefused as refusal:
            return [Came("refused", f"not called: the address {refusal.reason}")] * len(addresses)
        except OutboundError as failure:
            came += [Came("later", failure.reason)] * (len(addresses) - len(came))
        return came


def key_problem() -> str | None:
    """What is wrong with the file of APNS_KEY_FILE, or None."""
    try:
        _key()
    except OSError:
        return "is not a file that this process can read"
    except JoseError:
        return "is not a key (.p8) of Apple's"
    return None


def _key() -> PrivateKey:
    """The key; read again when its file has changed."""
    path = ciba_settings.APNS_KEY_FILE or ""
    return _read(path, Path(path).stat().st_mtime_ns, ciba_settings.APNS_KEY_ID or "")


@lru_cache(maxsize=4)
def _read(path: str, changed: int, kid: str) -> PrivateKey:
    return PrivateKey.from_pem(Path(path).read_bytes(), "ES256", kid)


def _provider_token(now: int) -> str:
    return _token(_key(), ciba_settings.APNS_TEAM_ID or "", now - now % TOKEN_SECONDS)


@lru_cache(maxsize=4)
def _token(key: PrivateKey, team: str, issued: int) -> str:
    return sign({"iss": team, "iat": issued}, key, typ=None)


def _came(answer: OutboundAnswer) -> Came:
    """Apple, "Handling notification responses from APNs"."""
    reason = _reason(answer.body)
    if answer.status == 410 or (answer.status == 400 and reason == "BadDeviceToken"):
        return GONE
    if answer.status == 403:  # of our token or key: nothing is wrong with the device
        return Came("later", "Apple did not take our provider token")
    return answered(answer.status, answer.retry_after)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
