"""Where a user adds and removes passkeys, and where the page's script asks what is to be signed."""

from typing import Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_ciba.authentication_device import passkeys
from django_ciba.authentication_device.names import LONGEST_NAME, name_from
from django_ciba.authentication_device.pages import (
    device_page,
    done,
    done_before,
    page_response,
    signed_in_user,
)
from django_ciba.authentication_device.refusals import REFUSALS, note_stranger
from django_ciba.authentication_device.step_up import (
    signed_in_lately,
    way_to_prove,
    why_not_added,
)
from django_ciba.models import AuthenticationRequest, passkeys_of

DONE: Final = ("added", "removed")


class PasskeyForm(forms.Form):
    """What the page's script sends when a passkey has been made."""

    name = forms.CharField(label=_("Name of the passkey"), max_length=LONGEST_NAME)
    challenge = forms.CharField(widget=forms.HiddenInput)
    credential = forms.CharField(widget=forms.HiddenInput, max_length=passkeys.MOST_JSON)

    def clean_name(self) -> str:
        try:
            return name_from(self.cleaned_data["name"])
        except ValueError as fault:
            raise ValidationError(str(fault)) from None


@device_page("GET", "HEAD", "POST")
def passkey_list(request: HttpRequest) -> HttpResponse:
    """The user's passkeys; a POST adds the one that was made, or removes one.

    To remove one a fresh login is enough: what is gone approves nothing.
    """
    user, now = signed_in_user(request), timezone.now()
    if not passkeys.INSTALLED:
        return page_response(request, "passkeys.html", {"unavailable": True}, status=404)
    problem, fresh, missing = "", signed_in_lately(request, now), why_not_added(request, now)
    if request.method == "POST" and "remove" in request.POST and fresh:
        given = request.POST["remove"]
        named = given.isascii() and given.isdigit() and len(given) < 19
        if not named or not passkeys.removed(user, int(given), now):
            return page_response(request, "gone.html", {}, status=404)
        return done("passkeys", "removed")
    if request.method == "POST" and missing:
        problem = missing
    elif request.method == "POST":
        form = PasskeyForm(request.POST)
        if form.is_valid():
            try:
                passkeys.registered(
                    user,
                    form.cleaned_data["challenge"],
                    form.cleaned_data["credential"],
                    form.cleaned_data["name"],
                    now,
                )
            except passkeys.PasskeyRefused as refused:
                problem = refused.reason
            else:
                return done("passkeys", "added")
        else:
            problem = "passkey_refused"
    context = {
        "passkeys": passkeys_of(user),
        "fresh": fresh,
        "missing": missing,
        "way": way_to_prove(request, missing, reverse("ciba_device:passkeys")),
        "problem": problem,
        "done": done_before(request, DONE),
    }
    status = REFUSALS[problem] if problem else 200
    return page_response(request, "passkeys.html", context, status=status)


@device_page("POST")
def registration_options(request: HttpRequest) -> JsonResponse:
    """What a new passkey is made from, for the page's script."""
    now = timezone.now()
    if not passkeys.INSTALLED:
        return JsonResponse({"error": "not_available"}, status=404)
    if missing := why_not_added(request, now):
        return JsonResponse({"error": missing}, status=REFUSALS[missing])
    return JsonResponse(passkeys.registration_options(signed_in_user(request), now))


@device_page("POST")
def approval_options(request: HttpRequest, public_id: UUID) -> JsonResponse:
    """What a passkey is to sign for one waiting request of the user's, for the page's script."""
    user, now = signed_in_user(request), timezone.now()
    found = AuthenticationRequest.objects.waiting_for(user, now).filter(public_id=public_id).first()
    if found is None:
        note_stranger(user.pk, public_id, now)
        return JsonResponse({"error": "not_found"}, status=404)
    if not passkeys.INSTALLED:
        return JsonResponse({"error": "not_available"}, status=404)
    try:
        return JsonResponse(passkeys.approval_options(user, found, now))
    except passkeys.PasskeyRefused as refused:
        return JsonResponse({"error": refused.reason}, status=404)
