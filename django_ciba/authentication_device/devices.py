"""The user's devices and passkeys: seen, named, removed; and a browser that wants messages."""

import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models, router, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import HttpHeaders
from django.middleware.csrf import get_token
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from django_ciba.authentication_device.api.addresses import api_address
from django_ciba.authentication_device.names import LONGEST_NAME, name_from
from django_ciba.authentication_device.pages import (
    device_call,
    device_page,
    done,
    done_before,
    page_response,
    signed_in_user,
)
from django_ciba.authentication_device.passkeys import INSTALLED
from django_ciba.models import Device, Passkey, secrets
from django_ciba.models.passkey import passkeys_of
from django_ciba.prompts.web_push import (
    subscription_address,
    subscription_problem,
    vapid_public_key,
)

CHANNEL: Final = "webpush"
MOST_OCTETS: Final = 16_384  # two subscriptions; browsers' are a few hundred octets each
MOST_BROWSERS: Final = 50  # of one user; nobody has so many
DONE: Final = ("renamed", "removed")

# Coarse, and in this order: most user agents name several others. A guess for a name, no more.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


# --- the page ----------------------------------------------------------------------------------


@device_page("GET", "HEAD")
def devices(request: HttpRequest) -> HttpResponse:
    """All that the user answers on, besides a browser that gets no messages."""
    return _devices_page(request)


