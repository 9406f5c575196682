"""A poll that is held until the user has answered (CIBA Core §7.3), as the token endpoint sees it.

Whoever can hold polls (`long_polling`) puts a `PollHolder` on the HTTP request, where no caller
can reach. The endpoint is then asked twice: first as always, and again when the user has answered.
Between the two stands a `HeldPoll`, which the first asking leaves: an assertion's jti is consumed
and a DPoP proof is used by then, so the second asking proves nobody again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.http import HttpRequest

from django_ciba.models import Client, configuration, secrets
from django_ciba.models.authentication_request import microseconds
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import InvalidClient, TemporarilyUnavailable
from django_ciba.protocol.parameters import Parameters

_HOLDER = "_django_ciba_poll_holder"


@dataclass(frozen=True, slots=True)
class HeldPoll:
    """A poll of a proved client that was told authorization_pending.

    `polled_us` is the time of the poll as its request keeps it: a later poll has moved it on.
    """

    digest: str  # of its auth_req_id
    client_pk: int
    polled_us: int
    confirmation: Confirmation


class PollHolder(Protocol):
    """Whoever asks the endpoint and can hold its answer back."""

    @property
    def held(self) -> HeldPoll | None:
        """The poll that is asked about again; None when this is the first asking."""

    def hold(self, poll: HeldPoll) -> bool:
        """Have the answer held back; False when no more can be held."""


def offer(http: HttpRequest, holder: PollHolder) -> None:
    """Say that `holder` asks with this request."""
    setattr(http, _HOLDER, holder)


def holder_of(http: HttpRequest) -> PollHolder | None:
    """Who asks with this request, if they can hold its answer back."""
    return getattr(http, _HOLDER, None)


def hold_for(
    holder: PollHolder | None,
    client: Client,
    parameters: Parameters,
    confirmation: Confirmation,
    now: datetime,
) -> None:
    """CIBA Core §7.3: have the poll that is pending held, for a client that is registered for it.

    Raises TemporarilyUnavailable when there is no room; the client may ask again after the
    interval, since this poll has been counted. A client of two steps is answered at once: what it
    waits for first is a passcode that goes out, and that is no change of the request.
    """
    if holder is None or not client.backchannel_long_polling or client.two_step_user_code:
        return
    digest = secrets.digest(parameters.needed("auth_req_id"))
    if not holder.hold(HeldPoll(digest, client.pk, microseconds(now), confirmation)):
        raise TemporarilyUnavailable(
            "too many polls are being held: ask again later",
            retry_after=max(TemporarilyUnavailable.RETRY_AFTER, client.realm.conf.POLLING_INTERVAL),
        )


def the_client_is_still_enabled(held: HeldPoll) -> Client:
    """Design §5: the client that proved itself when the poll came, unless it was disabled since."""
    client = configuration().client_by_pk(held.client_pk)
    if client is None:
        raise InvalidClient(
            "client authentication failed", log_detail="disabled while its poll was held"
        )
    return client
