"""POST <realm>/token/revoke (RFC 7009)."""

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import authenticated_client
from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.protocol.errors import InvalidClient, ProtocolError
from django_ciba.tokens import end_the_grant
from django_ciba.wire import answered


class RevocationEndpoint(WireEndpoint):
    """`token_type_hint` is not read: of both kinds, a token is found by one look-up."""

    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {InvalidClient: 401}

    def post(self, request: Request, realm: str = "") -> HttpResponse:
        parameters = self.parameters(request)
        client = authenticated_client(self.presented(request, parameters))
        end_the_grant(parameters.needed("token"), client, self.now)
        return answered({})
