"""What every view on the wire shares: our own reading, our own answers.

Shut against the host's REST_FRAMEWORK settings: no host authentication, throttles, parsers,
renderers, versioning or exception handler has a say here (design §4).
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from django.core.signals import got_request_exception
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.views import APIView

from django_ciba.conf import ciba_settings
from django_ciba.jose import Malformed, parse_json
from django_ciba.proof_of_possession import new_nonce
from django_ciba.protocol.errors import (
    InvalidRequest,
    ProtocolError,
    ServerError,
    SlowDown,
    TemporarilyUnavailable,
    UseDpopNonce,
)

logger = logging.getLogger("django_ciba.endpoints")

JSON_TYPE: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"


class WireView(APIView):
    """A view that says itself who may come and how a refusal looks; all its answers are JSON."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    renderer_classes = ()
    content_negotiation_class = DefaultContentNegotiation
    versioning_class = None
    schema = None
    # DRF would describe the view by the host's settings.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]
    # The status of each error that is not 400 here.
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {}

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """No ATOMIC_REQUESTS: what a refusal must remember (a used jti) is not rolled back."""
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    @property
    def now(self) -> datetime:
        """One clock a request: every rule of it sees the same time."""
        if not hasattr(self, "_now"):
            self._now = timezone.now()
        return self._now

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """Every refusal as OAuth JSON; what nobody foresaw as server_error, logged."""
        http = self.request._request
        if isinstance(exc, MethodNotAllowed):
            answer = refusal(http, InvalidRequest("this endpoint does not take that method"), 405)
            answer["Allow"] = ", ".join(self.allowed_methods)
            return answer
        if isinstance(exc, ServerError):
            logger.error("server_error: %s", exc.log_detail or exc.description)
            return refusal(http, exc, 500)
        if isinstance(exc, OperationalError):
            logger.error("the database does not answer", exc_info=exc)
            exc = TemporarilyUnavailable("the provider cannot answer just now; try again")
        if isinstance(exc, TemporarilyUnavailable):
            answer = refusal(http, exc, 503)
            answer["Retry-After"] = str(exc.retry_after)
            return answer
        if isinstance(exc, ProtocolError):
            return self.refused(http, exc)
        logger.error("unexpected error at %s", type(self).__name__, exc_info=exc)
        got_request_exception.send(sender=type(self), request=http)
        return refusal(http, ServerError("the provider failed; nothing was changed"), 500)

    def refused(self, http: HttpRequest, exc: ProtocolError) -> HttpResponse:
        """RFC 6749 §5.2: the error as this endpoint's answer."""
        status = self.statuses.get(type(exc), 400)
        if exc.log_detail:
            logger.info("%s: %s", exc.error, exc.log_detail)
        answer = refusal(http, exc, status)
        if isinstance(exc, SlowDown):
            answer["Retry-After"] = str(exc.retry_after)
        if isinstance(exc, UseDpopNonce):
            answer["DPoP-Nonce"] = new_nonce(self.now)
        return answer


def body(http: HttpRequest) -> bytes:
    """The request's body, at most MAX_BODY_BYTES of it. Raises InvalidRequest for a longer one."""
    most = ciba_settings.MAX_BODY_BYTES
    too_long = InvalidRequest(f"the body is longer than {most} bytes")
    try:
        announced = int(http.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > most:
        raise too_long
    # Middleware of the host may have read the body before us.
    try:
        content = http.body if hasattr(http, "_body") else http.read(most + 1)
    except UnreadablePostError:
        raise InvalidRequest("the body broke off: send it again") from None
    if len(content) > most:
        raise too_long
    return content


def json_object(http: HttpRequest) -> dict[str, Any]:
    """RFC 8259: the JSON object that is the body, read strictly. Raises InvalidRequest."""
    media_type = http.META.get("CONTENT_TYPE", "").partition(";")[0]
    if media_type.strip().lower() != JSON_TYPE:
        raise InvalidRequest(f"send a body of the type {JSON_TYPE}")
    try:
        found = parse_json(body(http))
    except Malformed as fault:
        raise InvalidRequest(f"the body is {fault.reason}") from None
    if not isinstance(found, dict):
        raise InvalidRequest("the body must be a JSON object")
    return found


def answered(members: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """RFC 6749 §5.1: JSON that no cache keeps."""
    return json_response(json.dumps(members, ensure_ascii=False).encode(), status)


def refusal(http: HttpRequest, error: ProtocolError, status: int) -> HttpResponse:
    """RFC 6749 §5.2; with RFC 9457's members beside them for a caller that asks for those."""
    members: dict[str, Any] = dict(error.members())
    if PROBLEM_JSON not in http.META.get("HTTP_ACCEPT", "").lower():
        return answered(members, status)
    problem = {"type": "about:blank", "title": error.error, "status": status}
    answer = answered({**problem, "detail": error.description, **members}, status)
    answer["Content-Type"] = PROBLEM_JSON
    return answer


def json_response(content: bytes, status: int = 200) -> HttpResponse:
    """An answer on the wire, with the headers that all of them carry."""
    answer = HttpResponse(content, status=status, content_type="application/json")
    answer["Cache-Control"] = "no-store"
    answer["Pragma"] = "no-cache"
    answer["X-Content-Type-Options"] = "nosniff"
    # Django would write a warning for each 4xx, and every poll of a pending request is one.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def no_content() -> HttpResponse:
    """RFC 9110 §15.3.5: done, and nothing to say."""
    answer = json_response(b"", 204)
    del answer["Content-Type"]
    return answer
