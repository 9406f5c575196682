"""bc-authorize (CIBA Core §7): every rule, in the order they are applied."""

from datetime import datetime, timedelta
from typing import Any

from django_ciba import signals
from django_ciba.backchannel_authentication.binding_message import binding_message
from django_ciba.backchannel_authentication.client import the_client_may_use_ciba
from django_ciba.backchannel_authentication.hints import hinted_user, the_one_hint
from django_ciba.backchannel_authentication.journey import journey_for
from django_ciba.backchannel_authentication.lifetime import requested_lifetime
from django_ciba.backchannel_authentication.request_object import (
    request_parameters,
    the_request_object_is_new,
)
from django_ciba.backchannel_authentication.scope import requested_scope
from django_ciba.backchannel_authentication.start import (
    Started,
    ValidAuthenticationRequest,
    started,
)
from django_ciba.backchannel_authentication.ui_locales import ui_locales
from django_ciba.backchannel_authentication.unique_context import the_context_is_unique
from django_ciba.backchannel_authentication.user_code import user_of_the_code
from django_ciba.models import Client
from django_ciba.protocol.parameters import Parameters

__all__ = ["Started", "authentication_response", "start_authentication", "valid_request"]


def valid_request(form: Parameters, client: Client, now: datetime) -> ValidAuthenticationRequest:
    """CIBA Core §7.2: every rule once, in order. Raises the ProtocolError of the first broken one.

    Nothing is stored but what a rule must remember of a wrong user code and a used `jti`.
    """
    the_client_may_use_ciba(client)
    requested = request_parameters(form, client, now)
    parameters = requested.parameters
    hint = the_one_hint(parameters)
    scope = requested_scope(parameters, client)
    journey, acr = journey_for(parameters, client.realm)
    the_context_is_unique(parameters, client)
    message = binding_message(parameters, client.realm)
    lifetime = requested_lifetime(parameters, client.realm)
    locales = ui_locales(parameters)
    user = hinted_user(hint, client, now)
    user = user_of_the_code(parameters, client, user, now)
    the_request_object_is_new(requested, client)
    return ValidAuthenticationRequest(
        client=client,
        user=user,
        scope=scope,
        journey=journey,
        acr=acr,
        binding_message=message,
        expires_at=now + timedelta(seconds=lifetime),
        ui_locales=locales,
    )


def start_authentication(form: Parameters, client: Client, now: datetime) -> dict[str, Any]:
    """CIBA Core §7.3: take a valid request, put it before the user, answer the client."""
    begun = started(valid_request(form, client, now), now)
    signals.announce(signals.request_created, begun.authentication_request)
    return authentication_response(begun)


def authentication_response(begun: Started) -> dict[str, Any]:
    """CIBA Core §7.3: the members of a successful answer."""
    row = begun.authentication_request
    return {
        "auth_req_id": begun.auth_req_id,
        "expires_in": int((row.expires_at - row.created_at).total_seconds()),
        "interval": row.polling_interval,
    }
