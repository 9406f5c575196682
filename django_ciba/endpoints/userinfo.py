"""GET, POST <realm>/userinfo (OpenID Connect Core §5.3)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.endpoints.wire import WireEndpoint, answered, refusal
from django_ciba.hooks import hooks
from django_ciba.models import Client, Token, configuration
from django_ciba.protocol.challenge import challenge
from django_ciba.protocol.errors import (
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    ProtocolError,
)
from django_ciba.protocol.names import OPENID_SCOPE


class UserInfoEndpoint(WireEndpoint):
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {
        InvalidToken: 401,
        InsufficientScope: 403,
    }

    def get(self, request: Request, realm: str = "") -> HttpResponse:
        token = self.bearer_token(request._request)
        found = Token.objects.live_access_token(token, self.now)
        return answered(self.claims(found))

    post = get

    def bearer_token(self, http: HttpRequest) -> str:
        """RFC 6750 §2.1: the token from the Authorization header, and from nowhere else."""
        if "access_token" in http.GET:
            raise InvalidRequest("send the access token in the Authorization header, not the query")
        scheme, _, value = http.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise NoToken("send the access token as Authorization: Bearer")
        return str(value.strip())

    def claims(self, found: Token | None) -> dict[str, Any]:
        """OpenID Connect Core §5.3.2: sub, and what the token's scope allows."""
        client = configuration().client_by_pk(found.grant.client_id) if found else None
        if found is None or client is None or client.realm.pk != self.realm().pk:
            raise InvalidToken("the access token is expired, revoked or unknown")
        if not hooks().may_sign_in(found.grant.user):
            raise InvalidToken("the access token is expired, revoked or unknown")
        scopes = client.still_allowed(found.scope).split()
        if OPENID_SCOPE not in scopes:
            raise InsufficientScope("the access token lacks the scope openid")
        return user_claims(found, client, scopes)

    def refused(self, http: HttpRequest, exc: ProtocolError) -> HttpResponse:
        """RFC 6750 §3: the error also stands in the challenge, unless no token was sent."""
        status = 401 if isinstance(exc, NoToken) else self.statuses.get(type(exc), 400)
        answer = refusal(http, exc, status)
        said = {} if isinstance(exc, NoToken) else exc.members()
        answer["WWW-Authenticate"] = challenge("userinfo", **said)
        return answer


class NoToken(InvalidToken):
    """RFC 6750 §3.1: a request without any token is told no error code in the challenge."""


def user_claims(found: Token, client: Client, scopes: list[str]) -> dict[str, Any]:
    """The claims, with PingAM's `subname`. A hook cannot change who the subject is."""
    subject = found.grant.subject
    claims = hooks().claims(found.grant.user, scopes, client)
    return {**claims, "sub": subject, "subname": subject}
