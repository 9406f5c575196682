"""What each race prepares, what each of its twenty callers does, and what is left afterwards."""

import json
from collections import Counter
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections
from django.test import Client as HttpClient
from django.utils import timezone

from django_ciba.due import rotate_keys
from django_ciba.jose import PrivateKey
from django_ciba.journeys import TEMPLATES, NotAnswerable, PasscodeRefused, enter_passcode
from django_ciba.journeys.demand import sealed
from django_ciba.models import (
    AcrMapping,
    AuditEvent,
    AuthenticationRequest,
    Client,
    Delivery,
    Grant,
    InitialAccessToken,
    Realm,
    RemoteJwks,
    SigningKey,
    Token,
    forget,
    secrets,
)
from django_ciba.testing import do_what_is_due
from tests.asked_often import ASKED_OFTEN
from tests.jwks_server import JwksServer
from tests.provider import approve, find, make_client, make_journey, make_realm, make_user, say
from tests.relying_party import ASSERTION_TYPE, RelyingParty
from tests.two_steps import POCKET, Pocket, take_two_steps

SECRET = "a-secret-that-every-process-knows-0123456789"


def close_connections() -> None:
    connections.close_all()


def set_up() -> None:
    """Tables, one realm, one user, one client whose secret and key every process knows."""
    call_command("migrate", verbosity=0)
    realm = make_realm(**ASKED_OFTEN)
    make_user("alice")
    client, _ = make_client(realm)
    client.set_secret(SECRET)
    client.jwks = {"keys": [_key().public_jwk]}
    client.save()


@lru_cache
def _key() -> PrivateKey:
    """One key for every process, made by the first."""
    path = Path(settings.VAR) / "racer.pem"
    if not path.exists():
        path.write_text(PrivateKey.generate("ES256").to_pem())
    return PrivateKey.from_pem(path.read_text(), "ES256")


def relying_party(client_id: str = "shop", **changes: Any) -> RelyingParty:
    client = Client.objects.select_related("realm").get(client_id=client_id)
    return RelyingParty(
        http=HttpClient(SERVER_NAME="localhost"),
        client=client,
        issuer=client.realm.issuer,
        mount="/oauth2/",
        key=_key(),
        secret=SECRET,
        **changes,
    )


def _approved() -> str:
    auth_req_id = relying_party().auth_req_id()
    approve(auth_req_id)
    return auth_req_id


def _outcome(answer: Any) -> str:
    return "200" if answer.status_code == 200 else str(answer.json()["error"])


# --- twenty token requests after the approval ---------------------------------------------------


def redeem_prepare() -> dict[str, Any]:
    return {"auth_req_id": _approved()}


def redeem_caller(order: dict[str, Any], number: int) -> str:
    return _outcome(relying_party().poll(order["auth_req_id"]))


def redeem_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = find(order["auth_req_id"])
    return {
        "status": row.status,
        "grants": Grant.objects.filter(authentication_request=row).count(),
        "tokens": Token.objects.filter(grant__authentication_request=row).count(),
    }


# --- polls while the user answers ---------------------------------------------------------------


def answer_prepare() -> dict[str, Any]:
    return {"auth_req_id": relying_party().auth_req_id()}


def answer_caller(order: dict[str, Any], number: int) -> str:
    """Two callers answer, one yes and one no; the others poll."""
    if number in (3, 12):
        verdict = "approved" if number == 3 else "denied"
        try:
            say(order["auth_req_id"], verdict)
        except NotAnswerable as error:
            return error.reason
        return verdict
    return _outcome(relying_party().poll(order["auth_req_id"]))


def answer_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = find(order["auth_req_id"])
    return {"status": row.status, "answer": row.answer}


# --- the client cancels while the user approves -------------------------------------------------


def cancel_prepare() -> dict[str, Any]:
    return answer_prepare()


def cancel_caller(order: dict[str, Any], number: int) -> str:
    """Half of the callers cancel, one approves."""
    if number % 2:
        parameters = {"auth_req_id": order["auth_req_id"]}
        return _outcome(relying_party().post("bc-authorize/cancel", parameters))
    return answer_caller(order, 3) if number == 6 else ""


def cancel_finish(order: dict[str, Any]) -> dict[str, Any]:
    return {"status": find(order["auth_req_id"]).status}


# --- one refresh token, twenty times ------------------------------------------------------------


def refresh_prepare() -> dict[str, Any]:
    return {"refresh_token": relying_party().poll(_approved()).json()["refresh_token"]}


def refresh_caller(order: dict[str, Any], number: int) -> str:
    return _outcome(relying_party().refresh(order["refresh_token"]))


def refresh_finish(order: dict[str, Any]) -> dict[str, Any]:
    grant = Token.objects.get(digest=secrets.digest(order["refresh_token"])).grant
    return {"tokens": grant.tokens.count(), "revoked": grant.revoked_at is not None}


# --- one client assertion, twenty times ---------------------------------------------------------


def assertion_prepare() -> dict[str, Any]:
    Client.objects.update(token_endpoint_auth_method="private_key_jwt")
    return {"assertion": relying_party().assertion()}


def assertion_caller(order: dict[str, Any], number: int) -> str:
    parameters = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": order["assertion"],
        "request": relying_party().signed_request(),
    }
    return _outcome(relying_party().post("bc-authorize", parameters, authenticated=False))


def assertion_finish(order: dict[str, Any]) -> dict[str, Any]:
    return {"requests": AuthenticationRequest.objects.count()}


# --- twenty workers who find that a rotation is due ----------------------------------------------


