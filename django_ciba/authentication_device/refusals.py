"""Answers that are refused: by which status, and written down.

Whoever looks into an attack must see what was tried.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from django.utils.decorators import decorator_from_middleware

from django_ciba.models import AuditEvent, AuthenticationRequest

# RFC 9110 §15.5: an answer that contradicts the one on record, or is for a question that has been
# replaced, is a conflict; one to a request that has run out, or was ended by others, comes to
# something that is gone; one that lacks what it must come with, or has it wrong, is understood and
# not processed (422); where the user must do something elsewhere first, it is forbidden (403); and
# a form without a verdict is no answer (400).
REFUSALS: Final = {
    "answered": 409,
    "ended": 410,
    "expired": 410,
    "login_too_old": 403,
    "needs_link": 403,
    "needs_number": 422,
    "needs_passcode": 422,
    "needs_passkey": 422,
    "needs_second_factor": 403,
    "no_verdict": 400,
    "not_prompted": 404,
    "passkey_refused": 422,
    "prompted_again": 409,
    "stale_challenge": 409,
    "user_locked": 403,
    "wrong_link": 403,
    "wrong_number": 422,
    "wrong_passcode": 422,
}

# Of one request and for one reason: a hundred more would say nothing new, and fill the table. Two
# at once may both be the last; one row more does no harm.
MOST_RECORDED: Final = 5

# Fetch Metadata: where a page is shown that another page has taken in.
FRAMES: Final = frozenset({"embed", "fencedframe", "frame", "iframe", "object"})

# Why `answer`, or a passkey's ceremony, did not take an answer that an honest page would not have
# sent. A late one, and one from an old login, are nobody's attack; wrong numbers and passcodes are
# written down where they are counted.
TELLING: Final = frozenset(
    {
        "answered",
        "ended",
        "needs_link",
        "needs_number",
        "needs_passcode",
        "needs_passkey",
        "not_prompted",
        "passkey_refused",
        "prompted_again",
        "stale_challenge",
        "user_locked",
    }
)


def note_refusal(
    request: HttpRequest, found: AuthenticationRequest, reason: str, now: datetime
) -> None:
    """Write down that an answer to that request was refused, and who tried."""
    tried = request.user.pk if request.user.is_authenticated else None
    detail: dict[str, Any] = {} if tried else {"anonymous": True}
    note_refusal_of(tried, found, reason, now, **detail)


def note_refusal_of(
    tried: Any, found: AuthenticationRequest, reason: str, now: datetime, **detail: Any
) -> None:
    """The same, of the user with that primary key, or of somebody unknown."""
    noted = AuditEvent.objects.filter(
        public_id=found.public_id,
        event=AuditEvent.Event.ANSWER_REFUSED,
        detail__reason=reason,
    )
    if noted.count() >= MOST_RECORDED:
        return
    AuditEvent.objects.note(
        AuditEvent.Event.ANSWER_REFUSED, now, of=found, user_id=tried, reason=reason, **detail
    )


def note_stranger(tried: Any, public_id: UUID, now: datetime, **detail: Any) -> None:
    """Write down that the user with that primary key answers what another was asked, if it is so.

    They hear that there is no such request, and have its name from somewhere.
    """
    others = AuthenticationRequest.objects.exclude(user_id=tried)
    found = others.filter(public_id=public_id).first()
    if found is not None:
        note_refusal_of(tried, found, "another_user", now, **detail)


def note_refusal_at(request: HttpRequest, named: Mapping[str, Any], reason: str) -> None:
    """The same, for the request that the address names, whosever it is, if there is one."""
    if "public_id" not in named:
        return
    found = AuthenticationRequest.objects.filter(public_id=named["public_id"]).first()
    if found is not None:
        note_refusal(request, found, reason, timezone.now())


def from_elsewhere(request: HttpRequest) -> bool:
    """Whether another site's page shows this one inside itself, or sends its form.

    Browsers say so (Fetch Metadata); one that does not is held by `frame-ancestors` and the CSRF
    token alone.
    """
    if request.headers.get("Sec-Fetch-Dest", "") in FRAMES:
        return True
    return request.method == "POST" and request.headers.get("Sec-Fetch-Site", "") == "cross-site"


class _CsrfCheck(CsrfViewMiddleware):
    """Django's, which also writes down what it has refused."""

    def process_view(
        self,
        request: HttpRequest,
        callback: Callable[..., HttpResponseBase],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponseForbidden | None:
        refused = super().process_view(request, callback, callback_args, callback_kwargs)
        if refused is not None:
            note_refusal_at(request, callback_kwargs, "csrf")
        return refused


# The site's own middleware must leave the view alone (`csrf_exempt`): it would refuse unheard.
csrf_checked = decorator_from_middleware(_CsrfCheck)
