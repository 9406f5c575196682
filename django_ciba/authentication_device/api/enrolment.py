"""POST enrolment: an app becomes a device, by the code that its user has carried over."""

import logging
from datetime import datetime
from typing import Any

from django.db import IntegrityError, router, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api import serializers
from django_ciba.authentication_device.api.authentication import (
    proof_of_a_key,
    the_user_may_sign_in,
)
from django_ciba.authentication_device.api.errors import InvalidCode, KeyEnrolled
from django_ciba.authentication_device.api.members import (
    DeviceKey,
    Push,
    the_key,
    the_name,
    the_push,
    the_text,
)
from django_ciba.authentication_device.api.openapi import described
from django_ciba.authentication_device.api.representations import device_members
from django_ciba.authentication_device.api.view import DeviceView
from django_ciba.models import Device, DeviceEnrolment
from django_ciba.proof_of_possession.proof import Proof, the_proof_is_new
from django_ciba.protocol.errors import InvalidDpopProof, TemporarilyUnavailable
from django_ciba.wire import answered, json_object

logger = logging.getLogger("django_ciba.authentication_device")


class EnrolmentView(DeviceView):
    authentication_classes: tuple[Any, ...] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whoever has a code may come: there is no device yet."""

    @described(
        operation_id="enrol",
        summary="Become a device",
        description="The code is good once. The DPoP proof must be signed by the key that is "
        "enrolled, which shows that the app has it.",
        request=serializers.EnrolmentSerializer,
        responses={201: serializers.DeviceSerializer},
        errors=(400, 401, 403, 409),
        auth=[{"deviceKey": []}],
    )
    def post(self, request: Request) -> HttpResponse:
        http = request._request
        sent = json_object(http)
        name, push, key = the_name(sent), the_push(sent), the_key(sent)
        code = the_text(sent, "code")
        the_proof_is_new(the_proof_of(key, http, self.now))
        device = enrolled(code, key, name, push, self.now)
        logger.info("device %s was enrolled", device.public_id)
        return answered(device_members(device), 201)


def the_proof_of(key: DeviceKey, http: HttpRequest, now: datetime) -> Proof:
    """RFC 9449 §4.3: the proof is by the key that is enrolled: the app has its private half.

    Raises InvalidDpopProof, UseDpopNonce.
    """
    proof = proof_of_a_key(http, now)
    if proof.jkt != key.thumbprint:
        raise InvalidDpopProof("the DPoP proof must be signed by the key in public_jwk")
    return proof


def enrolled(code: str, key: DeviceKey, name: str, push: Push, now: datetime) -> Device:
    """The new device of the code's user; a refusal leaves the code as it was.

    Raises InvalidCode, UserLocked, KeyEnrolled.
    """
    try:
        with transaction.atomic(using=router.db_for_write(Device)):
            enrolment = DeviceEnrolment.objects.consume(code, now)
            if enrolment is None:
                raise InvalidCode(
                    "the code is unknown, used or too old: have the user make another"
                )
            the_user_may_sign_in(enrolment.user)
            device = Device(
                user=enrolment.user,
                kind=Device.Kind.APP,
                name=name,
                public_jwk=key.jwk,
                thumbprint=key.thumbprint,
                created_at=now,
                authenticated_at=enrolment.authenticated_at,
            )
            set_push(device, push)
            device.save(force_insert=True)
            Device.objects.note_added(device, now)
    except IntegrityError:
        if not Device.objects.filter(thumbprint=key.thumbprint).exists():
            raise busy() from None
        raise KeyEnrolled("this key is that of a device already: make a new one") from None
    return device


def set_push(device: Device, push: Push) -> None:
    """One installation has one token: who registers it last is told. The caller saves.

    So a phone that changes hands, or an app that has lost its key, needs no old device removed.
    """
    if push.token:
        Device.objects.exclude(pk=device.pk).release_address(push.token)
    device.set_address(push.channel, push.token)


def busy() -> TemporarilyUnavailable:
    """Another call of this moment has registered the same push token."""
    return TemporarilyUnavailable("the push token is being registered; try again")
