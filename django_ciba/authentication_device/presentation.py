"""An authentication request in words that a person understands at a glance."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_ciba.authorization_details import Presented, presented
from django_ciba.journeys import Demand, choices, demand_of
from django_ciba.journeys.user_verification import can_be_verified
from django_ciba.models import AuthenticationRequest, Passkey, configuration
from django_ciba.protocol.names import OPENID_SCOPE, SCOPE_CLAIMS

# What the client asks for (OpenID Connect Core §5.4, §11). A scope of the site's own is shown
# by its name.
SCOPE_WORDS: Final[dict[str, Promise]] = {
    "openid": _("who you are"),
    "profile": _("your name and profile"),
    "email": _("your e-mail address"),
    "phone": _("your phone number"),
    "address": _("your postal address"),
    "offline_access": _("to go on while you are away"),
}
# What every ID token says, asked for or not.
OF_OPENID: Final = ("sub", "acr")

# How an approval proved itself, by what its prompt demanded (journeys.Demand).
PROOF_WORDS: Final[dict[str, Promise]] = {
    "number": _("with the number that was shown"),
    "passkey": _("with a passkey"),
    "passcode": _("with the passcode that was sent"),
    "link": _("by the link that was sent"),
    "second_factor": _("with a second factor"),
}


class Outcome(StrEnum):
    """What has become of a request, as its user should hear it.

    at_client: it waits for a passcode that the user gives the client; here it can be denied.
    """

    WAITING = "waiting"
    AT_CLIENT = "at_client"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


STILL_OPEN: Final = (Outcome.WAITING, Outcome.AT_CLIENT)


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that is asked for; `words` is None for a scope of the site's own."""

    name: str
    words: Promise | None


