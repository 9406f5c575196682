"""The members of what an app sends, each read by one function that says what is wrong with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django_ciba.authentication_device.names import name_from
from django_ciba.jose import BadKey, thumbprint, verification_key
from django_ciba.protocol.errors import InvalidRequest

# What the push services hand out. It becomes part of an address or a body of theirs, so it is held
# to its form here. APNs: octets in hexadecimal; FCM: letters, digits and a few signs.
TOKENS: Final = {
    "fcm": re.compile(r"[A-Za-z0-9:_.%~-]{16,4096}"),
    "apns": re.compile(r"[A-Fa-f0-9]{16,200}"),
}
KEY_MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


@dataclass(frozen=True, slots=True)
class Push:
    """Where an app is told that something waits; by no channel: nowhere."""

    channel: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """RFC 7517: the public half of a device's key, with no member that is not needed."""

    jwk: dict[str, str]
    thumbprint: str


def the_text(sent: Mapping[str, Any], name: str) -> str:
    """A member that must be there, as a string that is not empty."""
    value = sent.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} must be a string, and not empty")
    return value


def the_name(sent: Mapping[str, Any]) -> str:
    """What the user will read in the list of their devices."""
    try:
        return name_from(the_text(sent, "name"))
    except ValueError as fault:
        raise InvalidRequest(f"name {fault}") from None


def the_key(sent: Mapping[str, Any]) -> DeviceKey:
    """RFC 7517 §4, RFC 8037 §2: a public key on P-256 or Ed25519, to verify signatures with."""
    jwk = sent.get("public_jwk")
    if not isinstance(jwk, Mapping) or jwk.get("kty") not in ("EC", "OKP"):
        raise InvalidRequest("public_jwk must be a JWK of an EC key on P-256, or an Ed25519 key")
    try:
        verification_key(jwk)
    except BadKey as fault:
        raise InvalidRequest(f"public_jwk: {fault.reason}") from None
    needed = {name: str(jwk[name]) for name in KEY_MEMBERS[jwk["kty"]]}
    return DeviceKey(needed, thumbprint(needed))


def the_push(sent: Mapping[str, Any]) -> Push:
    """Where to send pushes: a channel and the token that its service gave the app; or nowhere."""
    push = sent.get("push")
    if push is None:
        return Push()
    if not isinstance(push, Mapping):
        raise InvalidRequest("push must be an object with channel and token, or null")
    channel, token = push.get("channel"), push.get("token")
    if not isinstance(channel, str) or channel not in TOKENS:
        raise InvalidRequest(f"push.channel must be {' or '.join(TOKENS)}")
    if not isinstance(token, str) or not TOKENS[channel].fullmatch(token):
        raise InvalidRequest("push.token is not one of that channel's")
    return Push(channel, token)
