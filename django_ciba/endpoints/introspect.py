"""POST <realm>/introspect (RFC 7662, RFC 9701)."""

from collections.abc import Mapping
from typing import ClassVar, Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import authenticated_client
from django_ciba.endpoints.wire import WireEndpoint, jwt_answer
from django_ciba.protocol.errors import InvalidClient, ProtocolError
from django_ciba.tokens import INTROSPECTION_TYPE, introspected, signed_introspection
from django_ciba.wire import answered

SIGNED: Final = f"application/{INTROSPECTION_TYPE}"


class IntrospectionEndpoint(WireEndpoint):
    """`token_type_hint` is not read: of both kinds, a token is found by one look-up."""

    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {InvalidClient: 401}

    def post(self, request: Request, realm: str = "") -> HttpResponse:
        parameters = self.parameters(request)
        caller = authenticated_client(self.presented(request, parameters))
        answer = introspected(parameters.needed("token"), caller, self.now)
        if wants_it_signed(request._request):
            return jwt_answer(signed_introspection(answer, caller, self.now), SIGNED)
        return answered(answer)


def wants_it_signed(http: HttpRequest) -> bool:
    """RFC 9701 §4: whether Accept names the signed answer."""
    accepted = http.META.get("HTTP_ACCEPT", "").lower().split(",")
    return any(each.partition(";")[0].strip() == SIGNED for each in accepted)
