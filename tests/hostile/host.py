"""The classes that the hostile settings name."""

from collections.abc import Callable
from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def reads_everything(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.content_type != "multipart/form-data":
            assert request.body is not None
        assert request.POST is not None
        return get_response(request)

    return middleware


class NobodyComesIn(BaseAuthentication):
    def authenticate(self, request: Request) -> NoReturn:
        raise AuthenticationFailed


class NothingIsAcceptable(BaseContentNegotiation):
    def select_parser(self, request: Request, parsers: Any) -> NoReturn:
        raise NotAcceptable

    def select_renderer(self, request: Request, renderers: Any, *suffix: Any) -> NoReturn:
        raise NotAcceptable


def no_exception_is_handled(exc: Exception, context: Any) -> NoReturn:
    raise RuntimeError("the host's own exception handler")
