"""This was not me: the user says so, and hears what follows from it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from django_ciba.authentication_device.asked import own_request
from django_ciba.authentication_device.decisions import not_found
from django_ciba.authentication_device.pages import (
    device_page,
    page_response,
    see,
    signed_in_user,
)
from django_ciba.authentication_device.presentation import Card
from django_ciba.journeys import report
from django_ciba.models import MutedClient

# Django's own name for that page, and allauth's.
PASSWORD_PAGES = ("password_change", "account_change_password")


@device_page("GET", "HEAD", "POST")
def report_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A POST reports the request, in whatever state it is; then the page says what has followed.

    It asks nothing further: whoever was just attacked should not have to fill in a form.
    """
    now = timezone.now()
    found = own_request(signed_in_user(request), public_id, now)
    if found is None:
        return not_found(request, public_id)
    if request.method == "POST":
        report(found, now=now)
        return see(reverse("ciba_device:report", args=[public_id]))
    if found.reported_at is None:
        return see(reverse("ciba_device:request", args=[public_id]))
    muted = MutedClient.objects.live(now).filter(
        user_id=signed_in_user(request).pk, client_id=found.client_id
    )
    context = {"card": Card(found, now), "muted": muted.first(), "password_page": _password_page()}
    return page_response(request, "reported.html", context)


def _password_page() -> str:
    """Where this site's users change their password; "" where it has no page that we know."""
    for name in PASSWORD_PAGES:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""
