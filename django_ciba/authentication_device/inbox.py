"""The list of what waits for the user's answer, live, and what they have answered."""

from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from django_ciba.authentication_device.pages import device_data, device_page, page_response
from django_ciba.authentication_device.presentation import Card
from django_ciba.models import AuthenticationRequest

MOST: Final = 20  # nobody reads more; the next ones show when these are answered


@device_page("GET", "HEAD")
def inbox(request: HttpRequest) -> HttpResponse:
    """Everything that waits, each in full, the one that runs out first on top."""
    now = timezone.now()
    rows = AuthenticationRequest.objects.waiting_for(request.user, now).select_related("client")
    return page_response(request, "inbox.html", {"cards": [Card(row, now) for row in rows[:MOST]]})


@device_data
def waiting(request: HttpRequest) -> JsonResponse:
    """What waits, by name, and where the page's script finds its card.

    The script asks every two seconds, so this is one indexed query, and it has no ETag: finding out
    that nothing has changed would cost the same, and save some eighty bytes.
    """
    rows = AuthenticationRequest.objects.waiting_for(request.user, timezone.now())
    names = rows.values_list("public_id", flat=True)[:MOST]
    return JsonResponse(
        {"waiting": [{"id": each, "card": reverse("ciba_device:card", args=[each])} for each in names]}
    )


@device_page("GET", "HEAD")
def history(request: HttpRequest) -> HttpResponse:
    """The user's own last answers, for as long as requests are kept (`RETENTION`)."""
    now = timezone.now()
    rows = (
        AuthenticationRequest.objects.filter(user_id=request.user.pk, answered_at__isnull=False)
        .select_related("client")
        .order_by("-answered_at")
    )
    return page_response(
        request, "history.html", {"cards": [Card(row, now) for row in rows[:MOST]]}
    )
