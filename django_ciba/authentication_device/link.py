"""The page that a link in a message leads to: one request is answered there without a login.

Whoever opens the link has the mailbox that it was sent to, or the telephone, and that is what `amr`
says of them ("email", which is not among RFC 8176's names, or "sms"). Opening it answers nothing:
mail scanners and previews open links too.
"""

import hmac
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from django_ciba.authentication_device.decisions import (
    answers_by_address,
    given_passcode,
    given_prompt,
    given_verdict,
    why_not,
)
from django_ciba.authentication_device.pages import open_page, page_response, refused_page, see
from django_ciba.authentication_device.presentation import Outcome, cards_to_answer
from django_ciba.authentication_device.refusals import (
    REFUSALS,
    csrf_checked,
    note_refusal,
    note_refusal_at,
)
from django_ciba.journeys import (
    Evidence,
    NotAnswerable,
    answer,
    demand_of,
    question_goes_by,
)
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuthenticationRequest

P = ParamSpec("P")
# By channel; what a channel of the site's own shows is not ours to guess.
METHODS: Final = {"email": "email", "sms": "sms"}


def _keeps_its_address(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """The address is a secret: what the page loads, or leads to, learns of its host alone, and what
    Django logs of a refusal is the address of the request.

    Not no-referrer: with it browsers send "Origin: null" with our own form, which Django's CSRF
    check refuses.
    """

    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request.path = reverse("ciba_device:request", args=[kwargs["public_id"]])
        response = view(request, *args, **kwargs)
        response["Referrer-Policy"] = "strict-origin"
        return response

    return page


@_keeps_its_address
@open_page
@csrf_checked
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("passcode")
@sensitive_variables("secret")
def link_page(request: HttpRequest, public_id: UUID, secret: str) -> HttpResponse:
    """Shows the request, or what came of it, to whoever has the link; a POST answers it.

    A wrong secret is the same 404 as an unknown request. Whoever is signed in here, the answer is
    that of the user who was asked, and the page says so.
    """
    now = timezone.now()
    found = _linked(public_id, secret)
    if found is None:
        if request.method == "POST":
            note_refusal_at(request, {"public_id": public_id}, "wrong_link")
        return page_response(request, "not_found.html", {"signed_in_as": ""}, status=404)
    if request.method == "POST":
        return _take_answer(request, found, secret, now)
    if answers_by_address(request):
        note_refusal(request, found, "get", now)
        return refused_page(request, "get", status=400, address=_address(found, secret))
    return _shown(request, found, secret, now)


@sensitive_variables("secret")
def _linked(public_id: UUID, secret: str) -> AuthenticationRequest | None:
    """The request whose present prompt was sent with this link."""
    found = (
        AuthenticationRequest.objects.select_related("client", "user")
        .filter(public_id=public_id, user__isnull=False, prompted_at__isnull=False)
        .first()
    )
    if found is None or not (kept := demand_of(found).link):
        return None
    return found if hmac.compare_digest(sealed(found, secret), kept) else None


@sensitive_variables("secret")
def _take_answer(
    request: HttpRequest, found: AuthenticationRequest, secret: str, now: datetime
) -> HttpResponse:
    verdict = given_verdict(request)
    if not verdict:
        return _shown(request, found, secret, now, problem="no_verdict", status=400)
    evidence = Evidence(
        link=secret,
        number=request.POST.get("number", "").strip(),
        passcode=given_passcode(request),
    )
    try:
        answer(
            found,
            verdict,
            now=now,
            authenticated_at=now,
            amr=_methods(found),
            prompt=given_prompt(request),
            evidence=evidence,
        )
    except NotAnswerable as refused:
        if reason := why_not(request, found, verdict, refused, now):
            return _shown(request, found, secret, now, problem=reason, status=REFUSALS[reason])
    return see(_address(found, secret))


def _address(found: AuthenticationRequest, secret: str) -> str:
    return reverse("ciba_device:link", args=[found.public_id, secret])


def _methods(found: AuthenticationRequest) -> list[str]:
    """How the link has come to who holds it: by the one channel that it is sent by."""
    return [METHODS[channel] for channel in question_goes_by(found) if channel in METHODS]


@sensitive_variables("secret")
def _shown(
    request: HttpRequest,
    found: AuthenticationRequest,
    secret: str,
    now: datetime,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """The card, or what came of it; without a word of who is signed in."""
    (shown,) = cards_to_answer([found], now, _address(found, secret))
    context = {
        "card": shown,
        "for_whom": found.user.get_username() if found.user else "",
        "signed_in_as": "",
        "way": reverse("ciba_device:request", args=[found.public_id]),
    }
    if shown.outcome == Outcome.WAITING and problem not in ("user_locked", "ended"):
        return page_response(request, "link.html", {**context, "problem": problem}, status)
    return page_response(request, "outcome.html", {**context, "refusal": problem}, status)
