"""The site's own request cycle, run by a thread of ours: middleware, view and all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from django.core import signals
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import HttpResponseBase
from django.urls import Resolver404, get_resolver, resolve, set_script_prefix
from django.utils import timezone

from django_ciba.grants import HeldPoll, offer
from django_ciba.long_polling.waiting import HeldPolls
from django_ciba.models import AuthenticationRequest
from django_ciba.protocol.errors import InvalidRequest

Scope = Mapping[str, Any]

STATUS_OF_PENDING = 400  # CIBA Core §11


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site answered, as ASGI sends it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = field(repr=False)


# The one fault of an address that Django's request does not outlive.
_NOT_UTF_8: Final = Answer(
    400,
    [(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")],
    json.dumps(InvalidRequest("the address is not UTF-8").members()).encode(),
)


class _Asking:
    """One asking of the token endpoint (`grants.PollHolder`): `held` is None the first time."""

    def __init__(self, polls: HeldPolls, held: HeldPoll | None) -> None:
        self._polls = polls
        self.held = held
        self.to_hold: HeldPoll | None = None

    def hold(self, poll: HeldPoll) -> bool:
        """Take a place for the poll. A process that is ending holds none, and has room for all."""
        if self._polls.closed:
            return True
        if not self._polls.take_place():
            return False
        self.to_hold = poll
        return True


class Site(BaseHandler):
    """Django's handler, as its WSGI one: it runs in whichever thread calls it.

    Django's ASGI handler would run each request in a thread of its own, with a database connection
    of its own; a pool of ours has as many of both as it has threads.
    """

    def __init__(self, polls: HeldPolls) -> None:
        super().__init__()
        self._polls = polls
        self.load_middleware()
        _ = get_resolver().url_patterns  # read now, and not while the first caller waits

    def ask(
        self, scope: Scope, body: bytes, held: HeldPoll | None = None
    ) -> tuple[Answer, HeldPoll | None]:
        """What the site answers to that request, and the poll to hold it back for.

        A place has then been taken for the poll. All happens that belongs to a request in Django.
        """
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        try:
            request = ASGIRequest(scope, BytesIO(body))
        except UnicodeDecodeError:
            return _NOT_UTF_8, None
        asking, to_hold = _Asking(self._polls, held), None
        offer(request, asking)
        try:
            answer = self._answer(request)
            if answer.status == STATUS_OF_PENDING:
                to_hold = asking.to_hold
        finally:  # a middleware of the site's says something else, or breaks off
            if asking.to_hold is not None and to_hold is None:
                self._polls.give_back()
        return answer, to_hold

    def _answer(self, request: ASGIRequest) -> Answer:
        response = self.get_response(request)
        response._handler_class = type(self)  # type: ignore[attr-defined]
        try:
            return Answer(response.status_code, _headers(response), response.getvalue())
        finally:
            response.close()  # sends request_finished, which lets go of old connections

    def settled(self, digests: list[str]) -> list[str]:
        """Those that are not pending any more, asked by a thread that belongs to no request."""
        close_old_connections()
        try:
            return AuthenticationRequest.objects.settled(digests, timezone.now())
        finally:
            close_old_connections()

    def is_token_request(self, scope: Scope) -> bool:
        """RFC 6749 §3.2: whether this is a POST to the token endpoint of one of our realms."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        if not scope["path"].endswith("/access_token"):  # before any pattern is tried
            return False
        try:
            found = resolve(scope["path"].removeprefix(get_script_prefix(scope)))
        except Resolver404:
            return False
        return found.url_name == "access_token" and "django_ciba" in found.app_names


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    cookies = [each.output(header="").strip() for each in response.cookies.values()]
    return headers + [(b"Set-Cookie", each.encode("ascii")) for each in cookies]
