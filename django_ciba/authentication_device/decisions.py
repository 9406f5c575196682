"""One request's own page: who asks and for what, the user's answer, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from django_ciba.authentication_device import passkeys
from django_ciba.authentication_device.asked import own_request, to_be_answered
from django_ciba.authentication_device.pages import (
    device_data,
    device_page,
    page_response,
    refused_page,
    see,
    signed_in_user,
)
from django_ciba.authentication_device.presentation import (
    STILL_OPEN,
    Card,
    Outcome,
    cards_to_answer,
    outcome,
)
from django_ciba.authentication_device.refusals import (
    REFUSALS,
    TELLING,
    note_refusal,
    note_stranger,
)
from django_ciba.authentication_device.step_up import step_up, way_to_prove
from django_ciba.journeys import (
    VERDICTS,
    Evidence,
    NotAnswerable,
    answer,
    demand_of,
)
from django_ciba.models import AuthenticationRequest


@dataclass(frozen=True, slots=True)
class Proof:
    """What an answer comes with: the evidence, and when and how its user proved who they are."""

    evidence: Evidence
    authenticated_at: datetime
    amr: tuple[str, ...]
    prompt: int | None


@sensitive_post_parameters("passcode")
@device_page("GET", "HEAD", "POST")
def request_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Shows the request, or what came of it; a POST answers it, a GET never changes anything.

    Somebody else's request and one that does not exist are the same 404.
    """
    now = timezone.now()
    found = own_request(signed_in_user(request), public_id, now)
    if found is None:
        return not_found(request, public_id)
    if request.method == "POST":
        return _take_answer(request, found, now)
    if answers_by_address(request):
        note_refusal(request, found, "get", now)
        return refused_page(request, "get", status=400)
    newest = to_be_answered(found, now)
    if newest.pk != found.pk:
        return HttpResponseRedirect(reverse("ciba_device:request", args=[newest.public_id]))
    if outcome(found, now) in STILL_OPEN:
        (card,) = cards_to_answer([found], now)
        return page_response(request, "request.html", {"card": card})
    return _outcome_page(request, found, now)


@device_data
def card(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The card alone, for the page's script to put into the list; 404 when it waits no longer."""
    now = timezone.now()
    found = own_request(signed_in_user(request), public_id, now)
    if found is None or outcome(found, now) != Outcome.WAITING:
        return HttpResponse(status=404)
    (shown,) = cards_to_answer([found], now)
    return page_response(request, "card.html", {"card": shown})


def not_found(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The 404 of a request that is not this user's; a try to answer somebody else's is recorded."""
    if request.method == "POST":
        note_stranger(signed_in_user(request).pk, public_id, timezone.now())
    return page_response(request, "not_found.html", {}, status=404)


def answers_by_address(request: HttpRequest) -> bool:
    """RFC 9110 §9.2.1: an address that tries to answer, as a link in a mail could."""
    return any(name in request.GET for name in ("verdict", "number", "passcode", "passkey"))


def given_verdict(request: HttpRequest) -> str:
    """The form's one verdict; "" for none, two, or another word."""
    given = request.POST.getlist("verdict")
    return given[0] if len(given) == 1 and given[0] in VERDICTS else ""


def given_prompt(request: HttpRequest) -> int | None:
    """Which prompt the form was made for; a form without one is taken for the prompt of now."""
    given = request.POST.get("prompt", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


def given_passcode(request: HttpRequest) -> str:
    """Without the spaces that messages group it by."""
    return "".join(request.POST.get("passcode", "").split())


def _take_answer(request: HttpRequest, found: AuthenticationRequest, now: datetime) -> HttpResponse:
    """Record the verdict.

    Sent twice (a double click, a reload) it is still one answer, and the page says what it was; a
    different second verdict hears that it was not taken.
    """
    verdict = given_verdict(request)
    if not verdict:
        return _refused(request, found, "no_verdict", now)
    try:
        proof = _proof(request, found, verdict, now)
        answer(
            found,
            verdict,
            now=now,
            authenticated_at=proof.authenticated_at,
            amr=proof.amr,
            prompt=proof.prompt,
            evidence=proof.evidence,
        )
    except NotAnswerable as refused:
        if reason := why_not(request, found, verdict, refused, now):
            return _refused(request, found, reason, now)
    return see(reverse("ciba_device:request", args=[found.public_id]))


def why_not(
    request: HttpRequest,
    found: AuthenticationRequest,
    verdict: str,
    refused: NotAnswerable,
    now: datetime,
) -> str:
    """Why that answer was not taken, written down where it tells something; `found` is read anew.

    "" where the answer on record is the same: a form that was sent twice.
    """
    if refused.reason in TELLING:
        note_refusal(request, found, refused.reason, now)
    found.refresh_from_db()
    said_before = refused.reason == "answered" and found.answer == verdict
    return "" if said_before else refused.reason


def _proof(
    request: HttpRequest, found: AuthenticationRequest, verdict: str, now: datetime
) -> Proof:
    """What the form and its session bring. Raises PasskeyRefused. A denial needs nothing."""
    site, prompt, demand = step_up(), given_prompt(request), demand_of(found)
    authenticated_at, amr = site.authenticated_at(request, now), site.amr(request)
    if verdict != AuthenticationRequest.Answer.APPROVED:
        return Proof(Evidence(), authenticated_at, tuple(amr), prompt)
    second_factor = site.second_factor(request)
    signature = request.POST.get("passkey", "") if demand.passkey and passkeys.INSTALLED else ""
    if signature:
        challenge = request.POST.get("challenge", "")
        signed = passkeys.signed_approval(signed_in_user(request), found, challenge, signature, now)
        # It is a login of this moment, by two factors; and good for the prompt that it signed,
        # also when the user is prompted anew before it is stored.
        authenticated_at, amr, second_factor = now, list(signed.amr), True
        if prompt not in (None, found.prompt_number):
            raise NotAnswerable("prompted_again")
        prompt = found.prompt_number
    evidence = Evidence(
        number=request.POST.get("number", "").strip(),
        passkey=bool(signature),
        passcode=given_passcode(request),
        second_factor=second_factor,
    )
    return Proof(evidence, authenticated_at, tuple(amr), prompt)


def _refused(
    request: HttpRequest, found: AuthenticationRequest, reason: str, now: datetime
) -> HttpResponse:
    """Nothing was approved; the page says why, and what to do, with the request still before it."""
    if outcome(found, now) not in STILL_OPEN or reason in ("user_locked", "ended"):
        return _outcome_page(request, found, now, reason)
    (shown,) = cards_to_answer([found], now)
    way = way_to_prove(request, reason, reverse("ciba_device:request", args=[found.public_id]))
    context: dict[str, Any] = {"card": shown, "problem": reason, "way": way}
    return page_response(request, "request.html", context, status=REFUSALS[reason])


def _outcome_page(
    request: HttpRequest, found: AuthenticationRequest, now: datetime, refusal: str = ""
) -> HttpResponse:
    more = AuthenticationRequest.objects.waiting_for(signed_in_user(request), now).exclude(
        pk=found.pk
    )
    context = {"card": Card(found, now), "refusal": refusal, "more_waiting": more.exists()}
    return page_response(request, "outcome.html", context, status=REFUSALS.get(refusal, 200))
