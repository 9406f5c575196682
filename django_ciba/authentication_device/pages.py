"""What every page of the device shares: login, CSRF, methods, and headers that shut it in."""

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, cast
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required, login_required
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from django_ciba.authentication_device.logins import login_name
from django_ciba.authentication_device.refusals import (
    csrf_checked,
    from_elsewhere,
    note_refusal_at,
)

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

TEMPLATES: Final = "django_ciba/authentication_device"
STATIC_FILES: Final = (
    "django_ciba/authentication_device.css",
    "django_ciba/authentication_device.js",
    "django_ciba/authentication_device.svg",
    "django_ciba/authentication_device_app.js",
    "django_ciba/authentication_device_180.png",
    "django_ciba/authentication_device_192.png",
    "django_ciba/authentication_device_512.png",
    "django_ciba/authentication_device_maskable.png",
    "django_ciba/passkeys.js",
)


def device_page(*methods: str) -> Callable[[View[P]], View[P]]:
    """A page for a signed-in user: others are sent to the site's LOGIN_URL and come back.

    A form sent without a login gets a page with a link instead: where the login is on another
    host, our form-action would stop a redirect to it, and the user would see nothing happen.
    """

    def decorate(view: View[P]) -> View[P]:
        guarded = csrf_checked(login_required(require_http_methods(methods)(view)))

        @open_page
        @wraps(view)
        def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method == "POST" and not request.user.is_authenticated:
                return _signed_out(request)
            return guarded(request, *args, **kwargs)

        return page

    return decorate


def open_page(view: View[P]) -> View[P]:
    """What holds for a page that asks for no login too: it is shut in, and no other site's part.

    The CSRF token is checked by the page itself (`csrf_checked`), whether or not the site's
    middleware does: only so is a refusal written down.
    """

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if from_elsewhere(request):
            note_refusal_at(request, kwargs, "framed")
            return _shut_in(refused_page(request, "framed", status=403))
        return _shut_in(view(request, *args, **kwargs))

    return page


def device_data(view: View[P]) -> View[P]:
    """What the page's script reads: without a login it answers 403, since a script that followed
    the redirect would take the login page for an answer.
    """
    return device_call("GET", "HEAD")(view)


def device_call(*methods: str) -> Callable[[View[P]], View[P]]:
    """What the page's script calls to change something; like `device_data`, with CSRF checks."""

    def decorate(view: View[P]) -> View[P]:
        guarded = csrf_checked(require_http_methods(methods)(view))

        @open_page
        @wraps(view)
        def data(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return JsonResponse({"error": "login_required"}, status=403)
            return guarded(request, *args, **kwargs)

        return data

    return decorate


def device_file(view: View[P]) -> View[P]:
    """A part of the app that is the same for everybody, signed in or not: nothing of a user's.

    A browser asks again each time whether it has changed. The view may set a policy of its own.
    """
    guarded = require_http_methods(["GET", "HEAD"])(view)

    @login_not_required
    @wraps(view)
    def file(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        found = guarded(request, *args, **kwargs)
        policy = found.get("Content-Security-Policy")
        response = _shut_in(found)
        if policy:
            response["Content-Security-Policy"] = policy
        response["Cache-Control"] = "no-cache"
        return response

    return file


def signed_in_user(request: HttpRequest) -> AbstractBaseUser:
    """Whom a page made by `device_page` or `device_data` is for."""
    return cast(AbstractBaseUser, request.user)


def page_response(
    request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """The named template, the site's own before ours, as the signed-in user sees it."""
    shared = {
        "signed_in_as": signed_in_user(request).get_username(),
        "login_name": login_name(request),
        "here": request.path,
    }
    return render(request, f"{TEMPLATES}/{template}", {**shared, **context}, status=status)


def see(address: str) -> HttpResponseRedirect:
    """RFC 9110 §15.4.4: what follows is a GET."""
    answered = HttpResponseRedirect(address)
    answered.status_code = 303
    return answered


def done(page: str, what: str) -> HttpResponseRedirect:
    """Back to the page of that name, which says what was done."""
    return see(f"{reverse(f'ciba_device:{page}')}?done={what}")


def done_before(request: HttpRequest, known: Collection[str]) -> str:
    """What the address says was done, if it is one of the page's own words."""
    said = request.GET.get("done", "")
    return said if said in known else ""


def refused_page(request: HttpRequest, reason: str, status: int, address: str = "") -> HttpResponse:
    """What was sent was no answer, however it looked; with a way to the page that takes one."""
    context = {"reason": reason, "address": address or request.path}
    return render(request, f"{TEMPLATES}/refused.html", context, status=status)


def _signed_out(request: HttpRequest) -> HttpResponse:
    address = redirect_to_login(request.get_full_path())["Location"]
    context = {"login_address": address}
    return render(request, f"{TEMPLATES}/signed_out.html", context, status=403)


def _shut_in(response: HttpResponseBase) -> HttpResponseBase:
    """Headers against framing, injection, caches and leaks; they win over the site's defaults."""
    response["Content-Security-Policy"] = content_security_policy()
    response["X-Frame-Options"] = "DENY"
    response["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer: on https, Django's CSRF check reads the Referer of our own forms.
    response["Referrer-Policy"] = "same-origin"
    response["Cross-Origin-Opener-Policy"] = "same-origin"
    response["Cache-Control"] = "no-store, private"
    return response


def content_security_policy() -> str:
    """Only our own files and forms; also the host of the static files, where that is another."""
    sources = _sources()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {sources}",
            f"style-src {sources}",
            f"img-src {sources}",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "manifest-src 'self'",
            "worker-src 'self'",
        )
    )


def worker_policy() -> str:
    """What the service worker may load: our own addresses, the static files, a message's icon."""
    return f"default-src 'none'; connect-src {_sources()}; img-src {_sources()}"


def _sources() -> str:
    return " ".join(["'self'", *sorted(_static_origins())])


def _static_origins() -> set[str]:
    addresses = [urlsplit(static(name)) for name in STATIC_FILES]
    return {
        f"{each.scheme}://{each.netloc}" if each.scheme else each.netloc
        for each in addresses
        if each.netloc
    }
