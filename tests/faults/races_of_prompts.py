"""A user who is asked until they say yes (push fatigue); races as in `races`."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.utils import timezone

from django_ciba.journeys import report
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Client,
    Delivery,
    MutedClient,
    Realm,
    forget,
)
from django_ciba.testing import do_what_is_due
from tests.asked_often import ASKED_OFTEN
from tests.faults.races import SECRET, outcome, race_key, relying_party
from tests.provider import find, make_client, say

COOL_DOWN = 3600
EACH = 13  # requests of one caller; eight of them make a hundred


def bomb_prepare(**settings: Any) -> dict[str, Any]:
    """The limits as they are by default, but for those named; a client more; nothing asked yet."""
    realm = Realm.objects.get(path="/")
    realm.settings = settings
    realm.save()
    AuthenticationRequest.objects.all().delete()
    AuditEvent.objects.all().delete()
    if not Client.objects.filter(client_id="bank").exists():
        bank, _ = make_client(realm, client_id="bank")
        bank.set_secret(SECRET)
        bank.jwks = {"keys": [race_key().public_jwk]}
        bank.save()
    Client.objects.update(hide_unknown_users=False)
    return {}


def _ask(order: dict[str, Any], number: int, client_id: str = "shop", message: str = "") -> Any:
    forget()  # else a process may look at the limits of the race before for a second
    rp = relying_party(client_id)
    return [
        rp.authenticate(binding_message=message or f"Pay {number}-{each}") for each in range(EACH)
    ]


def bomb_caller(order: dict[str, Any], number: int) -> list[str]:
    return [outcome(each) for each in _ask(order, number)]


def bomb_finish(order: dict[str, Any]) -> dict[str, Any]:
    """What reaches alice of it: rows, messages by one channel, cards."""
    do_what_is_due()
    rows = AuthenticationRequest.objects.filter(user__isnull=False)
    alice = get_user_model()._default_manager.get()
    return {
        "rows": rows.count(),
        "rows_of": dict(Counter(rows.values_list("client__client_id", flat=True))),
        "messages": Delivery.objects.filter(channel="email", state="delivered").count(),
        "cards": AuthenticationRequest.objects.waiting_for(alice, timezone.now()).count(),
        "for_nobody": AuthenticationRequest.objects.filter(user=None).count(),
        "limits": sorted(
            {
                each.detail["limit"]
                for each in AuditEvent.objects.filter(event=AuditEvent.Event.LIMIT_REACHED)
            }
        ),
    }


def bomb_alike_prepare() -> dict[str, Any]:
    return bomb_prepare()


def bomb_alike_caller(order: dict[str, Any], number: int) -> list[str]:
    return [outcome(each) for each in _ask(order, number, message="Pay the same")]


def bomb_alike_finish(order: dict[str, Any]) -> dict[str, Any]:
    return bomb_finish(order)


def bomb_by_two_prepare() -> dict[str, Any]:
    return bomb_prepare()


def bomb_by_two_caller(order: dict[str, Any], number: int) -> list[str]:
    return [outcome(each) for each in _ask(order, number, ("shop", "bank")[number % 2])]


def bomb_by_two_finish(order: dict[str, Any]) -> dict[str, Any]:
    return bomb_finish(order)


def churn_prepare() -> dict[str, Any]:
    return bomb_prepare()


def churn_caller(order: dict[str, Any], number: int) -> list[str]:
    """Asks, takes back what was taken, and asks again."""
    forget()
    rp, came = relying_party(), []
    for each in range(EACH):
        answer = rp.authenticate(binding_message=f"Pay {number}-{each}")
        came.append(outcome(answer))
        if answer.status_code == 200:
            assert rp.cancel(answer.json()["auth_req_id"]).status_code == 200
    return came


def churn_finish(order: dict[str, Any]) -> dict[str, Any]:
    return bomb_finish(order)


def cool_down_prepare() -> dict[str, Any]:
    """Alice has said no three times; each counts for an hour."""
    order = bomb_prepare(cool_down=COOL_DOWN)
    for each in range(3):
        say(relying_party().auth_req_id(binding_message=f"Pay {each}"), "denied")
    return order


def cool_down_caller(order: dict[str, Any], number: int) -> list[str]:
    return bomb_caller(order, number)


def cool_down_finish(order: dict[str, Any]) -> dict[str, Any]:
    """An hour later the first denial counts no more: it is moved, since no test waits so long."""
    asked = AuthenticationRequest.objects.count()
    first = AuthenticationRequest.objects.order_by("pk")[0]
    assert first.answered_at is not None
    first.answered_at -= timedelta(seconds=COOL_DOWN)
    first.save()
    return {"asked": asked, "afterwards": outcome(relying_party().authenticate())}


def hidden_prepare() -> dict[str, Any]:
    order = bomb_prepare()
    for client in Client.objects.all():
        client.hide_unknown_users = True
        client.save()
    return order


def hidden_caller(order: dict[str, Any], number: int) -> list[str]:
    """What the client sees of each answer, and of a poll."""
    seen = []
    for answer in _ask(order, number):
        body = answer.json()
        polled = relying_party().poll(body.pop("auth_req_id", ""))
        told = [answer.status_code, body, polled.status_code, polled.json()]
        seen.append(json.dumps(told, sort_keys=True))
    return seen


def hidden_finish(order: dict[str, Any]) -> dict[str, Any]:
    return bomb_finish(order)


# --- two requests that look the same are reported at once, between their prompts -----------------


def report_alike_prepare() -> dict[str, Any]:
    bomb_prepare(**ASKED_OFTEN)
    MutedClient.objects.all().delete()
    rp = relying_party()
    names = [rp.auth_req_id(binding_message="Pay the same") for _ in range(2)]
    over = timezone.now() - timedelta(seconds=1)
    AuthenticationRequest.objects.update(prompted_at=over, prompt_until=over)
    return {"names": names}


def report_alike_caller(order: dict[str, Any], number: int) -> str:
    """Half of them report the one, half the other: each ends both."""
    try:
        report(find(order["names"][number % 2]), now=timezone.now())
    except OperationalError as error:
        return str(error)
    return "reported"


def report_alike_finish(order: dict[str, Any]) -> dict[str, Any]:
    rows = [find(name) for name in order["names"]]
    noted = AuditEvent.objects.filter(event=AuditEvent.Event.REPORTED)
    return {"statuses": [row.status for row in rows], "reports": noted.count()}