@dataclass(frozen=True, slots=True)
class Card:
    """What a template shows of one request. Nothing here is markup, all of it is escaped."""

    authentication_request: AuthenticationRequest
    now: datetime
    # Where it is answered without a login: the address of the link that the user was sent.
    link: str = ""
    # Whether its user has a passkey, or else an app that does for one; asked for where one is
    # demanded (`cards_to_answer`).
    has_passkey: bool = True
    has_app: bool = True

    @property
    def address(self) -> str:
        """Where its forms are sent."""
        return self.link or reverse("ciba_device:request", args=[self.id])

    @property
    def demand(self) -> Demand:
        """What an approval must come with."""
        return demand_of(self.authentication_request)

    @property
    def is_plain(self) -> bool:
        """A button approves: nothing must be picked, typed, signed or opened."""
        demand = self.demand
        return not (demand.number or demand.passkey or demand.passcode or self.is_only_denied)

    @property
    def needs_link(self) -> bool:
        """It is approved on another page: the one that the user was sent a link to."""
        return bool(self.demand.link) and not self.link

    @property
    def needs_app(self) -> bool:
        """It asks for user verification, which its user can give in the site's own app alone."""
        return self.demand.passkey and not self.has_passkey and self.has_app

    @property
    def lacks_passkey(self) -> bool:
        """It asks for user verification, and its user has nothing left to give it with."""
        return self.demand.passkey and not self.has_passkey and not self.has_app

    @property
    def at_client(self) -> bool:
        """It is approved by the client, which the user gives the passcode that they were sent."""
        return self.outcome == Outcome.AT_CLIENT

    @property
    def is_only_denied(self) -> bool:
        """An approval of it is given elsewhere."""
        return self.needs_link or self.needs_app or self.lacks_passkey or self.at_client

    @property
    def picks_number(self) -> bool:
        """A number is picked where nothing else is asked for: each of its buttons approves."""
        demand = self.demand
        return demand.number == "pick" and not (demand.passkey or demand.passcode)

    @property
    def types_number(self) -> bool:
        return bool(self.demand.number) and not self.picks_number

    @property
    def numbers(self) -> list[str]:
        """To pick from, the same ones each time."""
        return choices(self.authentication_request)

    @property
    def id(self) -> str:
        return str(self.authentication_request.public_id)

    @property
    def client_name(self) -> str:
        return str(self.authentication_request.client)

    @property
    def initial(self) -> str:
        """The first letter of the client's name, as its picture."""
        letters = (each for each in self.client_name if each.isalnum())
        return next(letters, "?").upper()

    @property
    def scopes(self) -> list[Scope]:
        """In the order in which the client asked; a claim asked for by name is like its scope."""
        asked = self.authentication_request
        claims = (name for place in asked.requested_claims.values() for name in place)
        names = dict.fromkeys([*asked.scope.split(), *map(_scope_of, claims)])
        return [Scope(name, SCOPE_WORDS.get(name)) for name in names]

    @property
    def authorization_details(self) -> list[Presented]:
        """RFC 9396 §3: each object that the user is asked to allow, in the order of the request."""
        asked = self.authentication_request.authorization_details
        if not asked:
            return []
        client = configuration().client_by_pk(self.authentication_request.client_id)
        types = client.realm.details_types if client else {}
        return [presented(each, types.get(each["type"])) for each in asked]

    @property
    def asked_at(self) -> datetime:
        return self.authentication_request.created_at

    @property
    def answer_until(self) -> datetime:
        return self.authentication_request.answerable_until

    @property
    def seconds_left(self) -> int:
        """Rounded up, so that the page never gives up sooner than the server."""
        return max(0, math.ceil((self.answer_until - self.now).total_seconds()))

    @property
    def seconds_given(self) -> int:
        """From the prompt to the end, for the bar that runs down."""
        begun = self.authentication_request.prompted_at or self.asked_at
        return max(1, math.ceil((self.answer_until - begun).total_seconds()))

    @property
    def clock(self) -> str:
        """Time left as a clock shows it: 1:05, 1:00:00."""
        minutes, seconds = divmod(self.seconds_left, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    @property
    def proofs(self) -> list[Promise]:
        """What its approval came with; nothing for a plain yes, and for a no."""
        found = self.authentication_request
        if found.answer != AuthenticationRequest.Answer.APPROVED:
            return []
        return [words for name, words in PROOF_WORDS.items() if found.demand.get(name)]

    @property
    def times_asked(self) -> int:
        """How many requests that look like this one wait; more than one are shown as one."""
        return times_asked(self.authentication_request)

    @property
    def outcome(self) -> Outcome:
        return outcome(self.authentication_request, self.now)


def times_asked(found: AuthenticationRequest) -> int:
    """As the query of that name has counted; 1 where nobody has."""
    return int(getattr(found, "times_asked", 1))


def cards_to_answer(
    rows: Iterable[AuthenticationRequest], now: datetime, link: str = ""
) -> list[Card]:
    """Cards with what an answer needs, of requests that are all one user's.

    Whether they have a passkey is one query, and none where no passkey is demanded.
    """
    waiting = list(rows)
    user_id = next((each.user_id for each in waiting if demand_of(each).passkey), None)
    has_passkey = user_id is None or Passkey.objects.filter(user_id=user_id).exists()
    has_app = has_passkey or can_be_verified(waiting[0].user)
    return [Card(each, now, link, has_passkey, has_app) for each in waiting]


def outcome(found: AuthenticationRequest, now: datetime) -> Outcome:
    """What to tell the user about a request of theirs; WAITING agrees with `waiting_for`."""
    status, answer = AuthenticationRequest.Status, AuthenticationRequest.Answer
    if found.status == status.CANCELLED:
        return Outcome.WITHDRAWN
    if found.answer == answer.DENIED:
        return Outcome.DENIED
    if found.answer == answer.FAILED:
        return Outcome.FAILED
    if found.answer == answer.APPROVED:
        if found.status == status.PENDING and found.is_expired(now):
            return Outcome.EXPIRED  # a later step of the journey took too long
        return Outcome.FAILED if found.status == status.FAILED else Outcome.APPROVED
    # A journey that ends because nobody answered in time has failed, to the user it has expired.
    if found.answerable_until <= (found.ended_at or now):
        return Outcome.EXPIRED
    if found.status != status.PENDING or not found.is_of_enabled_client:
        return Outcome.FAILED
    return Outcome.AT_CLIENT if found.is_asked_at_client else Outcome.WAITING


def _scope_of(claim: str) -> str:
    """OpenID Connect Core §5.4: the scope that opens the claim; its own name where none does."""
    if claim in OF_OPENID:
        return OPENID_SCOPE
    return next((scope for scope, claims in SCOPE_CLAIMS.items() if claim in claims), claim)
