"""POST <realm>/bc-authorize (CIBA Core §7)."""

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.backchannel_authentication import answer_to
from django_ciba.client_authentication import authenticated_client
from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.protocol.errors import AccessDenied, InvalidClient, ProtocolError
from django_ciba.wire import answered


class BackchannelAuthenticationEndpoint(WireEndpoint):
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {InvalidClient: 401, AccessDenied: 403}

    def post(self, request: Request, realm: str = "") -> HttpResponse:
        parameters = self.parameters(request)
        client = authenticated_client(self.presented(request, parameters))
        return answered(answer_to(parameters, client, self.now))