@device_page("POST")
def device(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Rename or remove one of the user's devices; others' and none are the same 404."""
    found = Device.objects.filter(user_id=signed_in_user(request).pk, public_id=public_id).first()
    if found is None:
        return page_response(request, "gone.html", {}, status=404)
    if "remove" in request.POST:
        Device.objects.remove(found, timezone.now())
        return done("devices", "removed")
    return _renamed(request, Device.objects.filter(pk=found.pk))


@device_page("POST")
def passkey(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename one of the user's passkeys; others' and none are the same 404.

    The page of passkeys removes them, for a user who has signed in lately.
    """
    found = passkeys_of(signed_in_user(request)).filter(pk=pk)
    if not found.exists():
        return page_response(request, "gone.html", {}, status=404)
    return _renamed(request, found)


def _renamed(
    request: HttpRequest, found: models.QuerySet[Device] | models.QuerySet[Passkey]
) -> HttpResponse:
    try:
        name = name_from(request.POST.get("name", ""))
    except ValueError:
        problem = _("Nothing was changed: a name has 1 to 100 letters, digits or signs.")
        return _devices_page(request, status=422, problem=problem)
    found.update(name=name)
    return done("devices", "renamed")


def _devices_page(request: HttpRequest, status: int = 200, **context: Any) -> HttpResponse:
    user = signed_in_user(request)
    owned = Device.objects.filter(user_id=user.pk).defer("address")
    shared = {
        "devices": owned,
        "passkeys": passkeys_of(user),
        "public_key": vapid_public_key(),
        "done": done_before(request, DONE),
        "longest_name": LONGEST_NAME,
        "passkeys_url": reverse("ciba_device:passkeys") if INSTALLED else "",
        "apps_url": _apps_url(),
    }
    return page_response(request, "devices.html", {**shared, **context}, status=status)


def _apps_url() -> str:
    """Where an app is let in; "" where the site has not mounted the API that apps talk to."""
    try:
        api_address()
    except NoReverseMatch:
        return ""
    return reverse("ciba_device:apps")


# --- messages to this browser ------------------------------------------------------------------


@device_call("GET", "HEAD", "POST", "DELETE")
def web_push(request: HttpRequest) -> HttpResponse:
    """Push API §8: what a browser subscribes with (GET); take its subscription (POST); forget it.

    A subscription that another user of the same browser left moves to the one signed in now. POST
    takes `{"subscription": …, "replaces": …}`, the latter when the push service has changed the
    first; DELETE takes `{"subscription": …}`. 400 for what is no subscription, 404 where web push
    is not set up, 409 for a user with too many browsers, 413 for too much.
    """
    if request.method in ("GET", "HEAD"):
        return JsonResponse({"public_key": vapid_public_key(), "csrf": _csrf(request)})
    user, now = signed_in_user(request), timezone.now()
    sent = _sent(request)
    if isinstance(sent, HttpResponse):
        return sent
    address = subscription_address(sent["subscription"])
    if request.method == "DELETE":
        _forget(user, secrets.digest(address), now)
        return HttpResponse(status=204)
    if not vapid_public_key():
        return _refusal(404, "not_set_up", "web push is not set up here")
    name = _replaced_name(user, sent.get("replaces"), now) or guessed_name(
        request.headers.get("User-Agent", "")
    )
    known = Device.objects.filter(user_id=user.pk).exclude(address_digest=secrets.digest(address))
    if known.filter(kind=Device.Kind.BROWSER).count() >= MOST_BROWSERS:
        return _refusal(409, "too_many", "remove a browser that you no longer use first")
    stored = _remember(user, address, name, now)
    return JsonResponse({"device": str(stored.public_id), "name": stored.name}, status=201)


@device_call("POST")
def web_push_used(request: HttpRequest) -> HttpResponse:
    """Note that the user looks, on the browser with this subscription; 404 when not theirs."""
    sent = _sent(request)
    if isinstance(sent, HttpResponse):
        return sent
    digest = secrets.digest(subscription_address(sent["subscription"]))
    own = Device.objects.filter(user_id=signed_in_user(request).pk, address_digest=digest)
    found = own.values_list("pk", "public_id").first()
    if found is None:
        return _refusal(404, "not_found", "no device of yours has this subscription")
    Device.objects.used(found[0], timezone.now())
    return JsonResponse({"device": str(found[1])})


def guessed_name(user_agent: str) -> str:
    """What a browser is called until its user names it: "Firefox on Android"."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or pgettext("device", "Browser")


def _csrf(request: HttpRequest) -> dict[str, str]:
    """For the service worker, which sees neither forms nor, often, cookies. Readable to our own
    origin alone, as the forms are.
    """
    header = HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME)
    return {"header": header or "X-CSRFToken", "token": get_token(request)}


def _sent(request: HttpRequest) -> dict[str, Any] | HttpResponse:
    """The object that was sent, with a subscription in it that nothing is wrong with."""
    if request.content_type != "application/json":
        return _refusal(415, "wrong_type", "send application/json")
    if len(request.body) > MOST_OCTETS:
        return _refusal(413, "too_large", f"send at most {MOST_OCTETS} octets")
    try:
        sent = json.loads(request.body)
    except (ValueError, RecursionError):
        return _refusal(400, "invalid", "the body must be JSON")
    if not isinstance(sent, dict):
        return _refusal(400, "invalid", "the body must be an object with subscription")
    if (problem := subscription_problem(sent.get("subscription"))) is not None:
        return _refusal(400, "invalid", problem)
    return sent


def _refusal(status: int, error: str, description: str) -> JsonResponse:
    return JsonResponse({"error": error, "error_description": description}, status=status)


def _remember(user: AbstractBaseUser, address: str, name: str, now: datetime) -> Device:
    """One row a subscription, of the user who is signed in now, also when two tabs send it at once.

    What another user called it, and that they had it, is not handed on: their row goes.
    """
    digest = secrets.digest(address)
    alias = router.db_for_write(Device)
    with transaction.atomic(using=alias):
        for theirs in Device.objects.filter(address_digest=digest).exclude(user_id=user.pk):
            Device.objects.remove(theirs, now)
        stored, created = Device.objects.using(alias).update_or_create(
            address_digest=digest,
            defaults={
                "user_id": user.pk,
                "channel": CHANNEL,
                "address": address,
                "last_used_at": now,
            },
            create_defaults={
                "user_id": user.pk,
                "kind": Device.Kind.BROWSER,
                "channel": CHANNEL,
                "address": address,
                "name": name,
                "created_at": now,
                "last_used_at": now,
            },
        )
        if created:
            Device.objects.note_added(stored, now)
    return stored


def _replaced_name(user: AbstractBaseUser, replaced: Any, now: datetime) -> str:
    """The name of the user's device with that older subscription, which goes; "" for none."""
    if subscription_problem(replaced) is not None:
        return ""
    digest = secrets.digest(subscription_address(replaced))
    found = Device.objects.filter(user_id=user.pk, address_digest=digest).first()
    return found.name if found is not None and Device.objects.remove(found, now) else ""


def _forget(user: AbstractBaseUser, digest: str, now: datetime) -> None:
    for found in Device.objects.filter(user_id=user.pk, address_digest=digest):
        Device.objects.remove(found, now)
