"""POST <realm>/register (RFC 7591 §3); GET, PUT, DELETE <realm>/register/<client_id> (RFC 7592 §2).

Off unless the realm's REGISTRATION says `token` or `open`; then both addresses are.
"""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db import router, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.client_registration import InvalidMetadata, validated
from django_ciba.client_registration.dynamic import (
    client_information,
    in_its_sector,
    self_registered,
    self_updated,
)
from django_ciba.endpoints.wire import NoToken, WireEndpoint, in_challenge
from django_ciba.journeys import cancel
from django_ciba.models import AuthenticationRequest, Client, Grant, InitialAccessToken, Realm
from django_ciba.protocol.challenge import challenge
from django_ciba.protocol.errors import (
    AccessDenied,
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidToken,
    ProtocolError,
    UnapprovedSoftwareStatement,
)
from django_ciba.protocol.problems import described
from django_ciba.wire import answered, json_object, no_content

logger = logging.getLogger("django_ciba.client_registration")

UNKNOWN_TOKEN: Final = (
    "the registration access token is not one of this client, or there is no such client"
)


class _Registration(WireEndpoint):
    """What both addresses share: who may come, how metadata is read, how a refusal looks."""

    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {
        AccessDenied: 403,
        InvalidToken: 401,
        NoToken: 401,
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises NoSuchRealm, and AccessDenied where clients may not register themselves."""
        if self.realm().conf.REGISTRATION == "off":
            raise AccessDenied("clients cannot register themselves here: ask the operator")

    def bearer_token(self, http: HttpRequest) -> str:
        """RFC 6750 §2.1: the token from the Authorization header, and from nowhere else."""
        scheme, _, value = http.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise NoToken("send the token as Authorization: Bearer")
        return str(value.strip())

    def metadata(self, http: HttpRequest) -> dict[str, Any]:
        """RFC 7591 §3.1: a JSON object, read strictly. Software statements are not taken.

        Raises InvalidRequest, UnapprovedSoftwareStatement.
        """
        found = json_object(http)
        if found.get("software_statement") is not None:
            raise UnapprovedSoftwareStatement(
                "software_statement: none is approved here; send its claims as plain members"
            )
        return found

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        if isinstance(exc, InvalidMetadata):
            exc = _refusal_of(exc)
        return super().handle_exception(exc)

    def refused(self, http: HttpRequest, exc: ProtocolError) -> HttpResponse:
        """RFC 6750 §3: the error also stands in the challenge, unless no token was sent."""
        answer = super().refused(http, exc)
        if isinstance(exc, InvalidToken):
            answer["WWW-Authenticate"] = challenge("register", **in_challenge(exc))
        return answer


class ClientRegistrationEndpoint(_Registration):
    def post(self, request: Request, realm: str = "") -> HttpResponse:
        of_realm, http = self.realm(), request._request
        initial = self.initial_access_token(http, of_realm)
        client, secret = self_registered(self.metadata(http), of_realm)
        in_its_sector(client)
        registration_token = client.new_registration_token()
        tokens = InitialAccessToken.objects
        # A refusal costs no use of the token, and one use gives one client.
        with transaction.atomic(using=router.db_for_write(Client)):
            if initial is not None and not tokens.spend(initial, of_realm, self.now):
                raise _unknown_initial_access_token()
            client.save(force_insert=True)
        logger.info("client %s registered itself in realm %s", client.client_id, of_realm.path)
        return answered(client_information(client, registration_token, secret), 201)

    def initial_access_token(self, http: HttpRequest, of_realm: Realm) -> str | None:
        """RFC 7591 §3: a live one, where the realm asks for it; it is spent later. Else None.

        Looked at before anything else, so that strangers learn nothing about metadata.
        Raises InvalidToken.
        """
        if of_realm.conf.REGISTRATION == "open":
            return None
        value = self.bearer_token(http)
        if not InitialAccessToken.objects.live(value, of_realm, self.now).exists():
            raise _unknown_initial_access_token()
        return value


class ClientConfigurationEndpoint(_Registration):
    """RFC 7592: every request carries the registration access token, which stays the same."""

    def get(self, request: Request, realm: str = "", client_id: str = "") -> HttpResponse:
        token = self.bearer_token(request._request)
        return answered(client_information(self.managed(token), token, None))

    def put(self, request: Request, realm: str = "", client_id: str = "") -> HttpResponse:
        http = request._request
        token = self.bearer_token(http)
        client = self.managed(token)
        asked = self.metadata(http)
        self_updated(asked, client)
        in_its_sector(client)
        with transaction.atomic(using=router.db_for_write(Client)):
            client = self.managed(token, lock=True)
            secret = self_updated(asked, client)
            client.save()
        logger.info("client %s changed its registration", client.client_id)
        return answered(client_information(client, token, secret))

    def delete(self, request: Request, realm: str = "", client_id: str = "") -> HttpResponse:
        """RFC 7592 §2.3: the client, what it has asked for, and what it was granted end."""
        token = self.bearer_token(request._request)
        client = self.managed(token)
        with transaction.atomic(using=router.db_for_write(Client)):
            if not Client.objects.end(client.pk, token, self.now):
                raise InvalidToken(UNKNOWN_TOKEN)
            Grant.objects.filter(client=client).revoke(self.now)
            pending = AuthenticationRequest.objects.filter(
                client=client,
                status=AuthenticationRequest.Status.PENDING,
                expires_at__gt=self.now,
            )
            for pk in pending.values_list("pk", flat=True):
                cancel(pk, self.now, by_client=True)
        logger.info("client %s ended its registration", client.client_id)
        return no_content()

    def managed(self, token: str, *, lock: bool = False) -> Client:
        """RFC 7592 §2: the client of the path, which must be the token's.

        Read from its row and not from memory, which may be a second old. `lock`: nobody else
        changes the row until the end of the transaction.
        Raises InvalidToken, the same for every cause.
        """
        of_realm = self.realm()
        rows = Client.objects.select_for_update() if lock else Client.objects.all()
        client_id = self.kwargs["client_id"]
        found = None
        if not any(validated(Client, "client_id", client_id)):
            found = rows.filter(realm_id=of_realm.pk, client_id=client_id, enabled=True).first()
        if found is None or not found.has_registration_token(token):
            raise InvalidToken(UNKNOWN_TOKEN)
        found.realm = of_realm
        return found


def _unknown_initial_access_token() -> InvalidToken:
    return InvalidToken("the initial access token is expired, used up or unknown")


def _refusal_of(fault: InvalidMetadata) -> ProtocolError:
    """RFC 7591 §3.2.2: redirect URIs have a code of their own."""
    of_redirects = all(each.path.startswith("redirect_uris") for each in fault.problems)
    error = InvalidRedirectUri if of_redirects else InvalidClientMetadata
    return error(described(fault.problems))
