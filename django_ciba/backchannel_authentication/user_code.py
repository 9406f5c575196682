"""A code that only the user knows, against unsolicited prompts (CIBA Core §7.1 user_code)."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.models import Client, UserCode
from django_ciba.protocol.errors import InvalidUserCode, MissingUserCode
from django_ciba.protocol.parameters import Parameters


def the_user_code_fits(
    parameters: Parameters, client: Client, user: AbstractBaseUser | None, now: datetime
) -> None:
    """CIBA Core §7.1: a client registered for it must send the code of a user who has one.

    Costs a statement for those clients alone. Raises MissingUserCode or InvalidUserCode.
    """
    if not client.backchannel_user_code_parameter or user is None:
        return
    kept = UserCode.objects.filter(user_id=user.pk).first()
    if kept is None:
        return
    code = parameters.text("user_code")
    if code is None:
        raise MissingUserCode("this user has a user_code: ask for it and send it")
    if not kept.accepts(code, now):
        raise InvalidUserCode("user_code is wrong, or locked for a while after wrong ones")
