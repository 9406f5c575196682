"""GET, POST <realm>/userinfo (OpenID Connect Core §5.3)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.endpoints.wire import NoToken, WireEndpoint, in_challenge, jwt_answer
from django_ciba.hooks import hooks
from django_ciba.models import Client, Token
from django_ciba.proof_of_possession import Place, SentToken, challenges, sent_token
from django_ciba.protocol.errors import (
    InsufficientScope,
    InvalidDpopProof,
    InvalidToken,
    ProtocolError,
    UseDpopNonce,
)
from django_ciba.protocol.names import OPENID_SCOPE
from django_ciba.tokens import requested_claims, signed_userinfo
from django_ciba.wire import answered


class UserInfoEndpoint(WireEndpoint):
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {
        InvalidToken: 401,
        NoToken: 401,
        InsufficientScope: 403,
        InvalidDpopProof: 401,
        UseDpopNonce: 401,
    }

    def get(self, request: Request, realm: str = "") -> HttpResponse:
        sent = self.sent_token(request._request)
        claims = self.claims(sent.token, sent.client)
        if sent.client.userinfo_signed_response_alg or sent.client.userinfo_encrypted_response_alg:
            return jwt_answer(signed_userinfo(claims, sent.client), "application/jwt")
        return answered(claims)

    post = get

    def sent_token(self, http: HttpRequest) -> SentToken:
        """RFC 6750 §2.1, RFC 9449 §7.1: the token of the Authorization header; it is its sender's.

        One that is only for other resources is none for UserInfo (RFC 8707 §2.2, RFC 9068 §4): an
        API that it is shown to would read there who the user is.
        The answer tells the next DPoP nonce.
        """
        here = self.realm()
        place = Place(
            here.endpoint_addresses("userinfo"),
            realms=(here.path,),
            resources=here.userinfo_resources,
        )
        sent = sent_token(http, place, self.now)
        if sent is None:
            raise NoToken("send the access token as Authorization: Bearer, or DPoP with a proof")
        if sent.next_nonce:
            self.headers["DPoP-Nonce"] = sent.next_nonce
        return sent

    def claims(self, found: Token, client: Client) -> dict[str, Any]:
        """OpenID Connect Core §5.3.2: sub, and what the token's scope allows."""
        scopes = client.still_allowed(found.scope).split()
        if OPENID_SCOPE not in scopes:
            raise InsufficientScope("the access token lacks the scope openid")
        return user_claims(found, client, scopes)

    def refused(self, http: HttpRequest, exc: ProtocolError) -> HttpResponse:
        """RFC 6750 §3: the error also stands in the challenge, unless no token was sent."""
        answer = super().refused(http, exc)
        answer["WWW-Authenticate"] = challenges(http, "userinfo", **in_challenge(exc))
        return answer


def user_claims(found: Token, client: Client, scopes: list[str]) -> dict[str, Any]:
    """OpenID Connect Core §5.4, §5.5: claims by scope and by name, with PingAM's `subname`.

    A hook cannot change who the subject is, and a null says nothing.
    """
    grant = found.grant
    said = hooks().claims(grant.user, scopes, client)
    said |= requested_claims(grant, client, "userinfo")
    claims = {name: value for name, value in said.items() if value is not None}
    if details := client.still_allowed_details(found.authorization_details):
        claims["authorization_details"] = details
    return {**claims, "sub": grant.subject, "subname": grant.subject}
