"""What the provider's endpoints share beyond every view on the wire: they belong to a realm."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import Presented
from django_ciba.client_certificates import presented_certificate
from django_ciba.models import Realm, configuration
from django_ciba.models.realm import ROOT_PATH
from django_ciba.protocol.errors import InvalidClient, InvalidToken, ProtocolError
from django_ciba.protocol.parameters import Parameters, form_parameters
from django_ciba.wire import WireView, body, json_response, refusal


class NoSuchRealm(ProtocolError):
    """The path names no realm: 404, said as JSON."""

    error = "invalid_request"
    source = "protocol §1"
    meaning = "The path names no realm."


class NoToken(InvalidToken):
    """The request carries no token where one is needed."""


class WireEndpoint(WireView):
    """Base of the endpoints. A subclass writes `post` or `get` and states its statuses."""

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

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if isinstance(exc, NoSuchRealm):
            return refusal(self.request._request, exc, 404)
        return super().handle_exception(exc)

    def refused(self, http: HttpRequest, exc: ProtocolError) -> HttpResponse:
        """RFC 6749 §5.2: who tried to authenticate by a header reads how to."""
        answer = super().refused(http, exc)
        if isinstance(exc, InvalidClient) and "HTTP_AUTHORIZATION" in http.META:
            answer["WWW-Authenticate"] = 'Basic realm="OAuth", charset="UTF-8"'
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


def in_challenge(error: ProtocolError) -> dict[str, str]:
    """RFC 6750 §3, §3.1: what WWW-Authenticate says of a refusal; nothing where no token came."""
    return {} if isinstance(error, NoToken) else error.members()


def jwt_answer(token: str, media_type: str) -> HttpResponse:
    """OpenID Connect Core §5.3.2, RFC 9701 §5: an answer that is a JWT; no cache keeps it."""
    answer = json_response(token.encode())
    answer["Content-Type"] = media_type
    return answer
