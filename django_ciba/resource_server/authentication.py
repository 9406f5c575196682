"""Who is calling, by the access token that we gave out."""

import logging
import re
from collections.abc import Collection
from typing import Any, Final

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from django_ciba.hooks import hooks
from django_ciba.models import Token, configuration
from django_ciba.protocol.challenge import challenge
from django_ciba.protocol.errors import InvalidRequest, InvalidToken
from django_ciba.protocol.parameters import FORM_TYPE

from .challenges import DEFAULT_REALM, Refusal

logger = logging.getLogger("django_ciba.resource_server")

B64TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
MAX_TOKEN_LENGTH: Final = 4096


class CibaTokenAuthentication(BaseAuthentication):
    """RFC 6750 §2.1: `Authorization: Bearer <access token>`, and no other way.

    Sets `request.user`, and `request.auth` to the Token (its grant has client, scope, acr, amr and
    authenticated_at). A request without a token is left to the view's other authenticators. A
    site may subclass it to name the challenge's `realm`, or to take the tokens of some of our
    realms only.
    """

    realm: str = DEFAULT_REALM
    # Whose tokens are taken, by path. A token of another tenant must not open this site's API.
    ciba_realms: Collection[str] = ("/",)

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """The user and the token; None when the request carries none.

        Raises Refusal: 400 invalid_request, 401 invalid_token.
        """
        value = self._bearer_token(request)
        if value is None:
            return None
        token = self._live_token(value)
        return token.grant.user, token

    def authenticate_header(self, request: Request) -> str:
        """RFC 6750 §3: the bare challenge, for requests that lack any authentication."""
        return challenge(self.realm)

    def _bearer_token(self, request: Request) -> str | None:
        """RFC 6750 §2: the one token of the request, taken from the Authorization header."""
        if "access_token" in request.query_params or _in_form(request):
            raise self._refusal(
                InvalidRequest(
                    "access_token was sent outside the Authorization header: "
                    "send the token there, and nowhere else"
                )
            )
        scheme, *words = get_authorization_header(request).split() or [b""]
        if scheme.lower() != b"bearer":
            return None
        if len(words) != 1:
            raise self._refusal(InvalidRequest("send Authorization: Bearer and then one token"))
        if not B64TOKEN.fullmatch(words[0]) or len(words[0]) > MAX_TOKEN_LENGTH:
            raise self._invalid("not a token by its form")
        return words[0].decode("ascii")

    def _live_token(self, value: str) -> Token:
        """RFC 6750 §3.1: unexpired, unrevoked, of an enabled client and a user who may sign in."""
        token = Token.objects.live_access_token(value, timezone.now())
        if token is None:
            raise self._invalid("unknown, expired or revoked")
        client = configuration().client_by_pk(token.grant.client_id)
        if client is None:
            raise self._invalid(f"client {token.grant.client_id} is disabled")
        if client.realm.path not in self.ciba_realms:
            raise self._invalid(f"of realm {client.realm.path}")
        if not hooks().may_sign_in(token.grant.user):
            raise self._invalid(f"user {token.grant.user_id} may not sign in")
        return token

    def _invalid(self, log_detail: str) -> Refusal:
        """One description for every cause: who holds a dead token learns no more of it."""
        return self._refusal(
            InvalidToken("the access token is unknown, expired or revoked", log_detail=log_detail)
        )

    def _refusal(self, refused: InvalidRequest | InvalidToken) -> Refusal:
        logger.info(
            "token refused: %s",
            refused.log_detail or refused.description,
            extra={"event": "token_refused", "error": refused.error},
        )
        return Refusal(refused, self.realm)


def _in_form(request: Request) -> bool:
    """RFC 6750 §2.2: whether a form-encoded body carries a token; other bodies are not read."""
    if (request.content_type or "").partition(";")[0].strip().lower() != FORM_TYPE:
        return False
    return "access_token" in request._request.POST
