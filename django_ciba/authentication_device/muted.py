"""Clients that the user does not want to be asked by, and where they let them ask again."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Case, Max, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_ciba.authentication_device.pages import (
    device_page,
    done,
    done_before,
    page_response,
    signed_in_user,
)
from django_ciba.journeys import mute
from django_ciba.journeys import unmute as let_ask_again
from django_ciba.models import AuthenticationRequest, Client, MutedClient

HOW_LONG: Final[dict[str, tuple[Promise, timedelta | None]]] = {
    "day": (_("for a day"), timedelta(days=1)),
    "week": (_("for a week"), timedelta(weeks=1)),
    "always": (_("until you let it again"), None),
}
DONE: Final = ("muted", "unmuted")
MOST_OFFERED: Final = 20


@device_page("GET", "HEAD", "POST")
def muted(request: HttpRequest) -> HttpResponse:
    """Who may not ask, and who has asked and could be muted; a POST mutes one.

    A client is named by a request of its own to this user (`request`), so that a page can name no
    other, and no name of ours is guessed. `?request=` puts that one's client first.
    """
    user, now = signed_in_user(request), timezone.now()
    if request.method == "POST":
        client = _client_of(request, request.POST.get("request", ""))
        how_long = request.POST.get("how_long", "")
        if client is None:
            return page_response(request, "not_found.html", {}, status=404)
        if how_long in HOW_LONG:
            period = HOW_LONG[how_long][1]
            mute(user, client, now=now, until=now + period if period else None)
            return done("muted", "muted")
    wrong = request.method == "POST"
    held = list(MutedClient.objects.live(now).filter(user_id=user.pk).select_related("client"))
    chosen = _client_of(request, (request.POST if wrong else request.GET).get("request", ""))
    context = {
        "muted": held,
        "offered": _offered(request, {each.client_id for each in held}, chosen),
        "chosen": chosen,
        "how_long": [(name, words) for name, (words, _period) in HOW_LONG.items()],
        "done": done_before(request, DONE),
        "wrong": wrong,
    }
    return page_response(request, "muted.html", context, status=422 if wrong else 200)


@device_page("POST")
def unmute(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a client ask again; another user's muting and none are the same 404."""
    user, now = signed_in_user(request), timezone.now()
    held = MutedClient.objects.filter(pk=pk, user_id=user.pk).select_related("client").first()
    if held is None:
        return page_response(request, "gone.html", {}, status=404)
    let_ask_again(user, held.client, now=now)
    return done("muted", "unmuted")


def _client_of(request: HttpRequest, public_id: str) -> Client | None:
    """Whose request of that name to this user it is."""
    try:
        name = UUID(public_id)
    except ValueError:
        return None
    asked = AuthenticationRequest.objects.put_before(signed_in_user(request))
    found = asked.select_related("client").filter(public_id=name).first()
    return found.client if found else None


def _offered(
    request: HttpRequest, held: set[int], chosen: Client | None
) -> list[AuthenticationRequest]:
    """The latest request of each client that could be muted, the chosen one's on top."""
    asked = AuthenticationRequest.objects.put_before(signed_in_user(request))
    first = Case(When(client_id=chosen.pk if chosen else 0, then=0), default=1)
    each = asked.exclude(client_id__in=held).order_by().values("client_id", first=first)
    pks = each.annotate(latest=Max("pk")).order_by("first", "-latest").values_list("latest")
    rows = AuthenticationRequest.objects.filter(pk__in=[pk for (pk,) in pks[:MOST_OFFERED]])
    found = rows.select_related("client").order_by("-pk")
    return sorted(found, key=lambda each: chosen is None or each.client_id != chosen.pk)
