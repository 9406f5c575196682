"""The list of what waits for the user's answer, live, and what they have answered."""

from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from django_ciba.authentication_device.asked import MOST_WAITING, asked_before
from django_ciba.authentication_device.logins import login_name
from django_ciba.authentication_device.pages import (
    device_data,
    device_page,
    page_response,
    signed_in_user,
)
from django_ciba.authentication_device.presentation import Card, cards_to_answer
from django_ciba.models import AuditEvent, AuthenticationRequest

ON_A_PAGE: Final = 20


@device_page("GET", "HEAD")
def inbox(request: HttpRequest) -> HttpResponse:
    """Everything that waits, each in full, the one that runs out first on top."""
    now = timezone.now()
    rows = AuthenticationRequest.objects.waiting_for(signed_in_user(request), now)
    shown = rows.times_asked(now).select_related("client")[:MOST_WAITING]
    return page_response(request, "inbox.html", {"cards": cards_to_answer(shown, now)})


@device_data
def waiting(request: HttpRequest, public_id: UUID | None = None) -> JsonResponse:
    """What waits, by name, and where the page's script finds its card; or whether that one does.

    `prompt` says which of its prompts waits: for one that is asked again there is another card.
    The script asks every two seconds, so this is one indexed query, and it has no ETag: finding out
    that nothing has changed would cost the same, and save some eighty bytes.
    """
    rows = AuthenticationRequest.objects.waiting_for(signed_in_user(request), timezone.now())
    if public_id is not None:
        rows = rows.filter(public_id=public_id)
    cards = [
        {
            "id": row.public_id,
            "prompt": row.prompt_number,
            "card": reverse("ciba_device:card", args=[row.public_id]),
        }
        for row in rows.only("public_id", "memory")[:MOST_WAITING]
    ]
    return JsonResponse({"login": login_name(request), "waiting": cards})


@device_page("GET", "HEAD")
def history(request: HttpRequest) -> HttpResponse:
    """What the user was asked before, answered or not, while it is kept (`RETENTION`)."""
    now = timezone.now()
    rows = asked_before(signed_in_user(request), now).select_related("client")
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    vouched = AuditEvent.objects.filter(
        public_id__in=[row.public_id for row in page], detail__vouched=True
    )
    context = {
        "page": page,
        "cards": [Card(row, now) for row in page],
        "vouched": set(vouched.values_list("public_id", flat=True)),
    }
    return page_response(request, "history.html", context)
