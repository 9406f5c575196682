"""POST requests/<id>/answer: the user's yes or no, signed by the device's key."""

from datetime import datetime
from uuid import UUID

from django.db import router, transaction
from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api import serializers
from django_ciba.authentication_device.api.errors import USED, InvalidAnswer, NotFound, NotTaken
from django_ciba.authentication_device.api.members import the_text
from django_ciba.authentication_device.api.openapi import described
from django_ciba.authentication_device.api.representations import request_members
from django_ciba.authentication_device.api.signed_answer import (
    SignedAnswer,
    the_answer_is_new,
    the_signed_answer,
)
from django_ciba.authentication_device.api.view import DeviceView
from django_ciba.authentication_device.refusals import TELLING, note_refusal_of, note_stranger
from django_ciba.journeys import NotAnswerable, answer
from django_ciba.models import AuditEvent, AuthenticationRequest, Device
from django_ciba.wire import answered, json_object


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
            note_stranger(self.device.user_id, public_id, self.now, **self.named)
            raise
        try:
            signed = the_signed_answer(jws, found, self.device, self.now)
            stored = given(signed, found, self.device, self.now)
        except (InvalidAnswer, NotTaken) as refused:
            if isinstance(refused, InvalidAnswer):
                self.note(found, refused.description)
            elif refused.reason in TELLING or refused.reason == USED:
                self.note(found, refused.reason)
            raise
        return answered(request_members(stored, self.now))

    @property
    def named(self) -> dict[str, str]:
        """What an audit event says of who tried, besides the user."""
        return {"device": str(self.device.public_id)}

    def note(self, found: AuthenticationRequest, reason: str) -> None:
        note_refusal_of(self.device.user_id, found, reason, self.now, **self.named)


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
        raise NotTaken(USED)
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
