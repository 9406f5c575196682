"""Who is calling, by the access token that we gave out."""

import logging
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from django_ciba.conf import ciba_settings
from django_ciba.models import Token
from django_ciba.proof_of_possession import (
    ELSEWHERE,
    Place,
    challenges,
    new_nonce,
    sent_token,
)
from django_ciba.protocol.errors import InvalidRequest, ProtocolError, UseDpopNonce
from django_ciba.protocol.parameters import FORM_TYPE

from .challenges import DEFAULT_REALM, Refusal

logger = logging.getLogger("django_ciba.resource_server")


class CibaTokenAuthentication(BaseAuthentication):
    """RFC 6750 §2.1, RFC 9449 §7.1: `Authorization: Bearer` or `DPoP`, and no other way.

    Sets `request.user`, and `request.auth` to the Token (its grant has client, scope, acr, amr and
    authenticated_at). A token that is bound to a certificate or a DPoP key is taken only from who
    holds it. A request without a token is left to the view's other authenticators. A site may
    subclass it to name what stands below.
    """

    # The realm of the challenge.
    realm: str = DEFAULT_REALM
    # Whose tokens are taken, by path. A token of another tenant must not open this site's API.
    ciba_realms: Collection[str] = ("/",)
    # RFC 8707: the identifier of this API. A token that was given out for resources must name it.
    resource: str | None = None
    # Where callers find this site, as ("https://api.example.com",): a DPoP proof names the address
    # that it is for, and a Host header is no proof of ours. Empty: where ISSUER and MTLS_ENDPOINTS
    # are.
    public_addresses: Collection[str] = ()

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """The user and the token; None when the request carries none.

        Raises Refusal: 400 invalid_request, 401 for everything else.
        """
        http, now = request._request, timezone.now()
        try:
            _nothing_in_the_form(request)
            sent = sent_token(http, self._place(http), now)
        except ProtocolError as refused:
            if isinstance(refused, UseDpopNonce):
                _tell_nonce(request, new_nonce(now))
            raise self._refusal(refused, http) from None
        if sent is None:
            return None
        if sent.next_nonce:
            _tell_nonce(request, sent.next_nonce)
        return sent.token.grant.user, sent.token

    def authenticate_header(self, request: Request) -> str:
        """RFC 6750 §3: the bare challenge, for requests that lack any authentication."""
        return challenges(request._request, self.realm)

    def addresses_of(self, http: HttpRequest) -> list[str]:
        """RFC 9449 §4.3 (9): the addresses by which a caller may have meant this request."""
        return [f"{each.rstrip('/')}{escape_uri_path(http.path)}" for each in self._bases()]

    def _place(self, http: HttpRequest) -> Place:
        resources = () if self.resource is None else (self.resource,)
        return Place(self.addresses_of(http), self.ciba_realms, resources)

    def _bases(self) -> Collection[str]:
        if self.public_addresses:
            return self.public_addresses
        mounts = filter(None, (ciba_settings.ISSUER, ciba_settings.MTLS_ENDPOINTS))
        return [urlsplit(mount)._replace(path="").geturl() for mount in mounts]

    def _refusal(self, refused: ProtocolError, http: HttpRequest) -> Refusal:
        logger.info(
            "token refused: %s",
            refused.log_detail or refused.description,
            extra={"event": "token_refused", "error": refused.error},
        )
        return Refusal(refused, http, self.realm)


def _nothing_in_the_form(request: Request) -> None:
    """RFC 6750 §2.2: a form-encoded body carries no token; other bodies are not read."""
    if (request.content_type or "").partition(";")[0].strip().lower() != FORM_TYPE:
        return
    if "access_token" in request._request.POST:
        raise InvalidRequest(ELSEWHERE)


def _tell_nonce(request: Request, nonce: str) -> None:
    """RFC 9449 §8.2, §9: the answer of the view, whatever it is, names the nonce to use next."""
    view = (request.parser_context or {}).get("view")
    if view is not None:
        view.headers["DPoP-Nonce"] = nonce
