"""What every endpoint on the wire shares: our own reading, our own answers.

Shut against the host's REST_FRAMEWORK settings: no host authentication, throttles, parsers,
renderers, versioning or exception handler has a say here (design §4).
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.core.signals import got_request_exception
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from django_ciba.client_authentication import Presented
from django_ciba.client_certificates import presented_certificate
from django_ciba.conf import ciba_settings
from django_ciba.models import Realm, configuration
from django_ciba.models.realm import ROOT_PATH
from django_ciba.proof_of_possession import new_nonce
from django_ciba.protocol.errors import (
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    ProtocolError,
    ServerError,
    SlowDown,
    TemporarilyUnavailable,
    UseDpopNonce,
)
from django_ciba.protocol.parameters import Parameters, form_parameters

logger = logging.getLogger("django_ciba.endpoints")

PROBLEM_JSON = "application/problem+json"


class NoSuchRealm(ProtocolError):
    """The path names no realm: 404, said as JSON."""

    error = "invalid_request"
    source = "protocol §1"
    meaning = "The path names no realm."


class NoToken(InvalidToken):
    """The request carries no token where one is needed."""


class WireEndpoint(APIView):
    """Base of the endpoints. A subclass writes `post` or `get` and states its statuses."""

    authentication_classes = ()
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

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nothing to negotiate: every answer is JSON. Where there is no realm, nothing is."""
        self.realm()

    def realm(self) -> Realm:
        """The realm that the path names. Raises NoSuchRealm."""
        found = configuration().realm(realm_path(self.kwargs.get("realm") or ""))
        if found is None:
            raise NoSuchRealm("there is no such realm")
        return found

    def parameters(self, request: Request) -> Parameters:
        """The form-encoded parameters of the body. Raises InvalidRequest."""
        http = request._request
        return form_parameters(body(http), http.META.get("CONTENT_TYPE", ""))

    def presented(self, request: Request, parameters: Parameters) -> Presented:
        """What the caller presents to prove which client it is.

        Raises InvalidRequest, InvalidClient for a certificate that is not to be believed.
        """
        meta = request._request.META
        certificate = presented_certificate(meta, self.now)
        authorization = meta.get("HTTP_AUTHORIZATION", "")
        return Presented(self.realm(), parameters, authorization, self.now, certificate)

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
        if isinstance(exc, NoSuchRealm):
            return refusal(http, exc, 404)
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
        if isinstance(exc, InvalidClient) and "HTTP_AUTHORIZATION" in http.META:
            answer["WWW-Authenticate"] = 'Basic realm="OAuth", charset="UTF-8"'
        if isinstance(exc, SlowDown):
            answer["Retry-After"] = str(exc.retry_after)
        if isinstance(exc, UseDpopNonce):
            answer["DPoP-Nonce"] = new_nonce(self.now)
        return answer


def realm_path(prefix: str) -> str:
    """The realm's path that an address names: "realms/root/realms/alpha/" is "/alpha".

    "" for an address of another form, which is the path of no realm.
    """
    if not prefix:
        return ROOT_PATH
    segments = prefix.removesuffix("/").split("/")
    names = segments[1::2]
    if set(segments[::2]) != {"realms"} or names[:1] != ["root"] or len(segments) % 2:
        return ""
    return ROOT_PATH + "/".join(names[1:])


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


def in_challenge(error: ProtocolError) -> dict[str, str]:
    """RFC 6750 §3, §3.1: what WWW-Authenticate says of a refusal; nothing where no token came."""
    return {} if isinstance(error, NoToken) else error.members()


def jwt_answer(token: str, media_type: str) -> HttpResponse:
    """OpenID Connect Core §5.3.2, RFC 9701 §5: an answer that is a JWT; no cache keeps it."""
    answer = json_response(token.encode())
    answer["Content-Type"] = media_type
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
