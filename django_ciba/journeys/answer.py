"""The user's answer: recorded once, by one conditional update, and the journey walks on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import router, transaction

from django_ciba.hooks import hooks
from django_ciba.journeys.demand import NOTHING, Evidence, demand_of, unmet, wrong
from django_ciba.journeys.engine import Progress, walk
from django_ciba.journeys.progress import cancel, store_progress
from django_ciba.journeys.question import passcode_methods
from django_ciba.models import AuditEvent, AuthenticationRequest, configuration
from django_ciba.models.authentication_request import FAILURES, NUMBER_TRIES

VERDICTS: Final = (AuthenticationRequest.Answer.APPROVED, AuthenticationRequest.Answer.DENIED)
TRIES = 5  # a timer may move the request between our read and our write; that changes its step


class NotAnswerable(Exception):
    """The answer did not take.

    `reason`: answered, expired, ended, not_prompted, prompted_again, user_locked; what
    `demand.unmet` says is missing; or wrong_number, wrong_passcode, wrong_link, which alone change
    something: they are counted, and the last one that the demand allows ends the prompt.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def answer(
    authentication_request: AuthenticationRequest,
    verdict: str,
    *,
    now: datetime,
    authenticated_at: datetime,
    amr: Sequence[str],
    prompt: int | None = None,
    evidence: Evidence = NOTHING,
) -> AuthenticationRequest:
    """Record the user's yes or no (`AuthenticationRequest.Answer`) and walk the journey on.

    `authenticated_at` is when the user proved who they are, `amr` how (RFC 8176), without the
    passcode that the prompt demands: that is added here. `prompt` is which prompt was answered
    (`AuthenticationRequest.prompt_number`): one form sent twice must not answer the next prompt
    too. `evidence` is what an approval comes with, for what the prompt demands.
    Returns the request as it now is. Raises NotAnswerable; of two answers the first counts.

    To requests that its user could not tell from this one a no is a no as well, also where the
    relying party asks. A yes is one yes: the older of them are withdrawn.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"{verdict!r} is no answer: it must be {' or '.join(VERDICTS)}")
    for _ in range(TRIES):
        stored = AuthenticationRequest.objects.select_related("client", "user").get(
            pk=authentication_request.pk
        )
        still_answerable(stored, verdict, now)
        if prompt not in (None, stored.prompt_number):
            raise NotAnswerable("prompted_again")
        if verdict == AuthenticationRequest.Answer.APPROVED:
            if missing := unmet(stored, evidence, authenticated_at, now):
                raise NotAnswerable(missing)
            if fault := wrong(stored, evidence):
                if wrong_answer_counted(stored, fault, now):
                    raise NotAnswerable(f"wrong_{fault}")
                continue
            stored.authenticated_at = authenticated_at
            stored.amr = methods_shown(stored, evidence, amr)
        if _answered_with_its_likes(stored, verdict, now, vouched=evidence.vouched):
            return stored
    raise NotAnswerable("ended")


def methods_shown(
    stored: AuthenticationRequest, evidence: Evidence, amr: Sequence[str]
) -> list[str]:
    """RFC 8176 §1: `amr`, and what the passcode has shown that came with it; each once.

    Wherever it was typed. Who vouches for the user has seen none.
    """
    typed = bool(demand_of(stored).passcode) and not evidence.vouched
    return list(dict.fromkeys([*amr, *(passcode_methods(stored) if typed else ())]))


def walked_on(
    stored: AuthenticationRequest, verdict: str, now: datetime, *, renamed: str = ""
) -> bool:
    """Walk on from this answer and store it, unless the request has moved meanwhile.

    `renamed` is the digest of the auth_req_id that the request has from here on.
    """
    progress = _walked(stored, verdict, now)
    if renamed:
        progress.values["auth_req_id_digest"] = stored.auth_req_id_digest = renamed
    return store_progress(stored, progress, now)


def _answered_with_its_likes(
    stored: AuthenticationRequest, verdict: str, now: datetime, *, vouched: bool = False
) -> bool:
    """The answer, and what it means for what looked the same, in one transaction; whether it took.

    In the order of their keys, so that two answers at once do not wait for each other. One of the
    others that has moved on meanwhile has become another question.
    """
    rows = AuthenticationRequest.objects.select_related("client", "user")
    denied = verdict == AuthenticationRequest.Answer.DENIED
    others = rows.denied_with(stored, now) if denied else rows.like(stored, now)
    approved = verdict == AuthenticationRequest.Answer.APPROVED
    if approved:
        others = others.filter(pk__lt=stored.pk)
    together = sorted([stored, *others], key=lambda row: int(row.pk))
    # Walked before anything is locked: a node may be the site's own.
    walked = {
        row.pk: _walked(row, verdict, now) for row in together if row is stored or not approved
    }
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        for row in together:
            if row.pk not in walked:
                cancel(row.pk, now)
            elif not store_progress(row, walked[row.pk], now, vouched=vouched) and row is stored:
                transaction.set_rollback(True, using=alias)
                return False
    return True


def _walked(stored: AuthenticationRequest, verdict: str, now: datetime) -> Progress:
    stored.answer, stored.answered_at = AuthenticationRequest.Answer(verdict), now
    document = configuration().journey_version(stored.journey_version_id).document
    return walk(stored, document, now)


def one_more_failure(stored: AuthenticationRequest, fault: str) -> dict[str, Any] | None:
    """The memory with one more wrong answer in it; None when that was the last one allowed.

    Wrong passcodes are those of one prompt; wrong numbers those of one request, whose number stays
    the same.
    """
    tries = demand_of(stored).tries
    memory = {**stored.memory, FAILURES: int(stored.memory.get(FAILURES, 0)) + 1}
    left = tries - memory[FAILURES]
    if fault == "number":
        memory[NUMBER_TRIES] = int(stored.memory.get(NUMBER_TRIES, tries)) - 1
        left = min(left, memory[NUMBER_TRIES])
    return memory if left > 0 else None


def wrong_answer_counted(stored: AuthenticationRequest, fault: str, now: datetime) -> bool:
    """Count one wrong number or passcode, by the conditional update that any move is.

    So parallel guesses are counted one after the other. The last that is allowed is the answer.
    Its time stays with the request, whatever is asked next: guesses cool their client down.
    """
    event = {"number": AuditEvent.Event.WRONG_NUMBER, "passcode": AuditEvent.Event.WRONG_PASSCODE}
    alias = router.db_for_write(AuthenticationRequest)
    stored.wrong_at = now
    with transaction.atomic(using=alias):
        if memory := one_more_failure(stored, fault):
            took = AuthenticationRequest.objects.using(alias).advance(
                stored, now, memory=memory, wrong_at=now
            )
        else:
            took = _answered_with_its_likes(stored, AuthenticationRequest.Answer.FAILED, now)
        if took:
            AuditEvent.objects.using(alias).note(
                event.get(fault, AuditEvent.Event.ANSWER_REFUSED), now, of=stored, reason=fault
            )
    return took


def still_answerable(stored: AuthenticationRequest, verdict: str, now: datetime) -> None:
    """Why this answer would not count; the update that follows says the same to a race.

    What the relying party asks can be denied here, and approved there alone (`enter_passcode`).
    """
    if stored.answer:
        raise NotAnswerable("answered")
    if stored.status != AuthenticationRequest.Status.PENDING:
        raise NotAnswerable("ended")
    if stored.answerable_until <= now:
        raise NotAnswerable("expired")
    denied = verdict == AuthenticationRequest.Answer.DENIED
    if stored.prompted_at is None and not (denied and stored.is_asked_at_client):
        raise NotAnswerable("not_prompted")
    if configuration().client_by_pk(stored.client_id) is None:
        raise NotAnswerable("ended")  # client or realm have been disabled: nobody asks any more
    if stored.user is None or not hooks().may_sign_in(stored.user):
        raise NotAnswerable("user_locked")
