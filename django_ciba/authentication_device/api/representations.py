"""What this API says of a device and of a request. `serializers` describes the same to OpenAPI."""

from datetime import UTC, datetime
from typing import Any

from django_ciba.authentication_device.api.addresses import api_address
from django_ciba.authentication_device.presentation import Card, Outcome
from django_ciba.authorization_details import Presented
from django_ciba.journeys import choices, demand_of
from django_ciba.models import AuthenticationRequest, Device


def device_members(device: Device) -> dict[str, Any]:
    """A device as its app may know it: never the address that pushes go to."""
    return {
        "id": str(device.public_id),
        "name": device.name,
        "user": device.user.get_username(),
        "audience": api_address(),
        "push": device.channel or None,
        "created_at": _time(device.created_at),
        "last_used_at": _time(device.last_used_at),
    }


def request_members(found: AuthenticationRequest, now: datetime) -> dict[str, Any]:
    """A request as the inbox shows it, and what an approval of it must come with."""
    card = Card(found, now)
    waits = card.outcome == Outcome.WAITING
    return {
        "id": card.id,
        "client": {"id": found.client.client_id, "name": card.client_name},
        "binding_message": found.binding_message,
        "scopes": [
            {"name": each.name, "words": str(each.words) if each.words else None}
            for each in card.scopes
        ],
        "authorization_details": [_details(each) for each in card.authorization_details],
        "acr": found.acr,
        "times_asked": card.times_asked if waits else 1,
        "asked_at": _time(card.asked_at),
        "answer_until": _time(card.answer_until),
        "prompt": found.prompt_number,
        "demands": _demands(found) if waits else None,
        "outcome": str(card.outcome),
        "answer": found.answer or None,
        "answered_at": _time(found.answered_at),
        "reported_at": _time(found.reported_at),
    }


def _demands(found: AuthenticationRequest) -> dict[str, Any]:
    """Without what would give the answer away: one of three numbers, and no digest."""
    demand = demand_of(found)
    return {
        "number": demand.number or None,
        "number_choices": choices(found) if demand.number == "pick" else [],
        "passcode": bool(demand.passcode),
        "passkey": demand.passkey,
        "second_factor": demand.second_factor,
        "link": bool(demand.link),
        "max_login_age": demand.max_login_age or found.client.realm.conf.LOGIN_MAX_AGE,
    }


def _details(each: Presented) -> dict[str, Any]:
    """RFC 9396 §3: `words` is HTML of the operator's template; the members are all of it."""
    return {
        "name": each.name,
        "words": None if each.words is None else str(each.words),
        "members": [{"name": one.name, "values": list(one.values)} for one in each.members],
    }


def _time(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
