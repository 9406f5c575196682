"""The end of the first of two steps: polling gives the middle token (protocol §6, TBC Bank)."""

from datetime import datetime
from typing import Any, Final

from django_ciba.delivery.endings import LOCKED
from django_ciba.hooks import hooks
from django_ciba.journeys import passcode_has_gone_out
from django_ciba.models import AuthenticationRequest, Client
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import AccessDenied, InvalidGrant
from django_ciba.tokens import middle_token_response

SPENT: Final = "auth_req_id has given its middle token: send that, and the passcode as user_code"


def middle_token_once(
    auth_req_id: str, client: Client, confirmation: Confirmation, now: datetime
) -> dict[str, Any] | None:
    """Protocol §6: the middle token, once, when the passcode has gone out; None: poll as always.

    A client that does not take two steps costs no statement here. Of polls at the same moment one
    gets it: it is made before the first step is ended, and let out only if ending it took.
    Errors: InvalidGrant once it has been given; AccessDenied for an account that is locked.
    """
    if not client.two_step_user_code:
        return None
    found = AuthenticationRequest.objects.named(auth_req_id, client)
    if found is None or found.dpop_jkt not in ("", confirmation.jkt):
        return None
    if found.awaits_second_step:
        raise InvalidGrant(SPENT)
    until = found.answerable_until
    # The passcode that has been entered is behind it, however long its journey goes on.
    pending = found.status == AuthenticationRequest.Status.PENDING and not found.answer
    if not pending or until <= now or not passcode_has_gone_out(found):
        return None
    if found.user is None or not hooks().may_sign_in(found.user):
        raise AccessDenied(LOCKED)
    response = middle_token_response(found, client, until, now)
    if not AuthenticationRequest.objects.end_first_step(found, now):
        raise InvalidGrant(SPENT)
    return response
