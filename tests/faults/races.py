"""What each race prepares, what each of its twenty callers does, and what is left afterwards."""

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import Client as HttpClient
from django.utils import timezone

from django_ciba.due import rotate_keys
from django_ciba.jose import PrivateKey
from django_ciba.journeys import NotAnswerable
from django_ciba.models import (
    AuthenticationRequest,
    Client,
    Grant,
    InitialAccessToken,
    Realm,
    RemoteJwks,
    SigningKey,
    Token,
    forget,
    secrets,
)
from tests.asked_often import ASKED_OFTEN
from tests.jwks_server import JwksServer
from tests.provider import approve, find, make_client, make_realm, make_user, say
from tests.relying_party import ASSERTION_TYPE, RelyingParty

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
    client.jwks = {"keys": [race_key().public_jwk]}
    client.save()


@lru_cache
def race_key() -> PrivateKey:
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
        key=race_key(),
        secret=SECRET,
        **changes,
    )


def _approved() -> str:
    auth_req_id = relying_party().auth_req_id()
    approve(auth_req_id)
    return auth_req_id


def outcome(answer: Any) -> str:
    return "200" if answer.status_code == 200 else str(answer.json()["error"])


# --- twenty token requests after the approval ---------------------------------------------------


def redeem_prepare() -> dict[str, Any]:
    return {"auth_req_id": _approved()}


def redeem_caller(order: dict[str, Any], number: int) -> str:
    return outcome(relying_party().poll(order["auth_req_id"]))


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
    return outcome(relying_party().poll(order["auth_req_id"]))


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
        return outcome(relying_party().post("bc-authorize/cancel", parameters))
    return answer_caller(order, 3) if number == 6 else ""


def cancel_finish(order: dict[str, Any]) -> dict[str, Any]:
    return {"status": find(order["auth_req_id"]).status}


# --- one refresh token, twenty times ------------------------------------------------------------


def refresh_prepare() -> dict[str, Any]:
    return {"refresh_token": relying_party().poll(_approved()).json()["refresh_token"]}


def refresh_caller(order: dict[str, Any], number: int) -> str:
    return outcome(relying_party().refresh(order["refresh_token"]))


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
    return outcome(relying_party().post("bc-authorize", parameters, authenticated=False))


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
    return outcome(rp.authenticate())


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
        {"jwks": {"keys": [race_key().public_jwk]}},
        content_type="application/json",
        headers={"Authorization": f"Bearer {order['token']}"},
    )
    return "201" if answer.status_code == 201 else str(answer.json()["error"])


def register_finish(order: dict[str, Any]) -> dict[str, Any]:
    row = InitialAccessToken.objects.get(digest=secrets.digest(order["token"]))
    return {"clients": Client.objects.count() - order["clients"], "uses_left": row.uses_left}
