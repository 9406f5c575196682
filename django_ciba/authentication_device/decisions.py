"""One request's own page: who asks and for what, the user's answer, and what came of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from django_ciba.authentication_device.logins import authenticated_at, authentication_methods
from django_ciba.authentication_device.pages import (
    device_data,
    device_page,
    page_response,
    signed_in_user,
)
from django_ciba.authentication_device.presentation import Card, Outcome
from django_ciba.journeys import NotAnswerable, answer
from django_ciba.models import AuthenticationRequest

VERDICTS: Final = (AuthenticationRequest.Answer.APPROVED, AuthenticationRequest.Answer.DENIED)

# RFC 9110 §15.5: an answer that contradicts the one on record is a conflict; one to a request that
# has run out, or was ended by others, comes to something that is gone.
REFUSALS: Final = {"answered": 409, "expired": 410, "ended": 410, "user_locked": 403}


@device_page("GET", "HEAD", "POST")
def request_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Shows the request, or what came of it; a POST answers it, a GET never changes anything.

    Somebody else's request and one that does not exist are the same 404.
    """
    now = timezone.now()
    found = _own_request(request, public_id)
    if found is None:
        return page_response(request, "not_found.html", {}, status=404)
    if request.method == "POST":
        return _take_answer(request, found, now)
    card = Card(found, now)
    if card.outcome == Outcome.WAITING:
        # What a message told of may have been asked again; the answer is for the newest.
        newest = AuthenticationRequest.objects.like(found, now).first()
        if newest is not None and newest.pk > found.pk:
            return HttpResponseRedirect(reverse("ciba_device:request", args=[newest.public_id]))
        return page_response(request, "request.html", {"card": card})
    return _outcome_page(request, found, now)


@device_data
def card(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The card alone, for the page's script to put into the list; 404 when it waits no longer."""
    now = timezone.now()
    found = _own_request(request, public_id)
    if found is None or Card(found, now).outcome != Outcome.WAITING:
        return HttpResponse(status=404)
    return page_response(request, "card.html", {"card": Card(found, now)})


def _own_request(request: HttpRequest, public_id: UUID) -> AuthenticationRequest | None:
    """The signed-in user's request of that name, once it has been put before them."""
    return (
        AuthenticationRequest.objects.times_asked(timezone.now())
        .select_related("client")
        .filter(public_id=public_id, user_id=signed_in_user(request).pk, prompted_at__isnull=False)
        .first()
    )


def _take_answer(request: HttpRequest, found: AuthenticationRequest, now: datetime) -> HttpResponse:
    """Record the verdict.

    Sent twice (a double click, a reload) it is still one answer, and the page says what it was; a
    different second verdict hears that it was not taken.
    """
    given = request.POST.getlist("verdict")
    if len(given) != 1 or given[0] not in VERDICTS:
        context = {"card": Card(found, now), "no_verdict": True}
        return page_response(request, "request.html", context, status=400)
    try:
        answer(
            found,
            given[0],
            now=now,
            authenticated_at=authenticated_at(request, now),
            amr=authentication_methods(request),
            prompt=_prompt(request),
        )
    except NotAnswerable as refused:
        if refused.reason == "prompted_again":
            found.refresh_from_db()
            return page_response(request, "request.html", {"card": Card(found, now)}, status=409)
        found.refresh_from_db(
            fields=["status", "answer", "answered_at", "ended_at", "prompt_until"]
        )
        if found.answer != given[0]:
            return _outcome_page(request, found, now, refused.reason)
    outcome_page = HttpResponseRedirect(reverse("ciba_device:request", args=[found.public_id]))
    outcome_page.status_code = 303  # RFC 9110 §15.4.4: what follows is a GET
    return outcome_page


def _prompt(request: HttpRequest) -> int | None:
    """Which prompt the form was made for; a form without one is taken for the prompt of now."""
    given = request.POST.get("prompt", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


def _outcome_page(
    request: HttpRequest, found: AuthenticationRequest, now: datetime, refusal: str = ""
) -> HttpResponse:
    more = AuthenticationRequest.objects.waiting_for(signed_in_user(request), now).exclude(
        pk=found.pk
    )
    context = {"card": Card(found, now), "refusal": refusal, "more_waiting": more.exists()}
    return page_response(request, "outcome.html", context, status=REFUSALS.get(refusal, 200))
