"""What this API refuses with, besides the codes of RFC 6749 and RFC 9449, and by which status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Refusal:
    """How an answer is refused that is well made, and comes to nothing."""

    status: int
    description: str


# By `NotAnswerable.reason`. RFC 9110 §15.5: an answer that contradicts the one on record, or is to
# an older prompt, is a conflict; one to a request that has run out comes to something that is gone;
# one that lacks a part is well formed, and cannot be processed.
REFUSALS: Final[Mapping[str, Refusal]] = {
    "answered": Refusal(409, "the request has been answered otherwise"),
    "prompted_again": Refusal(409, "the user has been asked anew: read the request again"),
    "answer_used": Refusal(409, "this signed answer has been sent before: sign another"),
    "expired": Refusal(410, "the request has run out"),
    "ended": Refusal(410, "the request has ended"),
    "not_prompted": Refusal(410, "the request does not wait for an answer"),
    "user_locked": Refusal(403, "the user may not sign in at present"),
    "login_too_old": Refusal(
        403,
        "too long ago that the user proved who they are: verify the user and say so in amr, or "
        "enrol anew",
    ),
    "needs_passkey": Refusal(
        403, "an approval must say in amr how the user was verified, by a method of this site's"
    ),
    "needs_second_factor": Refusal(
        403, "an approval must say in amr how the user was verified, by a method of this site's"
    ),
    "needs_link": Refusal(403, "this request is answered by the link that the user was sent"),
    "needs_number": Refusal(422, "an approval must carry the number that the client shows"),
    "needs_passcode": Refusal(422, "an approval must carry the passcode that the user was sent"),
    "wrong_number": Refusal(422, "the number is not the one that the client shows"),
    "wrong_passcode": Refusal(422, "the passcode is not the one that the user was sent"),
    "wrong_link": Refusal(422, "the link is not the one that the user was sent"),
}


class NotTaken(ProtocolError):
    """An answer that did not take; its code on the wire is the reason."""

    error = "not_taken"
    source = OURS
    meaning = "The answer did not take; the code says why."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.status = REFUSALS[reason].status
        super().__init__(REFUSALS[reason].description)

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
