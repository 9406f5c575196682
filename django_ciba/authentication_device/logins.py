"""When and how this session's user proved who they are: `auth_time` and `amr` of what follows."""

from datetime import datetime
from typing import Any, Final

from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime

SESSION_KEY: Final = "ciba_authenticated_at"
SECOND_FACTOR_KEY: Final = "ciba_second_factor_since"

# Where django-otp keeps which device has verified this session (django_otp.DEVICE_ID_SESSION_KEY).
OTP_DEVICE: Final = "otp_device_id"

# Named one by one: classes that inherit from ModelBackend may ask for something else.
PASSWORD_BACKENDS: Final = frozenset(
    {
        "django.contrib.auth.backends.ModelBackend",
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
    }
)


@receiver(user_logged_in, dispatch_uid="django_ciba.authentication_device.logins")
def note_login(
    sender: object,
    request: HttpRequest | None = None,
    user: AbstractBaseUser | None = None,
    **kwargs: Any,
) -> None:
    """Keep the time of a login with its session: `last_login` is that of the user's latest one.

    And of its second factor: no verification that is found in the session afterwards is older,
    unless it was there before and this login did not prove it again.
    """
    session = getattr(request, "session", None)
    if session is None:
        return
    session[SESSION_KEY] = timezone.now().isoformat()
    # django-otp takes a login of a user with `otp_device` for a verification by that device.
    if getattr(user, "otp_device", None) is not None or OTP_DEVICE not in session:
        session[SECOND_FACTOR_KEY] = session[SESSION_KEY]


def authenticated_at(request: HttpRequest, now: datetime) -> datetime:
    """OpenID Connect Core §2 `auth_time`: when the user of this session logged in.

    A session that began before this app was installed has the user's last login; a user who has
    never logged in is one whom the site authenticates with each request, and that is now.
    """
    found = _kept_time(request, SESSION_KEY)
    return min(found or getattr(request.user, "last_login", None) or now, now)


def second_factor_since(request: HttpRequest, now: datetime) -> datetime | None:
    """When django-otp's verification of this session was proved, or a login before that.

    django-otp keeps no time. A page that verifies without a login leaves no trace here: its
    verification is taken to be as old as it can be. None for one older than what is kept.
    """
    found = _kept_time(request, SECOND_FACTOR_KEY)
    return found and min(found, now)


def login_name(request: HttpRequest) -> str:
    """A name of this login that says nothing else.

    An open page compares it: after another login, its forms and its list are no longer good.
    """
    value = f"{request.user.pk} {request.session.get(SESSION_KEY)}"
    digest = salted_hmac("django_ciba.authentication_device.logins", value, algorithm="sha256")
    return digest.hexdigest()[:16]


def authentication_methods(request: HttpRequest) -> list[str]:
    """RFC 8176 `amr` of this session: a password for Django's own backends.

    Empty for every other backend: what it asked for is not ours to guess.
    """
    return ["pwd"] if request.session.get(BACKEND_SESSION_KEY) in PASSWORD_BACKENDS else []


def _kept_time(request: HttpRequest, key: str) -> datetime | None:
    stored = request.session.get(key)
    found = parse_datetime(stored) if isinstance(stored, str) else None
    return None if found is None or timezone.is_naive(found) else found
