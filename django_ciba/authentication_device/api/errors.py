"""What this API refuses with, besides the codes of RFC 6749 and RFC 9449, and by which status."""

from collections.abc import Mapping
from typing import Final

from django_ciba.authentication_device.refusals import REFUSALS
from django_ciba.protocol.errors import InvalidDpopProof, ProtocolError, UseDpopNonce

OURS: Final = "ours"


class UnknownDevice(ProtocolError):
    error = "unknown_device"
    source = OURS
    meaning = "No app is enrolled with the key of the proof: it never was, or has been removed."


class UserLocked(ProtocolError):
    error = "user_locked"
    source = OURS
    meaning = "The user may not sign in at present."


class NotFound(ProtocolError):
    error = "not_found"
    source = OURS
    meaning = "There is no such address, or no such request of this user."


class InvalidCode(ProtocolError):
    error = "invalid_code"
    source = OURS
    meaning = "The code to enrol by is unknown, used or too old: the user makes another."


class KeyEnrolled(ProtocolError):
    error = "key_enrolled"
    source = OURS
    meaning = "This key is that of a device already: make a new one for each enrolment."


class InvalidAnswer(ProtocolError):
    error = "invalid_answer"
    source = OURS
    meaning = "The signed answer is malformed, or says something else than the request; see there."


USED: Final = "answer_used"

# By `NotAnswerable.reason`; the status is that of the pages.
NOT_TAKEN: Final[Mapping[str, str]] = {
    "answered": "the request has been answered otherwise",
    "prompted_again": "the user has been asked anew: read the request again",
    USED: "this signed answer has been sent before: sign another",
    "expired": "the request has run out",
    "ended": "the request has ended",
    "not_prompted": "the request does not wait for an answer",
    "user_locked": "the user may not sign in at present",
    "login_too_old": "too long ago that the user proved who they are: verify the user and say so "
    "in amr, or enrol anew",
    "needs_passkey": "an approval must say in amr how the user was verified, by a method of this "
    "site's",
    "needs_second_factor": "an approval must say in amr how the user was verified, by a method of "
    "this site's",
    "needs_link": "this request is answered by the link that the user was sent",
    "needs_number": "an approval must carry the number that the client shows",
    "needs_passcode": "an approval must carry the passcode that the user was sent",
    "wrong_number": "the number is not the one that the client shows",
    "wrong_passcode": "the passcode is not the one that the user was sent",
    "wrong_link": "the link is not the one that the user was sent",
}


def status_of(reason: str) -> int:
    """As the pages answer that; a JWS that was sent before contradicts what came of it."""
    return 409 if reason == USED else REFUSALS[reason]


class NotTaken(ProtocolError):
    """An answer that did not take; its code on the wire is the reason."""

    error = "not_taken"
    source = OURS
    meaning = "The answer did not take; the code says why."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.status = status_of(reason)
        super().__init__(NOT_TAKEN[reason])

    def members(self) -> dict[str, str]:
        return {"error": self.reason, "error_description": self.description}


ERRORS: Final = (UnknownDevice, UserLocked, NotFound, InvalidCode, KeyEnrolled, InvalidAnswer)
STATUSES: Final[Mapping[type[ProtocolError], int]] = {
    InvalidDpopProof: 401,
    UseDpopNonce: 401,
    UnknownDevice: 401,
    UserLocked: 403,
    NotFound: 404,
    KeyEnrolled: 409,
}
