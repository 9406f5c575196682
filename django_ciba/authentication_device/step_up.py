"""How the session's user has signed in, and where they do so again or with a second factor.

The setting STEP_UP names one of these classes, or a subclass of `StepUp` of the site's own. What
such a class says is believed: it becomes `auth_time` and `amr` in the ID token.
"""

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from django_ciba.authentication_device import logins
from django_ciba.authentication_device.pages import signed_in_user
from django_ciba.conf import ciba_settings

FRESH: Final = timedelta(minutes=15)

# Where allauth keeps what its user has proved in this session (allauth.account.authentication).
ALLAUTH_RECORDS: Final = "account_authentication_methods"
ALLAUTH_RECORDS_OF: Final = "account_authentication_methods_user"
# RFC 8176 §2. What allauth's other methods ask for (a code by mail, another provider) is not named.
ALLAUTH_AMR: Final = {"password": "pwd", "totp": "otp", "recovery_codes": "otp", "webauthn": "pop"}


class StepUp(ABC):
    """What the authentication device asks the site about a session's login."""

    @abstractmethod
    def authenticated_at(self, request: HttpRequest, now: datetime) -> datetime:
        """When the user of this session last proved who they are; never after `now`."""

    @abstractmethod
    def amr(self, request: HttpRequest) -> list[str]:
        """RFC 8176: how they proved it; what is not known is left out."""

    @abstractmethod
    def second_factor(self, request: HttpRequest) -> bool:
        """Whether they proved a second factor in this session."""

    def second_factor_at(self, request: HttpRequest, now: datetime) -> datetime | None:
        """When they last proved it in this session, never after `now`; None if they did not.

        A class that does not say has it proved with each login.
        """
        return self.authenticated_at(request, now) if self.second_factor(request) else None

    @abstractmethod
    def has_second_factor(self, request: HttpRequest) -> bool:
        """Whether they have one set up at the site, proved in this session or not."""

    @abstractmethod
    def sign_in_again_url(self, request: HttpRequest, next_address: str) -> str:
        """Where they prove again who they are, and come back to that path of this host."""

    @abstractmethod
    def second_factor_url(self, request: HttpRequest, next_address: str) -> str | None:
        """Where they prove a second factor, and come back; None where there is no such page."""


class PasswordStepUp(StepUp):
    """Django's own logins: the password again on a page of ours, and no second factor."""

    def authenticated_at(self, request: HttpRequest, now: datetime) -> datetime:
        return logins.authenticated_at(request, now)

    def amr(self, request: HttpRequest) -> list[str]:
        return logins.authentication_methods(request)

    def second_factor(self, request: HttpRequest) -> bool:
        return False

    def has_second_factor(self, request: HttpRequest) -> bool:
        return False

    def sign_in_again_url(self, request: HttpRequest, next_address: str) -> str:
        return _with_next(reverse("ciba_device:sign_in_again"), next_address)

    def second_factor_url(self, request: HttpRequest, next_address: str) -> str | None:
        return None


class OtpStepUp(PasswordStepUp):
    """django-otp: a session that its middleware has found verified; OTP_LOGIN_URL leads there."""

    def amr(self, request: HttpRequest) -> list[str]:
        found = super().amr(request)
        if self.second_factor(request):
            found += ["otp", "mfa"] if found else ["otp"]
        return found

    def second_factor(self, request: HttpRequest) -> bool:
        verified = getattr(request.user, "is_verified", None)
        return verified is not None and bool(verified())

    def second_factor_at(self, request: HttpRequest, now: datetime) -> datetime | None:
        return logins.second_factor_since(request, now) if self.second_factor(request) else None

    def has_second_factor(self, request: HttpRequest) -> bool:
        return bool(import_string("django_otp.user_has_device")(request.user))

    def second_factor_url(self, request: HttpRequest, next_address: str) -> str | None:
        return _with_next(
            resolve_url(getattr(settings, "OTP_LOGIN_URL", settings.LOGIN_URL)), next_address
        )


