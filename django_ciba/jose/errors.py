"""What can go wrong with a signed message or a key. The caller maps each to its own answer."""

import re
from typing import Final

ALLOWED: Final = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


class JoseError(Exception):
    """RFC 6749 §5.2: a fault whose `reason` may be shown as an `error_description`.

    In: a sentence for the developer on the other side, never made of what they sent.
    Errors: `ValueError` when the sentence holds a character that the section forbids.
    """

    def __init__(self, reason: str) -> None:
        if not ALLOWED.fullmatch(reason):
            raise ValueError("a reason holds only the characters of RFC 6749 section 5.2")
        super().__init__(reason)
        self.reason = reason


class Malformed(JoseError):
    """The message does not have the form that the specifications give it."""


class AlgorithmRefused(JoseError):
    """The header names an algorithm that is not on the caller's list."""


class UnknownKey(JoseError):
    """No key fits `kid` and `alg`. Whoever holds a fetched JWK Set may fetch it again."""


class BadSignature(JoseError):
    """Keys fit, and none of them made this signature."""


class BadKey(JoseError):
    """A key, or a set of keys, that we refuse to use."""


class Expired(JoseError):
    """The message's own end has come."""


class NotYetValid(JoseError):
    """The message says that it begins, or was issued, in the future."""
