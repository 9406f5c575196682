"""POST requests/<id>/answer: the user's yes or no, signed by the device's key."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import router, transaction
from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api import serializers
from django_ciba.authentication_device.api.errors import InvalidAnswer, NotFound, NotTaken
from django_ciba.authentication_device.api.members import the_text
from django_ciba.authentication_device.api.openapi import described
from django_ciba.authentication_device.api.representations import request_members
from django_ciba.authentication_device.api.signed_answer import (
    SignedAnswer,
    the_answer_is_new,
    the_signed_answer,
)
from django_ciba.authentication_device.api.view import DeviceView
from django_ciba.journeys import NotAnswerable, answer
from django_ciba.models import AuditEvent, AuthenticationRequest, Device
from django_ciba.wire import answered, json_object

# What a late or second answer hears is no attempt at anything, and wrong numbers and passcodes are
# written down where they are counted.
NOT_NOTED: Final = frozenset(
    {"answered", "expired", "ended", "prompted_again", "wrong_number", "wrong_passcode"}
)
MOST_NOTED: Final = 10  # refused answers of one user that are written down in NOTED_WITHIN
NOTED_WITHIN: Final = timedelta(minutes=1)


class AnswerView(DeviceView):
    @described(
        operation_id="answer_request",
        summary="Answer it",
        description="`answer` is a compact JWS by the device's key. The same answer given twice is "
        "one; another one comes too late (409).",
        request=serializers.AnswerSerializer,
        responses={200: serializers.RequestSerializer},
        errors=(400, 401, 403, 404, 409, 410, 422),
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        jws = the_text(json_object(request._request), "answer")
        try:
            found = self.own_request(public_id)
        except NotFound:
            self.note_a_stranger(public_id)
            raise
        try:
            signed = the_signed_answer(jws, found, self.device, self.now)
            stored = given(signed, found, self.device, self.now)
        except (InvalidAnswer, NotTaken) as refused:
            reason = refused.reason if isinstance(refused, NotTaken) else refused.description
            if reason not in NOT_NOTED:
                note_refusal(found, self.device, reason, self.now)
            raise
        return answered(request_members(stored, self.now))

    def note_a_stranger(self, public_id: UUID) -> None:
        """Who answers another user's request has got its name from somewhere."""
        found = AuthenticationRequest.objects.filter(public_id=public_id).first()
        if found is not None:
            note_refusal(found, self.device, "other_user", self.now)


def given(
    signed: SignedAnswer, found: AuthenticationRequest, device: Device, now: datetime
) -> AuthenticationRequest:
    """The request as it is once the answer is recorded, together with the JWS that gave it.

    The JWS is evidence that outlives the request: both are stored, or neither. An answer that says
    what is on record already is that answer. Raises NotTaken.
    """
    if found.answer == signed.verdict:
        return found
    if not the_answer_is_new(signed, device):
        raise NotTaken("answer_used")
    refused: NotAnswerable | None = None
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        try:
            answer(
                found,
                signed.verdict,
                now=now,
                authenticated_at=signed.authenticated_at,
                amr=signed.amr,
                prompt=found.prompt_number,
                evidence=signed.evidence,
            )
        except NotAnswerable as refusal:
            refused = refusal  # raised below: a wrong number that was counted must stay so
        else:
            keep_the_evidence(alias, signed, found, device, now)
    found.refresh_from_db()
    if refused is not None and found.answer != signed.verdict:
        raise NotTaken(refused.reason)
    return found


def keep_the_evidence(
    alias: str, signed: SignedAnswer, found: AuthenticationRequest, device: Device, now: datetime
) -> None:
    """Design §8: who said what, with the key that shows it, which may be removed one day."""
    AuditEvent.objects.using(alias).note(
        AuditEvent.Event.ANSWER_SIGNED,
        now,
        of=found,
        verdict=signed.verdict,
        device=str(device.public_id),
        public_jwk=device.public_jwk,
        jws=signed.jws,
    )


def note_refusal(found: AuthenticationRequest, device: Device, reason: str, now: datetime) -> None:
    """Write a refused answer down, unless its user's have been many of late: no app may flood."""
    noted = AuditEvent.objects.filter(
        event=AuditEvent.Event.ANSWER_REFUSED, user_id=device.user_id, at__gt=now - NOTED_WITHIN
    )
    if noted.count() < MOST_NOTED:
        AuditEvent.objects.note(
            AuditEvent.Event.ANSWER_REFUSED,
            now,
            of=found,
            user_id=device.user_id,
            reason=reason,
            device=str(device.public_id),
        )