class AllauthStepUp(PasswordStepUp):
    """django-allauth: its record of what the session has proved, and its pages to prove it again.

    A session without such a record (of the admin's login, say) is taken as PasswordStepUp does.
    """

    def authenticated_at(self, request: HttpRequest, now: datetime) -> datetime:
        latest = _latest(_allauth_records(request), now)
        return latest or super().authenticated_at(request, now)

    def amr(self, request: HttpRequest) -> list[str]:
        records = _allauth_records(request)
        if not records:
            return super().amr(request)
        kinds = dict.fromkeys(str(each.get("type") or each.get("method")) for each in records)
        ways = dict.fromkeys(ALLAUTH_AMR.get(kind, kind) for kind in kinds)
        found = [way for way in ways if way in ALLAUTH_AMR.values()]
        # One factor that was proved again, as before a change of it, is still one.
        return [*found, "mfa"] if self.second_factor(request) and len(ways) > 1 else found

    def second_factor(self, request: HttpRequest) -> bool:
        return bool(_allauth_second_factors(request))

    def second_factor_at(self, request: HttpRequest, now: datetime) -> datetime | None:
        """Of allauth's own records; a class of the site's may know a factor without one."""
        latest = _latest(_allauth_second_factors(request), now)
        return latest or super().second_factor_at(request, now)

    def has_second_factor(self, request: HttpRequest) -> bool:
        if not apps.is_installed("allauth.mfa"):
            return False
        return bool(import_string("allauth.mfa.utils.is_mfa_enabled")(request.user))

    def sign_in_again_url(self, request: HttpRequest, next_address: str) -> str:
        """Where allauth has no way for this user, as for one of another provider's: our page."""
        if _allauth_ways(request):
            return _with_next(reverse("account_reauthenticate"), next_address)
        return super().sign_in_again_url(request, next_address)

    def second_factor_url(self, request: HttpRequest, next_address: str) -> str | None:
        for way in _allauth_ways(request):
            # That of a security key has ":webauthn" behind.
            if str(way.get("id")).partition(":")[0] == "mfa_reauthenticate":
                return _with_next(way["url"], next_address)
        return None


def signed_in_lately(request: HttpRequest, now: datetime) -> bool:
    """Whether this session may add or remove what approves in its user's place.

    One that was left open must not be enough for that.
    """
    return _is_fresh(step_up().authenticated_at(request, now), now)


def why_not_added(request: HttpRequest, now: datetime) -> str:
    """Why this session may not add a passkey or an app yet; "" if it may.

    Either counts as a second factor later: a password alone must not become one where the user has
    a better one at the site, and neither must a password at a session that was left open, so the
    second factor must be as fresh as the login. Who has none, or passkeys alone, adds by a fresh
    login: no page of ours proves a passkey for a session.
    """
    if not signed_in_lately(request, now):
        return "login_too_old"
    site = step_up()
    proved_at = site.second_factor_at(request, now)
    proved_lately = proved_at is not None and _is_fresh(proved_at, now)
    if not proved_lately and site.has_second_factor(request):
        return "needs_second_factor"
    return ""


def way_to_prove(request: HttpRequest, reason: str, next_address: str) -> str | None:
    """Where the user does what was refused for that reason, and comes back; None: nowhere."""
    if reason == "login_too_old":
        return step_up().sign_in_again_url(request, next_address)
    if reason == "needs_second_factor":
        return step_up().second_factor_url(request, next_address)
    return None


def step_up() -> StepUp:
    """The one that the setting STEP_UP names."""
    return _made(ciba_settings.STEP_UP)


@lru_cache(maxsize=8)
def _made(path: str) -> StepUp:
    found = import_string(path)
    if not (isinstance(found, type) and issubclass(found, StepUp)):
        raise TypeError(f"DJANGO_CIBA['STEP_UP'] {path} is not a subclass of StepUp")
    return found()


def _is_fresh(proved_at: datetime, now: datetime) -> bool:
    return now - proved_at <= min(FRESH, timedelta(seconds=ciba_settings.LOGIN_MAX_AGE))


def _allauth_records(request: HttpRequest) -> list[dict[str, Any]]:
    """What this session's user has proved: there may be records of one who never came in."""
    stored = request.session.get(ALLAUTH_RECORDS)
    of = request.session.get(ALLAUTH_RECORDS_OF)
    user = signed_in_user(request)
    if not isinstance(stored, list) or of not in (None, user._meta.pk.value_to_string(user)):
        return []
    return [
        each
        for each in stored
        if isinstance(each, dict) and isinstance(each.get("at"), int | float)
    ]


def _allauth_second_factors(request: HttpRequest) -> list[dict[str, Any]]:
    return [each for each in _allauth_records(request) if each.get("method") == "mfa"]


def _latest(records: list[dict[str, Any]], now: datetime) -> datetime | None:
    times = [each["at"] for each in records]
    return min(datetime.fromtimestamp(max(times), UTC), now) if times else None


def _allauth_ways(request: HttpRequest) -> list[dict[str, Any]]:
    """How allauth lets this user prove again who they are."""
    adapter = import_string("allauth.account.adapter.get_adapter")()
    found: list[dict[str, Any]] = adapter.get_reauthentication_methods(request.user)
    return found


def _with_next(address: str, next_address: str) -> str:
    return f"{address}?{urlencode({'next': next_address})}"
