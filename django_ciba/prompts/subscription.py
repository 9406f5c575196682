"""A browser's push subscription: where it is pushed to, and the keys that only it can read with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from django_ciba.jose import Malformed, from_base64url
from django_ciba.outbound import address_problem

MOST_OCTETS: Final = 4096  # of the whole; browsers' are a few hundred
POINT_OCTETS: Final = 65  # RFC 8291 §3.1: uncompressed, on P-256
AUTH_OCTETS: Final = 16  # RFC 8291 §3.2


@dataclass(frozen=True, slots=True)
class Subscription:
    """RFC 8030 §2, RFC 8291 §3: a push resource and its user agent's public key and secret."""

    endpoint: str
    p256dh: bytes
    auth: bytes = field(repr=False)


def subscription_problem(value: Any) -> str | None:
    """W3C Push API §8 PushSubscription.toJSON(): what is wrong with one that a browser has sent.

    In: the parsed JSON, of whatever type. Its endpoint is an address that our server will call, so
    it must be one that `outbound` calls; nothing is called here.
    Out: a sentence to show, or None. Members that we have no use for, as `expirationTime`, are let
    be: `subscription_address` leaves them out.
    """
    if not isinstance(value, Mapping):
        return "the subscription must be an object"
    endpoint, keys = value.get("endpoint"), value.get("keys")
    if not isinstance(endpoint, str):
        return "endpoint must be a string"
    if (problem := address_problem(endpoint)) is not None:
        return f"endpoint {problem}"
    if "[" in endpoint:  # RFC 8292 §2 `aud`, which py_vapid makes of names and IPv4 addresses
        return "endpoint must name its host, and not by an IPv6 address"
    if not isinstance(keys, Mapping):
        return "keys must be an object with p256dh and auth"
    if (problem := _octets_problem(keys.get("p256dh"), POINT_OCTETS)) is not None:
        return f"keys.p256dh {problem}"
    if (problem := _octets_problem(keys.get("auth"), AUTH_OCTETS)) is not None:
        return f"keys.auth {problem}"
    if not _is_point(from_base64url(keys["p256dh"])):
        return "keys.p256dh must be a point of the curve P-256, uncompressed"
    if len(subscription_address(value)) > MOST_OCTETS:
        return f"the subscription must be at most {MOST_OCTETS} octets"
    return None


def subscription_address(value: Mapping[str, Any]) -> str:
    """What `Device.set_address` is given for a subscription without a problem.

    One spelling for each, so that the same browser is not two devices.
    """
    keys = {name: value["keys"][name] for name in ("auth", "p256dh")}
    return json.dumps({"endpoint": value["endpoint"], "keys": keys}, separators=(",", ":"))


def subscription_of(address: str) -> Subscription:
    """A stored address, read again. Errors: `ValueError` when it is no subscription."""
    value = json.loads(address)
    if (problem := subscription_problem(value)) is not None:
        raise ValueError(problem)
    keys = value["keys"]
    return Subscription(
        value["endpoint"], from_base64url(keys["p256dh"]), from_base64url(keys["auth"])
    )


def _octets_problem(text: Any, octets: int) -> str | None:
    try:
        right = isinstance(text, str) and len(from_base64url(text)) == octets
    except Malformed:
        right = False
    return None if right else f"must be {octets} octets as base64url, without padding"


def _is_point(octets: bytes) -> bool:
    """SEC 1 §2.3.4: a point elsewhere would give away what is encrypted to it."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)
    except ValueError:
        return False
    return octets[0] == 4
