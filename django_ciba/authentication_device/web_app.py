"""The device as an app that a browser installs: manifest, service worker, what it says offline."""

import hashlib
import json
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, pgettext

from django_ciba.authentication_device.asked import own_request
from django_ciba.authentication_device.pages import (
    STATIC_FILES,
    TEMPLATES,
    device_data,
    device_file,
    signed_in_user,
    worker_policy,
)
from django_ciba.authentication_device.presentation import STILL_OPEN, Card, Outcome

MANIFEST_TYPE: Final = "application/manifest+json"  # Web Application Manifest §4.1
WORKER: Final = f"{TEMPLATES}/service-worker.js"


@device_file
def manifest(request: HttpRequest) -> HttpResponse:
    """Web Application Manifest: what is installed, and that it reaches as far as the site's mount.

    Fetched without a login, as browsers do.
    """
    context = {
        "name": " ".join(render_to_string(f"{TEMPLATES}/name.txt", request=request).split()),
        "mount": reverse("ciba_device:inbox"),
    }
    return render(request, f"{TEMPLATES}/manifest.webmanifest", context, MANIFEST_TYPE)


@device_file
def service_worker(request: HttpRequest) -> HttpResponse:
    """Service Workers §3.1: its address lies at the mount, so that its scope is the mount.

    What it must know stands on top. A change there, of the language too, is a new worker, which
    fetches the offline page anew.
    """
    known: dict[str, Any] = {
        "offline": reverse("ciba_device:offline"),
        "files": [static(name) for name in STATIC_FILES],
        "push": reverse("ciba_device:web_push"),
        "icon": static("django_ciba/authentication_device_192.png"),
        "language": get_language() or "en",
        "title": gettext("Something waits for your answer"),
        "body": gettext("Open to see what it is."),
    }
    source = render_to_string(WORKER, request=request)
    known["version"] = hashlib.sha256(f"{source}{known}".encode()).hexdigest()[:16]
    answer = HttpResponse(
        f'"use strict";\nconst KNOWN = {json.dumps(known)};\n{source}',
        content_type="text/javascript; charset=utf-8",
    )
    answer["Content-Security-Policy"] = worker_policy()
    return answer


@device_file
def offline(request: HttpRequest) -> HttpResponse:
    """What the service worker keeps, to show where there is no connection; it names nobody."""
    return render(request, f"{TEMPLATES}/offline.html")


@device_data
def notification(request: HttpRequest, public_id: UUID) -> JsonResponse:
    """What a notification of that request says; 404 for other users' requests.

    The push itself holds the name of the request alone, and the session decides who may read more.
    There is a page to open and no verdict to give: an approval is never given from a notification.
    """
    now = timezone.now()
    found = own_request(signed_in_user(request), public_id, now)
    if found is None:
        return JsonResponse({"error": "not_found"}, status=404)
    card = Card(found, now)
    client, waiting = card.client_name, card.outcome in STILL_OPEN
    if waiting:
        title = gettext("%(client)s asks for your approval") % {"client": client}
        body = found.binding_message or gettext("Open to see what it is.")
    else:
        title = gettext("%(client)s waits no longer") % {"client": client}
        body = _no_longer(card.outcome)
    return JsonResponse({"title": title, "body": body, "waiting": waiting})


def _no_longer(outcome: Outcome) -> str:
    words = {
        Outcome.APPROVED: pgettext("request", "It has been approved."),
        Outcome.DENIED: pgettext("request", "It has been denied."),
        Outcome.EXPIRED: gettext("Time ran out. Nothing was approved."),
        Outcome.WITHDRAWN: pgettext("request", "It was withdrawn. Nothing was approved."),
    }
    return words.get(
        outcome, pgettext("request", "It could not be completed. Nothing was approved.")
    )
