"""Races for a passcode, a middle token and the second step; as in `races`."""

from typing import Any

from django.conf import settings
from django.utils import timezone

from django_ciba.journeys import TEMPLATES, PasscodeRefused, enter_passcode
from django_ciba.journeys.demand import sealed
from django_ciba.models import (
    AcrMapping,
    AuditEvent,
    AuthenticationRequest,
    Client,
    Realm,
    forget,
)
from django_ciba.testing import do_what_is_due
from tests.faults.races import outcome, relying_party
from tests.provider import find, make_journey
from tests.two_steps import POCKET, Pocket, take_two_steps

# --- twenty guesses of one passcode --------------------------------------------------------------


def passcode_prepare() -> dict[str, Any]:
    """A passcode for the relying party to send; the journey allows three wrong ones."""
    if not AcrMapping.objects.filter(acr="two-step").exists():
        document = dict(TEMPLATES["two-step-user-code"].document)
        make_journey(Realm.objects.get(path="/"), document, acr="two-step")
        Client.objects.update(two_step_user_code=True)
        forget()  # else the realm is known without it for a second
    row = find(relying_party().auth_req_id(acr_values="two-step"))
    # What was sent has been sent, and wiped.
    demand = {**row.demand, "passcode": sealed(row, "424242")}
    AuthenticationRequest.objects.filter(pk=row.pk).update(demand=demand)
    return {"pk": row.pk, "name": row.auth_req_id_digest, "known": row.pk % 2 == 1}


def passcode_caller(order: dict[str, Any], number: int) -> str:
    """In every other round, one caller knows the passcode; the others guess."""
    knows = order["known"] and number == 7
    new = f"{number:064}"
    try:
        enter_passcode(
            AuthenticationRequest.objects.get(pk=order["pk"]),
            "424242" if knows else f"{number:06}",
            now=timezone.now(),
            amr=["otp"],
            renamed=new,
        )
    except PasscodeRefused as error:
        return error.reason
    return new


def passcode_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = AuthenticationRequest.objects.get(pk=order["pk"])
    name = row.auth_req_id_digest
    row.delete()  # the next round's has the same new name
    wrong = AuditEvent.objects.filter(public_id=row.public_id, event="wrong_passcode")
    return {
        "status": row.status,
        "name": name,
        "renamed": name != order["name"],
        "counted": wrong.count(),
    }


# --- twenty polls for one middle token; twenty second steps with one passcode ---------------------


def _two_steps() -> None:
    """The client takes two steps from now on, and its journey sends a passcode to this process."""
    settings.DJANGO_CIBA["PROMPT_CHANNELS"] = [POCKET]
    if not Client.objects.filter(two_step_user_code=True).exists():
        take_two_steps(Realm.objects.get(path="/"), tries=5)
        Client.objects.update(two_step_user_code=True)
        forget()


def middle_token_prepare() -> dict[str, Any]:
    _two_steps()
    auth_req_id = relying_party().auth_req_id()
    do_what_is_due()
    return {"auth_req_id": auth_req_id}


def middle_token_caller(order: dict[str, Any], number: int) -> str:
    return outcome(relying_party().poll(order["auth_req_id"]))


def middle_token_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = find(order["auth_req_id"])
    return {"status": row.status, "awaits_second_step": row.awaits_second_step}


def second_step_prepare() -> dict[str, Any]:
    order = middle_token_prepare()
    middle = relying_party().poll(order["auth_req_id"]).json()["id_token"]
    public_id = str(find(order["auth_req_id"]).public_id)
    return {"middle": middle, "code": Pocket.passcode(), "request": public_id}


def second_step_caller(order: dict[str, Any], number: int) -> str:
    """All with the right passcode, at once."""
    return outcome(_second_step(order, order["code"]))


def second_step_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = AuthenticationRequest.objects.get(public_id=order["request"])
    return {"status": row.status, "renamed": not row.awaits_second_step, "step": row.step}


def guesses_prepare() -> dict[str, Any]:
    return second_step_prepare()


def guesses_caller(order: dict[str, Any], number: int) -> str:
    """Twenty wrong passcodes at once, of which five may be tried."""
    length = len(order["code"])
    guess = (int(order["code"]) + 1 + number) % 10**length
    return outcome(_second_step(order, f"{guess:0{length}}"))


def guesses_finish(order: dict[str, Any]) -> dict[str, Any]:
    return {"status": second_step_finish(order)["status"]}


def _second_step(order: dict[str, Any], code: str) -> Any:
    asked = dict.fromkeys(("login_hint", "scope", "binding_message"))
    sent = {**asked, "id_token_hint": order["middle"], "user_code": code}
    return relying_party().authenticate(**sent)
