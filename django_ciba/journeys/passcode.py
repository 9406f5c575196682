"""A passcode that the user reads on their device and enters at the relying party (protocol §6)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from django_ciba.hooks import hooks
from django_ciba.journeys.answer import walked_on, wrong_answer_counted
from django_ciba.journeys.demand import Evidence, demand_of, passcode_alone, wrong
from django_ciba.journeys.question import question_went_by
from django_ciba.models import AuthenticationRequest, configuration

AGAIN: Final = 20  # another guess, or a timer, may move the request between our read and our write

Reason = Literal["wrong", "expired", "over", "not_sent"]


class PasscodeRefused(Exception):
    """The passcode did not count.

    `reason`: wrong, which is counted, and the last that the journey allows ends it; expired;
    over: it was entered already, was wrong too often, or the request has ended; not_sent: this
    request waits for no passcode that is entered here.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def passcode_has_gone_out(found: AuthenticationRequest) -> bool:
    """Whether the passcode that `found` waits for has been handed to one channel at least."""
    return asks_for_a_passcode(found) and bool(question_went_by(found))


def enter_passcode(
    found: AuthenticationRequest,
    code: str,
    *,
    now: datetime,
    amr: Sequence[str],
    renamed: str = "",
) -> AuthenticationRequest:
    """The user's yes, by the passcode that was sent to them; the journey walks on.

    `amr` is how the user has proved who they are (RFC 8176). `renamed` is the digest of the
    auth_req_id under which the request goes on from here, stored by the same statement.
    Returns the request as it now is. Raises PasscodeRefused. Guesses at the same moment are
    counted one after the other.
    """
    for _ in range(AGAIN):
        stored = AuthenticationRequest.objects.select_related("client", "user").get(pk=found.pk)
        waits_for_a_passcode(stored, now)
        if wrong(stored, Evidence(passcode=code)):
            if wrong_answer_counted(stored, "passcode", now):
                raise PasscodeRefused("wrong")
            continue
        stored.authenticated_at, stored.amr = now, list(amr)
        if walked_on(stored, AuthenticationRequest.Answer.APPROVED, now, renamed=renamed):
            return stored
    raise PasscodeRefused("over")


def asks_for_a_passcode(found: AuthenticationRequest) -> bool:
    """Asked for elsewhere than on the device: a question that is not in the inbox.

    One that demands more than the passcode is none: the rest cannot be brought there.
    """
    return found.prompted_at is None and passcode_alone(demand_of(found))


def waits_for_a_passcode(stored: AuthenticationRequest, now: datetime) -> None:
    """Why a passcode would not count; the update that follows says the same to a race."""
    if not asks_for_a_passcode(stored):
        raise PasscodeRefused("not_sent")
    if stored.answer or stored.status != AuthenticationRequest.Status.PENDING:
        raise PasscodeRefused("over")
    if stored.answerable_until <= now:
        raise PasscodeRefused("expired")
    if configuration().client_by_pk(stored.client_id) is None:
        raise PasscodeRefused("over")  # client or realm have been disabled: nobody asks any more
    if stored.user is None or not hooks().may_sign_in(stored.user):
        raise PasscodeRefused("over")
