"""bc-authorize (CIBA Core §7): every rule, in the order they are applied."""

from datetime import datetime, timedelta
from typing import Any

from django_ciba import signals
from django_ciba.backchannel_authentication.authorization_details import authorization_details
from django_ciba.backchannel_authentication.binding_message import binding_message
from django_ciba.backchannel_authentication.client import the_client_may_use_ciba
from django_ciba.backchannel_authentication.client_notification_token import (
    client_notification_token,
)
from django_ciba.backchannel_authentication.dpop_jkt import dpop_jkt
from django_ciba.backchannel_authentication.hints import Hint, hinted_user, the_one_hint
from django_ciba.backchannel_authentication.journey import journey_for, the_client_can_finish
from django_ciba.backchannel_authentication.lifetime import requested_lifetime
from django_ciba.backchannel_authentication.request_object import (
    Requested,
    request_parameters,
    the_request_object_is_new,
)
from django_ciba.backchannel_authentication.requested_claims import (
    acr_values_of,
    requested_claims,
    the_essential_acr_is_met,
    user_of_the_subject,
)
from django_ciba.backchannel_authentication.resource import requested_resource
from django_ciba.backchannel_authentication.scope import requested_scope
from django_ciba.backchannel_authentication.second_step import (
    finished,
    is_second_step,
    valid_second_step,
)
from django_ciba.backchannel_authentication.start import (
    Started,
    ValidAuthenticationRequest,
    started,
)
from django_ciba.backchannel_authentication.ui_locales import ui_locales
from django_ciba.backchannel_authentication.unique_context import the_context_is_unique
from django_ciba.backchannel_authentication.user_code import user_of_the_code
from django_ciba.delivery import the_mode_of
from django_ciba.models import Client
from django_ciba.protocol.parameters import Parameters

__all__ = ["Started", "answer_to", "authentication_response", "valid_request"]


def answer_to(form: Parameters, client: Client, now: datetime) -> dict[str, Any]:
    """CIBA Core §7.2, §7.3: the answer to a valid request, which is begun, or finished by this.

    In: the form of a proved client. Raises the ProtocolError of the first rule that is broken.
    """
    the_client_may_use_ciba(client)
    requested = request_parameters(form, client, now)
    hint = the_one_hint(requested.parameters)
    if is_second_step(hint, client):
        step = finished(valid_second_step(requested, hint, client, now), now)
    else:
        step = started(valid_request(requested, hint, client, now), now)
        signals.announce(signals.request_created, step.authentication_request)
    return authentication_response(step, now)


def valid_request(
    requested: Requested, hint: Hint, client: Client, now: datetime
) -> ValidAuthenticationRequest:
    """CIBA Core §7.2: every rule once, in order. Raises the ProtocolError of the first broken one.

    Nothing is stored but what a rule must remember of a wrong user code and a used `jti`.
    """
    parameters = requested.parameters
    scope = requested_scope(parameters, client)
    claims = requested_claims(parameters, client)
    journey, acr = journey_for(parameters, client.realm, acr_values_of(claims))
    the_client_can_finish(journey, client)
    the_essential_acr_is_met(claims, acr)
    the_context_is_unique(parameters, client)
    details = authorization_details(parameters, client)
    resource = requested_resource(parameters, client.realm)
    message = binding_message(parameters, client.realm)
    lifetime = requested_lifetime(parameters, client.realm)
    notification_token = client_notification_token(parameters, client)
    jkt = dpop_jkt(parameters)
    locales = ui_locales(parameters)
    user = hinted_user(hint, client, now)
    user = user_of_the_subject(claims, client, user)
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
        dpop_jkt=jkt,
        client_notification_token=notification_token,
        requested_claims=claims,
        authorization_details=details,
        resource=resource,
    )


def authentication_response(begun: Started, now: datetime) -> dict[str, Any]:
    """CIBA Core §7.3: the members of a successful answer; `interval` for who may poll.

    And ours, with a prefix as RFC 6749 §8.2 asks: the number for the client to show.
    """
    row = begun.authentication_request
    members: dict[str, Any] = {
        "auth_req_id": begun.auth_req_id,
        "expires_in": int((row.expires_at - now).total_seconds()),
    }
    if the_mode_of(row.client).may_poll:
        members["interval"] = row.polling_interval
    if row.number:
        members["django_ciba_number"] = row.number
    return members
