"""When and how this session's user proved who they are: `auth_time` and `amr` of what follows."""

from datetime import datetime
from typing import Any, Final

from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime

SESSION_KEY: Final = "ciba_authenticated_at"

# Named one by one: classes that inherit from ModelBackend may ask for something else.
PASSWORD_BACKENDS: Final = frozenset(
    {
        "django.contrib.auth.backends.ModelBackend",
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
    }
)


@receiver(user_logged_in, dispatch_uid="django_ciba.authentication_device.logins")
def note_login(sender: object, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Keep the time of a login with its session: `last_login` is that of the user's latest one."""
    session = getattr(request, "session", None)
    if session is not None:
        session[SESSION_KEY] = timezone.now().isoformat()


def authenticated_at(request: HttpRequest, now: datetime) -> datetime:
    """OpenID Connect Core §2 `auth_time`: when the user of this session logged in.

    A session that began before this app was installed has the user's last login; a user who has
    never logged in is one whom the site authenticates with each request, and that is now.
    """
    stored = request.session.get(SESSION_KEY)
    found = parse_datetime(stored) if isinstance(stored, str) else None
    if found is None or timezone.is_naive(found):
        found = getattr(request.user, "last_login", None) or now
    return min(found, now)


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
