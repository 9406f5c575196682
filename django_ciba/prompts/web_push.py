"""Prompts to browsers by Web Push (RFC 8030), encrypted (RFC 8291) and signed (RFC 8292).

The push service belongs to the browser's maker: it carries an opaque id of the request,
encrypted, and the page that wakes up asks this site for the rest.

It stands on `http_ece` and `py_vapid`, which pywebpush is made of, rather than on pywebpush itself:
that brings two HTTP clients of its own, and a subscription's address is one that a user gave us,
which `outbound` alone may call.
"""

import json
import time
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_ciba.conf import ciba_settings
from django_ciba.jose import Malformed, base64url, from_base64url
from django_ciba.outbound import post_bytes
from django_ciba.prompts.channel import Prompt
from django_ciba.prompts.device_channel import (
    GONE,
    Came,
    DeviceChannel,
    answered,
    side_by_side,
    topic,
)
from django_ciba.prompts.subscription import (
    Subscription,
    subscription_address,
    subscription_of,
    subscription_problem,
)

__all__ = [
    "Subscription",
    "WebPushChannel",
    "subscription_address",
    "subscription_of",
    "subscription_problem",
    "vapid_public_key",
]

CAN_ENCODE: Final = find_spec("http_ece") is not None and find_spec("py_vapid") is not None

if TYPE_CHECKING or CAN_ENCODE:
    import http_ece
    from py_vapid import Vapid02

NAME: Final = "webpush"
KEY_OCTETS: Final = 32
TOKEN_SECONDS: Final = 3600  # RFC 8292 §2: at most 24 hours; clocks differ


class WebPushChannel(DeviceChannel):
    """RFC 8030 §5: a push message with an opaque id, to each browser that has subscribed."""

    name = NAME

    def set_up_problem(self) -> str | None:
        return set_up_problem()

    def push(self, addresses: Sequence[str], prompt: Prompt) -> list[Came]:
        message = json.dumps({"id": prompt.public_id}).encode()
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(prompt.seconds),
            "Urgency": "high",
            "Topic": topic(prompt),
        }

        def send(address: str) -> Came:
            try:
                found = subscription_of(address)
            except ValueError:
                return Came("refused", "the subscription of a device cannot be used")
            signed = {**headers, "Authorization": authorization(found.endpoint)}
            answer = post_bytes(found.endpoint, encrypted(message, found), signed)
            if answer.status in (404, 410):  # RFC 8030 §7.3
                return GONE
            return answered(answer.status, answer.retry_after)

        return side_by_side(send, addresses)


def encrypted(message: bytes, to: Subscription) -> bytes:
    """RFC 8291 §3, §4: the message as one record that only this subscription can read."""
    ours = ec.generate_private_key(ec.SECP256R1())
    octets: bytes = http_ece.encrypt(
        message, private_key=ours, dh=to.p256dh, auth_secret=to.auth, version="aes128gcm"
    )
    return octets


def authorization(endpoint: str) -> str:
    """RFC 8292 §2, §3: that it is we who send, to this push service and no other."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + TOKEN_SECONDS,
        "sub": ciba_settings.VAPID_CONTACT,
    }
    signed: dict[str, str] = Vapid02(vapid_key(), {"no-strict": True}).sign(claims)
    return signed["Authorization"]


def vapid_public_key() -> str:
    """RFC 8292 §3.2: the `applicationServerKey` that browsers subscribe with, as base64url.

    Out: "" when web push is not set up: then a page offers no subscription.
    """
    if NAME not in ciba_settings.PROMPT_CHANNELS or set_up_problem() is not None:
        return ""
    return public_key(vapid_key())


def set_up_problem() -> str | None:
    """What web push still needs, or None."""
    if not CAN_ENCODE:
        return "needs the packages http-ece and py-vapid: pip install 'django-ciba[webpush]'"
    if (problem := key_problem()) is not None:
        return f"needs VAPID_PRIVATE_KEY, which {problem}"
    if (problem := contact_problem()) is not None:
        return f"needs VAPID_CONTACT, which {problem}"
    return None


def key_problem() -> str | None:
    """RFC 8292 §3.2: whether VAPID_PRIVATE_KEY is one."""
    if not ciba_settings.VAPID_PRIVATE_KEY:
        return "is not set"
    try:
        vapid_key()
    except ValueError:
        return "is no key as manage.py ciba_webpush_key prints it"
    return None


def contact_problem() -> str | None:
    """RFC 8292 §2.1 `sub`: a mailto: or https: address; some push services refuse without one."""
    contact = ciba_settings.VAPID_CONTACT
    if not contact:
        return "is not set"
    scheme, _, rest = contact.partition(":")
    if scheme == "mailto" and "@" in rest and contact.isprintable() and " " not in contact:
        return None
    if scheme == "https" and rest.startswith("//") and contact.isprintable() and len(rest) > 2:
        return None
    return "must begin with mailto: or https://"


def vapid_key() -> ec.EllipticCurvePrivateKey:
    """VAPID_PRIVATE_KEY: the 32 octets of a P-256 key as base64url. Errors: `ValueError`."""
    return _key(ciba_settings.VAPID_PRIVATE_KEY or "")


@lru_cache(maxsize=4)
def _key(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        octets = from_base64url(text)
    except Malformed as fault:
        raise ValueError(fault.reason) from None
    if len(octets) != KEY_OCTETS:
        raise ValueError("must be 32 octets")
    return ec.derive_private_key(int.from_bytes(octets), ec.SECP256R1())


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """RFC 8292 §3.2: its public half, as an uncompressed point in base64url."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64url(point)
