"""What the addresses of this API share: who may come, what is read, how a refusal looks."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api.authentication import (
    DEVICE_ALGS,
    DeviceKeyAuthentication,
)
from django_ciba.authentication_device.api.errors import STATUSES, NotFound, NotTaken
from django_ciba.authentication_device.api.openapi import view_schema
from django_ciba.authentication_device.asked import own_request
from django_ciba.models import AuthenticationRequest, Device
from django_ciba.protocol.challenge import dpop_challenge
from django_ciba.protocol.errors import ProtocolError
from django_ciba.wire import WireView, refusal

REALM: Final = "authentication device"


class DeviceView(WireView):
    """Base of the views: `device` is the one that has proved its key."""

    authentication_classes: tuple[Any, ...] = (DeviceKeyAuthentication,)
    schema = view_schema()
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = STATUSES

    device: Device

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Everything here is a device's own: nothing is looked at before its proof."""
        self.device = cast(Device, request.auth)

    def own_request(self, public_id: UUID) -> AuthenticationRequest:
        """The request of that name, once it has been put before the device's user.

        Somebody else's request and one that does not exist are the same 404.
        """
        found = own_request(self.device.user, public_id, self.now)
        if found is None:
            raise NotFound("there is no such request")
        return found

    def refused(self, http: HttpRequest, exc: ProtocolError) -> HttpResponse:
        """RFC 9449 §7.1: a missing or bad proof is challenged, by the codes of DPoP or our own."""
        if isinstance(exc, NotTaken):
            return refusal(http, exc, exc.status)
        answer = super().refused(http, exc)
        if answer.status_code == 401:
            answer["WWW-Authenticate"] = dpop_challenge(REALM, DEVICE_ALGS, **exc.members())
        return answer


class NoSuchAddress(WireView):
    """What lies below the mount and is nothing: 404, as JSON like everything else."""

    statuses: ClassVar[Mapping[type[ProtocolError], int]] = STATUSES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("there is no such address")
