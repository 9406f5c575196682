"""POST <realm>/access_token: the token endpoint (RFC 6749 §3.2)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import authenticated_client
from django_ciba.client_certificates import ClientCertificate
from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.grants import (
    HeldPoll,
    grant_for,
    hold_for,
    holder_of,
    the_client_is_still_enabled,
    tokens_of_held_poll,
)
from django_ciba.models import Client
from django_ciba.proof_of_possession import token_sender
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import AuthorizationPending, InvalidClient, ProtocolError
from django_ciba.protocol.parameters import Parameters
from django_ciba.wire import answered


class TokenEndpoint(WireEndpoint):
    statuses: ClassVar[Mapping[type[ProtocolError], int]] = {InvalidClient: 401}

    def post(self, request: Request, realm: str = "") -> HttpResponse:
        parameters = self.parameters(request)
        holder = holder_of(request._request)
        if holder is not None and holder.held is not None:
            return answered(self.tokens_at_last(holder.held, parameters))
        presented = self.presented(request, parameters)
        client = authenticated_client(presented)
        grant = grant_for(parameters, client)
        confirmation = self.confirmation(request._request, client, presented.certificate)
        try:
            return answered(grant.tokens(parameters, client, confirmation, self.now))
        except AuthorizationPending:
            hold_for(holder, client, parameters, confirmation, self.now)
            raise

    def confirmation(
        self, http: HttpRequest, client: Client, certificate: ClientCertificate | None
    ) -> Confirmation:
        """RFC 9449 §5, RFC 8705 §3: what the tokens will be bound to; the answer tells a nonce."""
        addresses = self.realm().endpoint_addresses("access_token")
        sender = token_sender(http, client, certificate, addresses, self.now)
        if sender.next_nonce:
            self.headers["DPoP-Nonce"] = sender.next_nonce
        return sender.confirmation

    def tokens_at_last(self, held: HeldPoll, parameters: Parameters) -> dict[str, Any]:
        """CIBA Core §7.3: the answer to a held poll, whose client was proved when it came."""
        client = the_client_is_still_enabled(held)
        grant_for(parameters, client)
        return tokens_of_held_poll(held, parameters, client, self.now)
