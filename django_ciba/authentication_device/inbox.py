"""The list of what waits for the user's answer, live, and what they have answered."""

from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from django_ciba.authentication_device.logins import login_name
from django_ciba.authentication_device.pages import (
    device_data,
    device_page,
    page_response,
    signed_in_user,
)
from django_ciba.authentication_device.presentation import Card
from django_ciba.models import AuthenticationRequest

MOST_WAITING: Final = 100  # the next ones show when some of these have been answered
MOST_ANSWERED: Final = 20


@device_page("GET", "HEAD")
def inbox(request: HttpRequest) -> HttpResponse:
    """Everything that waits, each in full, the one that runs out first on top."""
    now = timezone.now()
    rows = AuthenticationRequest.objects.waiting_for(signed_in_user(request), now)
    shown = rows.times_asked(now).select_related("client")[:MOST_WAITING]
    cards = [Card(row, now) for row in shown]
    return page_response(request, "inbox.html", {"cards": cards})


@device_data
def waiting(request: HttpRequest, public_id: UUID | None = None) -> JsonResponse:
    """What waits, by name, and where the page's script finds its card; or whether that one does.

    The script asks every two seconds, so this is one indexed query, and it has no ETag: finding out
    that nothing has changed would cost the same, and save some eighty bytes.
    """
    rows = AuthenticationRequest.objects.waiting_for(signed_in_user(request), timezone.now())
    if public_id is not None:
        rows = rows.filter(public_id=public_id)
    names = rows.values_list("public_id", flat=True)[:MOST_WAITING]
    cards = [{"id": each, "card": reverse("ciba_device:card", args=[each])} for each in names]
    return JsonResponse({"login": login_name(request), "waiting": cards})


@device_page("GET", "HEAD")
def history(request: HttpRequest) -> HttpResponse:
    """The user's own last answers, for as long as requests are kept (`RETENTION`)."""
    now = timezone.now()
    rows = (
        AuthenticationRequest.objects.filter(
            user_id=signed_in_user(request).pk, answered_at__isnull=False
        )
        .select_related("client")
        .order_by("-answered_at")
    )
    return page_response(
        request, "history.html", {"cards": [Card(row, now) for row in rows[:MOST_ANSWERED]]}
    )
