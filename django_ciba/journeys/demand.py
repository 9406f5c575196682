"""What an approval must come with, and whether it has (design §7, §8).

A node demands; the page, the app or the command that takes the user's answer brings evidence;
`answer` compares the two, so that no way of answering can forget it. `enter_passcode` compares the
one piece that comes without the user, and takes it for a demand of a passcode alone. A denial needs
no evidence: to say no must stay easy.
"""

import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django_ciba.models import AuthenticationRequest
from django_ciba.models.secrets import secret_keys

NumberEntry = Literal["", "pick", "type"]


@dataclass(frozen=True, slots=True)
class Demand:
    """Of one prompt; stored with its request as JSON, without what has its default.

    `number`: the number that the client shows must be picked out of three, or typed. `passkey`: a
    passkey with user verification signs for this prompt. `passcode`, `link`: digests (`sealed`) of
    a passcode that was sent, and of the secret in a link that was. `second_factor`: the session has
    proved one. `max_login_age`: seconds; 0 for as the realm says. `tries`: how many wrong numbers
    or passcodes end it; wrong numbers are counted over all prompts of their request.
    """

    number: NumberEntry = ""
    passkey: bool = False
    passcode: str = ""
    link: str = ""
    second_factor: bool = False
    max_login_age: int = 0
    tries: int = 1

    def stored(self) -> dict[str, Any]:
        """As JSON, with what differs from the default."""
        default = asdict(Demand())
        return {name: value for name, value in asdict(self).items() if value != default[name]}


def ended_by_a_wrong_number(found: AuthenticationRequest) -> bool:
    """Whether what was answered wrongly for the last time was a question for the number.

    The demand is that of the question answered, since a new question takes its answer away too.
    """
    return found.answer == AuthenticationRequest.Answer.FAILED and bool(demand_of(found).number)


def passcode_alone(demand: Demand) -> bool:
    """Whether a passcode meets `demand` by itself: it is a login of that moment, and no more."""
    rest = replace(demand, passcode="", max_login_age=0, tries=1)
    return bool(demand.passcode) and rest == Demand()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer came with, each as its page has verified it.

    `passkey` says that a passkey of the user's has signed for this very prompt, with user
    verification. `link` and `passcode` are what the user had; the comparison is ours.
    """

    number: str = ""
    passkey: bool = False
    passcode: str = field(default="", repr=False)
    link: str = field(default="", repr=False)
    second_factor: bool = False
    vouched: bool = False


NOTHING: Final = Evidence()
# An operator who has the user on the telephone, or a test, answers in the user's place.
VOUCHED: Final = Evidence(vouched=True)


def demand_of(found: AuthenticationRequest) -> Demand:
    """What an approval of the request's present prompt must come with."""
    known: Mapping[str, Any] = found.demand
    return Demand(**known)


def unmet(
    found: AuthenticationRequest, evidence: Evidence, authenticated_at: datetime, now: datetime
) -> str:
    """Why this approval does not count yet, or ""; nothing has been compared that can be guessed.

    needs_number, needs_passkey, needs_passcode, needs_link, needs_second_factor, login_too_old.
    """
    demand = demand_of(found)
    if evidence.vouched:
        return ""
    missing = {
        "needs_number": bool(demand.number) and not evidence.number,
        "needs_passkey": demand.passkey and not evidence.passkey,
        "needs_passcode": bool(demand.passcode) and not evidence.passcode,
        "needs_link": bool(demand.link) and not evidence.link,
        "needs_second_factor": demand.second_factor and not evidence.second_factor,
        "login_too_old": _too_old(found, demand, authenticated_at, now),
    }
    return next((reason for reason, is_so in missing.items() if is_so), "")


def wrong(found: AuthenticationRequest, evidence: Evidence) -> str:
    """Which part of the evidence is wrong, or "": number, passcode, link."""
    demand = demand_of(found)
    if evidence.vouched:
        return ""
    if demand.number and not _same(evidence.number, found.number):
        return "number"
    if demand.passcode and not _same(sealed(found, evidence.passcode), demand.passcode):
        return "passcode"
    if demand.link and not _same(sealed(found, evidence.link), demand.link):
        return "link"
    return ""


def sealed(found: AuthenticationRequest, secret: str) -> str:
    """A digest of a short secret of one request, which the database alone does not give away."""
    key = secret_keys()[0].encode()
    text = f"django_ciba.journeys.demand\0{found.public_id}\0{secret}"
    octets = text.encode(errors="surrogatepass")  # JSON may hold what is no character
    return hmac.new(key, octets, "sha256").hexdigest()


def _same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), kept.encode())


def _too_old(
    found: AuthenticationRequest, demand: Demand, authenticated_at: datetime, now: datetime
) -> bool:
    age = demand.max_login_age or found.client.realm.conf.LOGIN_MAX_AGE
    return now - authenticated_at > timedelta(seconds=age)
