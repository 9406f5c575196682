"""GET, PATCH, DELETE device: what the app is here, under which name, and where it is told."""

import logging

from django.db import IntegrityError, router, transaction
from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api import serializers
from django_ciba.authentication_device.api.authentication import unknown_device
from django_ciba.authentication_device.api.enrolment import busy, set_push
from django_ciba.authentication_device.api.members import Push, the_name, the_push
from django_ciba.authentication_device.api.openapi import described
from django_ciba.authentication_device.api.representations import device_members
from django_ciba.authentication_device.api.view import DeviceView
from django_ciba.models import Device
from django_ciba.protocol.errors import InvalidRequest
from django_ciba.wire import answered, json_object, no_content

logger = logging.getLogger("django_ciba.authentication_device")


class DeviceDetailView(DeviceView):
    @described(
        operation_id="device",
        summary="The device itself",
        responses={200: serializers.DeviceSerializer},
        errors=(401, 403),
    )
    def get(self, request: Request) -> HttpResponse:
        return answered(device_members(self.device))

    @described(
        operation_id="change_device",
        summary="Rename it, or change where it is told",
        description="What is left out stays. `push` null: it is told nothing any more.",
        request=serializers.DeviceChangesSerializer,
        responses={200: serializers.DeviceSerializer},
        errors=(400, 401, 403),
    )
    def patch(self, request: Request) -> HttpResponse:
        sent = json_object(request._request)
        if not {"name", "push"} & set(sent):
            raise InvalidRequest("send name, or push, or both")
        name = the_name(sent) if "name" in sent else None
        push = the_push(sent) if "push" in sent else None
        change(self.device, name, push)
        return answered(device_members(self.device))

    @described(
        operation_id="remove_device",
        summary="Remove it",
        description="The key is good for nothing from now on.",
        responses={204: None},
        errors=(401, 403),
    )
    def delete(self, request: Request) -> HttpResponse:
        removed = self.device
        Device.objects.remove(removed, self.now)
        logger.info("device %s removed itself", removed.public_id)
        return no_content()


def change(device: Device, name: str | None, push: Push | None) -> None:
    """Store what was sent, and nothing else: the user may be changing the rest at this moment.

    Raises UnknownDevice if it has been removed meanwhile.
    """
    changed: list[str] = []
    if name is not None:
        device.name = name
        changed += ["name"]
    try:
        with transaction.atomic(using=router.db_for_write(Device)):
            if push is not None:
                set_push(device, push)
                changed += ["channel", "address", "address_digest"]
            values = {each: getattr(device, each) for each in changed}
            if not Device.objects.filter(pk=device.pk).update(**values):
                raise unknown_device()
    except IntegrityError:
        raise busy() from None
