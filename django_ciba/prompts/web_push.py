"""Prompts to browsers by Web Push (RFC 8030), encrypted (RFC 8291) and signed (RFC 8292).

The push service belongs to the browser's maker: it carries an opaque id of the request, padded and
encrypted, and the page that wakes up asks this site for the rest.

It stands on `http_ece` and `py_vapid`, which are what pywebpush is made of, rather than on pywebpush
itself: that brings two HTTP clients of its own, and the address is one that a user gave us, which
`outbound` alone may call.
"""

from importlib.util import find_spec
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_ciba.conf import ciba_settings
from django_ciba.jose import Malformed, base64url, from_base64url
from django_ciba.prompts.subscription import (
    Subscription,
    subscription_address,
    subscription_of,
    subscription_problem,
)

__all__ = [
    "Subscription",
    "subscription_address",
    "subscription_of",
    "subscription_problem",
    "vapid_public_key",
]

CAN_ENCODE: Final = find_spec("http_ece") is not None and find_spec("py_vapid") is not None

NAME: Final = "webpush"
KEY_OCTETS: Final = 32


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
    try:
        octets = from_base64url(ciba_settings.VAPID_PRIVATE_KEY or "")
    except Malformed as fault:
        raise ValueError(fault.reason) from None
    if len(octets) != KEY_OCTETS:
        raise ValueError("must be 32 octets")
    return ec.derive_private_key(int.from_bytes(octets), ec.SECP256R1())


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """RFC 8292 §3.2: its public half, as an uncompressed point in base64url."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64url(point)