def rotation_prepare() -> dict[str, Any]:
    """Every key of the realm was made, and began to sign, a year ago."""
    realm = Realm.objects.get(path="/")
    realm.settings = {**ASKED_OFTEN, "signing_algs": ["ES256"], "key_rotation": 90 * 86400}
    realm.save()
    SigningKey.objects.ensure(realm)
    long_ago = timezone.now() - timedelta(days=365)
    SigningKey.objects.update(created_at=long_ago)
    SigningKey.objects.filter(state=SigningKey.State.CURRENT).update(activated_at=long_ago)
    following = SigningKey.objects.live(realm, "ES256")[SigningKey.State.NEXT]
    return {"next": following.kid, "keys": SigningKey.objects.filter(alg="ES256").count()}


def rotation_caller(order: dict[str, Any], number: int) -> int:
    forget()  # else a process may look at the keys of the round before for a second
    return rotate_keys()


def rotation_finish(order: dict[str, Any]) -> dict[str, Any]:
    of_alg = SigningKey.objects.filter(alg="ES256")
    return {
        "signs": of_alg.get(state=SigningKey.State.CURRENT).kid == order["next"],
        "made": of_alg.count() - order["keys"],
    }


# --- a key that is new at one jwks_uri, twenty callers who sign by it ----------------------------


@lru_cache
def _published() -> JwksServer:
    """Runs in the process that sets the race up; the others only know its address."""
    return JwksServer().__enter__()


def jwks_prepare() -> dict[str, Any]:
    """At first, nothing has been read; later, the last read was long enough ago."""
    new = PrivateKey.generate("ES256")
    _published().publish(new.public_jwk)
    Client.objects.update(jwks=None, jwks_uri=_published().url)
    RemoteJwks.objects.update(next_fetch_at=None)
    return {"pem": new.to_pem()}


def jwks_caller(order: dict[str, Any], number: int) -> str:
    settings.DJANGO_CIBA["OUTBOUND_ALLOW_LOOPBACK"] = True
    rp = relying_party()
    rp.key = PrivateKey.from_pem(order["pem"], "ES256")
    return _outcome(rp.authenticate())


def jwks_finish(order: dict[str, Any]) -> dict[str, Any]:
    return {"asked": len(_published().asked)}


# --- one initial access token for one registration, twenty callers -------------------------------


def register_prepare() -> dict[str, Any]:
    realm = Realm.objects.get(path="/")
    realm.settings = {**ASKED_OFTEN, "registration": "token"}
    realm.save()
    row = InitialAccessToken(realm=realm, name="one client")
    value = row.new_value()
    row.save()
    return {"token": value, "clients": Client.objects.count()}


def register_caller(order: dict[str, Any], number: int) -> str:
    answer = HttpClient(SERVER_NAME="localhost").post(
        "/oauth2/register",
        {"jwks": {"keys": [_key().public_jwk]}},
        content_type="application/json",
        headers={"Authorization": f"Bearer {order['token']}"},
    )
    return "201" if answer.status_code == 201 else str(answer.json()["error"])


def register_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = InitialAccessToken.objects.get(digest=secrets.digest(order["token"]))
    return {"clients": Client.objects.count() - order["clients"], "uses_left": row.uses_left}


# --- twenty guesses of one passcode --------------------------------------------------------------


def passcode_prepare() -> dict[str, Any]:
    """A passcode for the relying party to send; the journey allows three wrong ones."""
    if not AcrMapping.objects.filter(acr="two-step").exists():
        document = dict(TEMPLATES["two-step-user-code"].document)
        make_journey(Realm.objects.get(path="/"), document, acr="two-step")
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
    return _outcome(relying_party().poll(order["auth_req_id"]))


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
    return _outcome(_second_step(order, order["code"]))


def second_step_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = AuthenticationRequest.objects.get(public_id=order["request"])
    return {"status": row.status, "renamed": not row.awaits_second_step, "step": row.step}


def guesses_prepare() -> dict[str, Any]:
    return second_step_prepare()


def guesses_caller(order: dict[str, Any], number: int) -> str:
    """Twenty wrong passcodes at once, of which five may be tried."""
    length = len(order["code"])
    guess = (int(order["code"]) + 1 + number) % 10**length
    return _outcome(_second_step(order, f"{guess:0{length}}"))


def guesses_finish(order: dict[str, Any]) -> dict[str, Any]:
    return {"status": second_step_finish(order)["status"]}


def _second_step(order: dict[str, Any], code: str) -> Any:
    asked = dict.fromkeys(("login_hint", "scope", "binding_message"))
    sent = {**asked, "id_token_hint": order["middle"], "user_code": code}
    return relying_party().authenticate(**sent)


# --- a user who is asked until they say yes (push fatigue) ----------------------------------------

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
        bank.jwks = {"keys": [_key().public_jwk]}
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
    return [_outcome(each) for each in _ask(order, number)]


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
    return [_outcome(each) for each in _ask(order, number, message="Pay the same")]


def bomb_alike_finish(order: dict[str, Any]) -> dict[str, Any]:
    return bomb_finish(order)


def bomb_by_two_prepare() -> dict[str, Any]:
    return bomb_prepare()


def bomb_by_two_caller(order: dict[str, Any], number: int) -> list[str]:
    return [_outcome(each) for each in _ask(order, number, ("shop", "bank")[number % 2])]


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
        came.append(_outcome(answer))
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
    return {"asked": asked, "afterwards": _outcome(relying_party().authenticate())}


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
