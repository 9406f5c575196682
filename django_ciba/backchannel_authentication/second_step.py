"""The second of two steps: the middle token and the passcode (protocol §6, TBC Bank).

The request that the first step began goes on under a new auth_req_id. Nothing else of it changes:
what is asked for was settled before the user was sent a passcode for it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django_ciba.backchannel_authentication.hints import Hint
from django_ciba.backchannel_authentication.request_object import (
    Requested,
    the_request_object_is_new,
)
from django_ciba.backchannel_authentication.start import Started
from django_ciba.hooks import hooks
from django_ciba.jose import JoseError
from django_ciba.journeys import PasscodeRefused, enter_passcode, passcode_methods
from django_ciba.models import AuthenticationRequest, Client, secrets
from django_ciba.protocol.errors import (
    AccessDenied,
    InvalidRequest,
    InvalidScope,
    InvalidUserCode,
    MissingUserCode,
    ProtocolError,
)
from django_ciba.protocol.names import AUTHENTICATION_REQUEST_PARAMETERS
from django_ciba.protocol.parameters import Parameters
from django_ciba.tokens import named_by_middle_token

# What the second step consists of, and what of the first may be repeated without harm.
ITS_OWN: Final = frozenset({"id_token_hint", "user_code", "scope", "ui_locales"})
OVER: Final = "id_token_hint: this middle token has been used, or its request is over: start again"
# What journeys say of a passcode, in the words of CIBA Core §13.
_REFUSALS: Final[dict[str, tuple[type[ProtocolError], str]]] = {
    "wrong": (InvalidUserCode, "user_code is not the passcode that this user was sent"),
    "expired": (InvalidRequest, "the passcode has expired: start again"),
    "over": (InvalidRequest, OVER),
    "not_sent": (InvalidRequest, OVER),
}


@dataclass(frozen=True, slots=True)
class ValidSecondStep:
    """A second step that has passed every rule but one: whether the passcode is right."""

    authentication_request: AuthenticationRequest
    passcode: str = field(repr=False)


def is_second_step(hint: Hint, client: Client) -> bool:
    """Protocol §6: a client of two steps names its user by login_hint, then by a middle token."""
    return client.two_step_user_code and hint.name == "id_token_hint"


def valid_second_step(
    requested: Requested, hint: Hint, client: Client, now: datetime
) -> ValidSecondStep:
    """Protocol §6: every rule once, in order. Raises the ProtocolError of the first broken one."""
    parameters = requested.parameters
    nothing_new_is_asked_for(parameters)
    found = request_of_the_middle_token(hint, client, now)
    the_scope_is_within(parameters, found)
    code = passcode(parameters)
    the_user_may_sign_in(found)
    the_request_object_is_new(requested, client)
    return ValidSecondStep(found, code)


def finished(valid: ValidSecondStep, now: datetime) -> Started:
    """Protocol §6: enter the passcode; the request goes on under the auth_req_id that is new.

    Of two that are right at the same moment one counts. Raises InvalidUserCode for a wrong
    passcode, which is counted, and InvalidRequest for a right one that comes too late.
    """
    found, auth_req_id = valid.authentication_request, secrets.new_secret()
    try:
        entered = enter_passcode(
            found,
            valid.passcode,
            now=now,
            amr=passcode_methods(found),
            renamed=secrets.digest(auth_req_id),
        )
    except PasscodeRefused as refused:
        error, description = _REFUSALS[refused.reason]
        raise error(description) from None
    return Started(entered, auth_req_id)


def nothing_new_is_asked_for(parameters: Parameters) -> None:
    """Protocol §6: the user has been sent a passcode for what the first step asked, and no more."""
    for name in sorted((AUTHENTICATION_REQUEST_PARAMETERS & set(parameters)) - ITS_OWN):
        raise InvalidRequest(f"{name} belongs to the first step: leave it out of the second")


def request_of_the_middle_token(hint: Hint, client: Client, now: datetime) -> AuthenticationRequest:
    """Protocol §6: the pending request of this client whose middle token this is; used once."""
    if not isinstance(hint.value, str):
        raise InvalidRequest("id_token_hint must be a signed jwt")
    try:
        public_id = named_by_middle_token(hint.value, client, now)
    except JoseError as error:
        raise InvalidRequest(
            "id_token_hint must be the middle token that the first step gave, since this client "
            f"takes two steps: {error.reason}"
        ) from None
    found = (
        AuthenticationRequest.objects.select_related("user")
        .filter(public_id=public_id, client_id=client.pk)
        .first()
    )
    pending = AuthenticationRequest.Status.PENDING
    if found is None or found.status != pending or found.is_expired(now):
        raise InvalidRequest(OVER)
    if not found.awaits_second_step:
        raise InvalidRequest(OVER)
    return found


def the_scope_is_within(parameters: Parameters, found: AuthenticationRequest) -> None:
    """Protocol §6: the scope may be repeated, whole or in part; it is the first step's that counts.

    The token response says which that is (RFC 6749 §5.1).
    """
    if not set((parameters.text("scope") or "").split()) <= found.scopes:
        raise InvalidScope("scope asks for more than the first step did")


def passcode(parameters: Parameters) -> str:
    """CIBA Core §13: the passcode, as user_code."""
    code = parameters.text("user_code")
    if code is None:
        raise MissingUserCode("send the passcode that the user was sent as user_code")
    return code


def the_user_may_sign_in(found: AuthenticationRequest) -> None:
    """Design §5: an account that was locked since the passcode went out does not finish."""
    if found.user is None or not hooks().may_sign_in(found.user):
        raise AccessDenied("the user's account cannot be used now")
