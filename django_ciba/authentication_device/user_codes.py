"""Where the user sets, changes or removes their user code (CIBA Core §7.1 `user_code`)."""

from typing import Final

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from django_ciba.authentication_device.pages import (
    device_page,
    done,
    done_before,
    page_response,
    signed_in_user,
)
from django_ciba.authentication_device.sign_in_again import PasswordForm
from django_ciba.models import UserCode

LEAST_LENGTH: Final = 4  # guessing is limited by USER_CODE_MAX_FAILURES, not by length
MOST_LENGTH: Final = 64
DONE: Final = ("saved", "removed")


class UserCodeForm(PasswordForm):
    """A new code, twice."""

    # Not new-password: a password manager would take the code for the account's password.
    code = forms.CharField(
        label=_("New user code"),
        help_text=_("At least 4 characters: letters, digits or signs. Never your password."),
        min_length=LEAST_LENGTH,
        max_length=MOST_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    code_again = forms.CharField(
        label=_("New user code, once more"),
        max_length=MOST_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean_code(self) -> str:
        """Refuse what a stranger tries first, and what must not be typed elsewhere."""
        code: str = self.cleaned_data["code"]
        if len(set(code)) == 1:
            raise forms.ValidationError(
                _("Choose a code of more than one repeated character."), code="repeated"
            )
        if code.casefold() == self.user.get_username().casefold():
            raise forms.ValidationError(
                _("Choose a code that is not your user name."), code="user_name"
            )
        if code == self.cleaned_data.get("password"):
            raise forms.ValidationError(
                _("Choose a code that is not your password: you will type it at other sites."),
                code="password",
            )
        return code

    def clean_code_again(self) -> str:
        again: str = self.cleaned_data["code_again"]
        code = self.cleaned_data.get("code")
        if code is not None and again != code:
            raise forms.ValidationError(
                _("The two codes differ. Enter the same code twice."), code="differ"
            )
        return again


@sensitive_post_parameters()
@device_page("GET", "HEAD", "POST")
def user_code(request: HttpRequest) -> HttpResponse:
    """The one form; the button that was pressed says whether the code is set or removed."""
    user = signed_in_user(request)
    form = UserCodeForm(request)
    removal = PasswordForm(request, prefix="remove")
    if request.method == "POST" and "remove" in request.POST:
        removal = PasswordForm(request, request.POST, prefix="remove")
        if removal.is_valid():
            UserCode.objects.filter(user_id=user.pk).delete()
            return done("user_code", "removed")
    elif request.method == "POST":
        form = UserCodeForm(request, request.POST)
        if form.is_valid():
            _store(user, form.cleaned_data["code"])
            return done("user_code", "saved")
    stored = UserCode.objects.filter(user_id=user.pk).first()
    locked = stored is not None and stored.is_locked(timezone.now())
    context = {
        "form": form,
        "removal": removal,
        "has_code": stored is not None,
        "locked_until": stored.locked_until if stored and locked else None,
        "done": done_before(request, DONE),
    }
    wrong = form.is_bound or removal.is_bound
    return page_response(request, "user_code.html", context, status=422 if wrong else 200)


def _store(user: AbstractBaseUser, code: str) -> None:
    """One row a user, also when two tabs save at once; a new code is unlocked."""
    fresh = UserCode()
    fresh.set_code(code)
    UserCode.objects.update_or_create(
        user_id=user.pk,
        defaults={
            "code_hash": fresh.code_hash,
            "failures": fresh.failures,
            "locked_until": fresh.locked_until,
        },
    )
