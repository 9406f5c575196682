"""POST <realm>/access_token: the token endpoint (RFC 6749 §3.2)."""

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import authenticated_client
from django_ciba.endpoints.wire import WireEndpoint, answered
from django_ciba.grants import grant_for
from django_ciba.protocol.confirmation import BEARER
from django_ciba.protocol.errors import InvalidClient, ProtocolError


class TokenEndpoint(WireEndpoint):
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {InvalidClient: 401}

    def post(self, request: Request, realm: str = "") -> HttpResponse:
        parameters = self.parameters(request)
        client = authenticated_client(self.presented(request, parameters))
        grant = grant_for(parameters, client)
        return answered(grant.tokens(parameters, client, BEARER, self.now))
