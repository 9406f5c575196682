"""A code that only the user knows, against unsolicited prompts (CIBA Core §7.1 user_code)."""

from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.models import Client, UserCode
from django_ciba.protocol.errors import InvalidUserCode, MissingUserCode
from django_ciba.protocol.parameters import Parameters


def user_of_the_code(
    parameters: Parameters, client: Client, user: AbstractBaseUser | None, now: datetime
) -> AbstractBaseUser | None:
    """CIBA Core §7.1: a client registered for it must send the code of a user who has one.

    Costs a statement for those clients alone. Raises MissingUserCode or InvalidUserCode; a client
    that must not learn who exists gets nobody instead, after as long a comparison.
    """
    if not client.backchannel_user_code_parameter:
        return user
    code = parameters.text("user_code")
    kept = UserCode.objects.filter(user_id=user.pk).first() if user is not None else None
    if kept is None:
        if client.hide_unknown_users and code is not None:
            make_password(code)
        return user
    try:
        the_code_fits(kept, code, now)
    except (MissingUserCode, InvalidUserCode):
        if client.hide_unknown_users:
            return None
        raise
    return user


def the_code_fits(kept: UserCode, code: str | None, now: datetime) -> None:
    """CIBA Core §13: the code that the user keeps. Raises MissingUserCode or InvalidUserCode."""
    if code is None:
        raise MissingUserCode("this user has a user_code: ask for it and send it")
    if not kept.accepts(code, now):
        raise InvalidUserCode("user_code is wrong, or locked for a while after wrong ones")
