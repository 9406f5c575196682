"""Rows for the inbox, as the journey leaves them when it has put a request before a user."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from django_ciba.journeys import Demand
from django_ciba.journeys.demand import sealed
from django_ciba.models import AuthenticationRequest, Client, Journey, JourneyVersion, Realm
from django_ciba.models.secrets import digest, new_secret
from tests.provider import PUSH_JOURNEY

MESSAGE = "Allow ExampleBank to transfer £50 from 'Main' to 'Savings'? (EB-0246326)"

# Where the card of a request that waits is shown, by its public id.
WITH_ITS_CARD = ("/ciba/", "/ciba/requests/{}/", "/ciba/requests/{}/card/")


def user(name: str = "alice") -> User:
    return User.objects.create_user(name, password=f"{name}'s password")


def client(name: str = "Example Bank", client_id: str = "bank") -> Client:
    realm = Realm.objects.filter(parent=None).first() or Realm.objects.create(name="root")
    return Client.objects.get_or_create(
        realm=realm, client_id=client_id, defaults={"client_name": name}
    )[0]


def journey(realm: Realm) -> JourneyVersion:
    found = Journey.objects.filter(realm=realm).first()
    if found is None:
        found = Journey.objects.create(realm=realm, name="push", document=PUSH_JOURNEY)
    assert found.version is not None
    return found.version


def waiting(
    asked: User | None,
    *,
    by: Client | None = None,
    seconds: float = 120,
    now: datetime | None = None,
    **fields: Any,
) -> AuthenticationRequest:
    """A request that waits in the user's inbox for that many seconds."""
    moment = now or timezone.now()
    of = by or client()
    values: dict[str, Any] = {
        "client": of,
        "user": asked,
        "auth_req_id_digest": digest(new_secret()),
        "created_at": moment,
        "expires_at": moment + timedelta(seconds=600),
        "prompted_at": moment,
        "prompt_until": moment + timedelta(seconds=seconds),
        "scope": "openid profile",
        "binding_message": MESSAGE,
        "polling_interval": 2,
        "journey_version": journey(of.realm),
        "node": "wait",
        "due_at": moment + timedelta(seconds=seconds),
    }
    return AuthenticationRequest.objects.create(**values | fields)


def asked_at_client(asked: User, passcode: str = "123456", **fields: Any) -> AuthenticationRequest:
    """As a journey leaves it that has sent a passcode for the client to ask for."""
    found = waiting(asked, prompted_at=None, **fields)
    found.demand = Demand(passcode=sealed(found, passcode), tries=3).stored()
    found.save()
    return found
