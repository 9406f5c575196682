"""What a token must carry for a view. Without our token, nothing is allowed.

Both raise instead of returning False, since only so the answer can carry its challenge. Composed
with others, put them last: `IsAdminUser | TokenHasScope`.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from django_ciba.models import Token, configuration
from django_ciba.protocol.errors import InsufficientScope, InsufficientUserAuthentication

from .authentication import CibaTokenAuthentication
from .challenges import DEFAULT_REALM, Refusal, TokenNeeded

WORD: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §3.3, scope-token


class TokenHasScope(BasePermission):
    """RFC 6750 §3.1: the token has every scope in the view's `required_scopes`.

    As at UserInfo and introspection, one that an operator has taken from the client is gone.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """True; else raises TokenNeeded (401) or Refusal (403 insufficient_scope).

        Raises ImproperlyConfigured for a view that does not say what it requires.
        """
        required = _words_of(view, "required_scopes")
        token = _token(request)
        if not set(required) <= set(_scope_now(token).split()):
            raise Refusal(
                InsufficientScope("the access token lacks a scope that this needs"),
                request._request,
                _realm(request),
                scope=" ".join(required),
            )
        return True


class TokenHasAcr(BasePermission):
    """RFC 9470 §3: the user authenticated by one of the view's `required_acr`, best first."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """True; else raises TokenNeeded, or Refusal (401 insufficient_user_authentication).

        Raises ImproperlyConfigured for a view that does not say what it requires.
        """
        required = _words_of(view, "required_acr")
        token = _token(request)
        if token.grant.acr not in required:
            raise Refusal(
                InsufficientUserAuthentication(
                    "the user must authenticate in another way: "
                    "start a new authentication request with these acr_values"
                ),
                request._request,
                _realm(request),
                acr_values=" ".join(required),
            )
        return True


def _token(request: Request) -> Token:
    """Our token; a user whom another authenticator let in has none, and so no scope and no acr."""
    if isinstance(request.auth, Token):
        return request.auth
    raise TokenNeeded(request._request, _realm(request))


def _scope_now(token: Token) -> str:
    client = configuration().client_by_pk(token.grant.client_id)
    return "" if client is None else client.still_allowed(token.scope)


def _realm(request: Request) -> str:
    for authenticator in request.authenticators or ():
        if isinstance(authenticator, CibaTokenAuthentication):
            return authenticator.realm
    return DEFAULT_REALM


def _words_of(view: APIView, name: str) -> list[str]:
    """The view's attribute: words in a list, or in a string with spaces between them."""
    value: Any = getattr(view, name, None)
    words = value.split() if isinstance(value, str) else value
    if isinstance(words, Iterable):
        listed = list(words)
        if listed and all(isinstance(each, str) and WORD.fullmatch(each) for each in listed):
            return listed
    raise ImproperlyConfigured(
        f"{type(view).__name__}.{name} must list one or more words, not {value!r}; "
        "a view that requires none of them does without this permission class"
    )
