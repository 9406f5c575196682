"""Where a user proves again, by their password, that it is they who sit at this session."""

from typing import TYPE_CHECKING, Any, Final, cast

from django import forms
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from django_ciba.authentication_device.pages import (
    device_page,
    page_response,
    see,
    signed_in_user,
)
from django_ciba.models import AuditEvent

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NEXT: Final = "next"


class PasswordForm(forms.Form):
    """Asks for the account's password again, of a user who has one here.

    A session left open on a desk must not be enough to change what guards the account. It asks the
    site's own backends, so that whatever guards its login guards this too. Users who sign in by
    other means have no password that could be asked for.
    """

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.user = signed_in_user(request)
        self.proved: AbstractBaseUser | None = None
        if not self.user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        """Of this session's user. `authenticate` announces a failure (`user_login_failed`)."""
        password: str = self.cleaned_data["password"]
        name = self.user.get_username()
        self.proved = authenticate(self.request, username=name, password=password)
        if self.proved is None or self.proved.pk != self.user.pk:
            raise forms.ValidationError(
                _("This is not your password. Enter the one you sign in with."),
                code="wrong_password",
            )
        return password


@sensitive_post_parameters()
@device_page("GET", "HEAD", "POST")
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """The password, and back to where the user came from.

    A user without a password is signed out, and signs in as they always do.
    """
    user = signed_in_user(request)
    back = safe_next(request)
    if not user.has_usable_password():
        return _by_other_means(request, back)
    form = PasswordForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid() and form.proved is not None:
        login(request, cast("User", form.proved))
        AuditEvent.objects.note(
            AuditEvent.Event.SIGNED_IN_AGAIN, timezone.now(), user_id=form.proved.pk
        )
        return see(back)
    context = {"form": form, "next": back}
    return page_response(
        request, "sign_in_again.html", context, status=422 if form.is_bound else 200
    )


def safe_next(request: HttpRequest) -> str:
    """The path of this host that the user came from; the inbox for anything else."""
    wanted = request.POST.get(NEXT) or request.GET.get(NEXT) or ""
    allowed = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if allowed else reverse("ciba_device:inbox")


def _by_other_means(request: HttpRequest, back: str) -> HttpResponse:
    """By a link, not a redirect: our form-action forbids one to a login on another host."""
    if request.method != "POST":
        return page_response(request, "sign_in_again.html", {"next": back})
    logout(request)
    context = {"login_address": redirect_to_login(back)["Location"], "signed_in_as": ""}
    return page_response(request, "sign_in_again.html", context)
