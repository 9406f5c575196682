"""By which way the last question has gone to its user, and what its answer shows by that."""

from django.db.models import QuerySet

from django_ciba.models import AuthenticationRequest, Delivery
from django_ciba.models.authentication_request import ASKED


def passcode_methods(found: AuthenticationRequest) -> list[str]:
    """RFC 8176 §2: otp; and sms, where the passcode has gone by text message and no other way.

    In: a request whose present prompt demands a passcode, wherever that is entered.
    """
    return ["otp", "sms"] if question_went_by(found) == {"sms"} else ["otp"]


def question_goes_by(found: AuthenticationRequest) -> frozenset[str]:
    """Names of the channels of the last question, also where nobody has noted yet that it went."""
    return frozenset(_last_question(found).values_list("channel", flat=True))


def question_went_by(found: AuthenticationRequest) -> frozenset[str]:
    """Names of the channels that the last question of `found` has been handed to."""
    gone = _last_question(found).filter(state=Delivery.State.DELIVERED)
    return frozenset(gone.values_list("channel", flat=True))


def _last_question(found: AuthenticationRequest) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        authentication_request_id=found.pk,
        kind=Delivery.Kind.PROMPT,
        round=found.memory.get(ASKED, 1),
    )
