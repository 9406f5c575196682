"""Puts a valid request before the user: row, journey and prompts stand or fall together."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, cast

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.backchannel_authentication.requested_claims import RequestedClaims
from django_ciba.journeys import new_number, shows_a_number, walk
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Client,
    JourneyVersion,
    PromptLimits,
    secrets,
)
from django_ciba.outbox import wake_up
from django_ciba.outbox.wake_up import DELIVER
from django_ciba.protocol.errors import AccessDenied

# One text for every limit, so that nobody learns who else asks this user, or what they answered.
ENOUGH: Final = "this user is not to be asked now; ask again later"


@dataclass(frozen=True, slots=True)
class ValidAuthenticationRequest:
    """A request that has passed every rule."""

    client: Client
    user: AbstractBaseUser | None
    scope: str
    journey: JourneyVersion
    acr: str
    binding_message: str
    expires_at: datetime
    ui_locales: str
    dpop_jkt: str = ""
    requested_claims: RequestedClaims = field(default_factory=dict)
    authorization_details: list[dict[str, Any]] = field(default_factory=list)
    resource: list[str] = field(default_factory=list)
    client_notification_token: str = field(default="", repr=False)  # of ping and push


@dataclass(frozen=True, slots=True)
class Started:
    """The stored request and the only copy of its auth_req_id."""

    authentication_request: AuthenticationRequest
    auth_req_id: str = field(repr=False)


def started(valid: ValidAuthenticationRequest, now: datetime) -> Started:
    """CIBA Core §7.3: store the request, walked to where its journey first waits.

    Raises AccessDenied, with nothing stored, when the journey ends at once, and when its user has
    been asked enough. A client that must not learn who exists gets a request for nobody instead.
    """
    auth_req_id = secrets.new_secret()
    row, deliveries = _row(valid, auth_req_id, now), []
    if valid.user is not None:  # nobody is asked for a hint that named nobody; it runs out
        progress = walk(row, valid.journey.document, now)
        if progress.status != AuthenticationRequest.Status.PENDING:
            raise AccessDenied("the user cannot be asked now")
        deliveries = progress.deliveries
    limits = PromptLimits.of(valid.client.realm.conf)
    if reached := AuthenticationRequest.objects.add(row, deliveries, limits):
        AuditEvent.objects.note_limit(reached, limits, now, of=row)
        if not valid.client.hide_unknown_users:
            raise AccessDenied(ENOUGH)
        return started(replace(valid, user=None), now)
    wake_up(DELIVER, *(each.pk for each in deliveries))
    return Started(row, auth_req_id)


def likeness(valid: ValidAuthenticationRequest) -> str:
    """Design §8: a digest of what the user is shown; who asks twice for one thing asks once."""
    shown = (
        valid.client.pk,
        sorted(set(valid.scope.split())),
        valid.binding_message,
        valid.authorization_details,
        valid.requested_claims,
        valid.acr,
    )
    return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _row(
    valid: ValidAuthenticationRequest, auth_req_id: str, now: datetime
) -> AuthenticationRequest:
    row = AuthenticationRequest(
        auth_req_id_digest=secrets.digest(auth_req_id),
        client=valid.client,
        user=cast(Any, valid.user),  # the site's user model, which no type of ours can name
        created_at=now,
        expires_at=valid.expires_at,
        scope=valid.scope,
        binding_message=valid.binding_message,
        acr=valid.acr,
        ui_locales=valid.ui_locales,
        dpop_jkt=valid.dpop_jkt,
        requested_claims=valid.requested_claims,
        authorization_details=valid.authorization_details,
        resource=valid.resource,
        polling_interval=valid.client.realm.conf.POLLING_INTERVAL,
        journey_version=valid.journey,
        due_at=valid.expires_at,
        likeness=likeness(valid),
    )
    if shows_a_number(valid.journey.document):  # also for nobody, who must not be told apart
        row.number = new_number()
    if valid.client_notification_token:  # kept, encrypted, until the client has been called
        row.auth_req_id_encrypted = auth_req_id
        row.client_notification_token = valid.client_notification_token
    return row
