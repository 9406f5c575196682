"""A client takes its own authentication request back; no specification has this."""

from datetime import datetime

from django_ciba.journeys import cancel
from django_ciba.models import AuthenticationRequest, Client
from django_ciba.protocol.errors import InvalidGrant
from django_ciba.protocol.parameters import Parameters

# One text for unknown, another client's and ended: they must not be told apart.
NOTHING_TO_CANCEL = "auth_req_id is unknown, has ended, or was issued to another client"


def the_request_is_cancelled(parameters: Parameters, client: Client, now: datetime) -> None:
    """Our own: the request of that auth_req_id is cancelled, by this call or by one before it.

    In: `auth_req_id`, of a request of this client's that waits for its user. Of a cancellation and
    an answer at the same moment one counts. Whoever asks again, having lost our answer, is told the
    same as the first time.
    Errors: InvalidRequest without auth_req_id; InvalidGrant when the request has ended in another
    way, when it has expired, and when this client has none of that name.
    """
    auth_req_id = parameters.needed("auth_req_id")
    found = AuthenticationRequest.objects.named(auth_req_id, client)
    if found is None:
        raise InvalidGrant(NOTHING_TO_CANCEL)
    if cancel(found.pk, now, by_client=True):
        return
    found.refresh_from_db(fields=["status"])
    if found.status != AuthenticationRequest.Status.CANCELLED:
        raise InvalidGrant(NOTHING_TO_CANCEL)
