"""Which channels a passcode or a link may go by."""

from typing import Annotated, Any

from django_ciba.conf import ciba_settings
from django_ciba.models import AuthenticationRequest
from django_ciba.prompts import channel, reachable_channels


def secret_channel(value: Any) -> str | None:
    """A name out of PROMPT_CHANNELS whose messages the user alone can read."""
    if isinstance(value, str) and value in ciba_settings.PROMPT_CHANNELS and _carries(value):
        return None
    return "must be a name out of PROMPT_CHANNELS, of a channel that carries secrets"


SecretChannel = Annotated[str, secret_channel]


def secret_channels(found: AuthenticationRequest, only: str | None) -> tuple[str, ...]:
    """Those that reach the request's user: all, or that `only` one."""
    if found.user is None:
        return ()
    names = reachable_channels(found.user, secret=True)
    return tuple(name for name in names if only in (None, name))


def _carries(name: str) -> bool:
    try:
        return channel(name).carries_secrets
    except (ImportError, TypeError):
        return False  # a system check says what is wrong with it
