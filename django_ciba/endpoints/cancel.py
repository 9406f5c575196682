"""POST <realm>/bc-authorize/cancel: our own, in no specification and not in discovery."""

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.backchannel_authentication.cancel import the_request_is_cancelled
from django_ciba.client_authentication import authenticated_client
from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.protocol.errors import InvalidClient, ProtocolError
from django_ciba.wire import answered


class CancelEndpoint(WireEndpoint):
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {InvalidClient: 401}

    def post(self, request: Request, realm: str = "") -> HttpResponse:
        parameters = self.parameters(request)
        client = authenticated_client(self.presented(request, parameters))
        the_request_is_cancelled(parameters, client, self.now)
        return answered({})
