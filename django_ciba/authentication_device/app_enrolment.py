"""Where the signed-in user lets the site's own app in: a code, good once and not for long."""

from importlib import import_module
from importlib.util import find_spec

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from django_ciba.authentication_device.api.addresses import api_address
from django_ciba.authentication_device.pages import device_page, page_response, signed_in_user
from django_ciba.authentication_device.step_up import step_up, way_to_prove, why_not_added
from django_ciba.conf import ciba_settings
from django_ciba.models import Device, DeviceEnrolment

TEMPLATE = "apps.html"


@device_page("GET", "HEAD", "POST")
def apps(request: HttpRequest) -> HttpResponse:
    """Shows which apps are the user's; a POST makes a code, which this one answer holds.

    Where the site has not mounted the API there is no app to let in, and no such page.
    """
    user, now = signed_in_user(request), timezone.now()
    try:
        address = api_address()
    except NoReverseMatch:
        raise Http404("no URLconf includes the device's API") from None
    context = {"apps": Device.objects.filter(user_id=user.pk, kind=Device.Kind.APP)}
    if request.method != "POST":
        return page_response(request, TEMPLATE, context)
    if problem := why_not_added(request, now):
        way = way_to_prove(request, problem, request.path)
        refused = {**context, "problem": problem, "way": way}
        return page_response(request, TEMPLATE, refused, status=403)
    since = step_up().authenticated_at(request, now)
    seconds = ciba_settings.DEVICE_ENROLMENT_LIFETIME
    code = DeviceEnrolment.objects.start(user, now, seconds, authenticated_at=since)
    made = {"code": code, "minutes": max(1, seconds // 60), "qr": qr(enrolment_uri(address, code))}
    return page_response(request, TEMPLATE, {**context, **made})


def enrolment_uri(address: str, code: str) -> str:
    """What the app reads from the QR code: where to enrol, and by which code.

    An https address, which a phone opens in the app that the site has claimed it for; no other app
    can claim it too, as one can a scheme of its own. A fragment is sent to no server.
    """
    return f"{address}/enrolment#code={code}"


def qr(text: str) -> SafeString | None:
    """An SVG of its own inside the page, which needs no other source of images; None without the
    extra `[qr]`. Black on white in every theme: scanners need the contrast.
    """
    if find_spec("segno") is None:
        return None
    made = import_module("segno").make(text, micro=False)
    drawn: str = made.svg_inline(light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - by segno alone
