"""Rows of every model, as the protocol leaves them, and the secrets that no page may show."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from django_ciba.models import (
    AcrMapping,
    AuditEvent,
    AuthenticationRequest,
    AuthorizationDetailsType,
    Client,
    Delivery,
    DeliveryAttempt,
    Device,
    DeviceEnrolment,
    Grant,
    InitialAccessToken,
    Journey,
    MutedClient,
    Passkey,
    Realm,
    RemoteJwks,
    SigningKey,
    Token,
    UserCode,
)
from django_ciba.models.secrets import digest, new_secret
from tests import provider
from tests.authorization_details import make_details_type

REGISTERED: tuple[type[models.Model], ...] = (
    AcrMapping,
    AuditEvent,
    AuthenticationRequest,
    AuthorizationDetailsType,
    Client,
    Delivery,
    Device,
    Grant,
    InitialAccessToken,
    Journey,
    MutedClient,
    Passkey,
    Realm,
    RemoteJwks,
    SigningKey,
    Token,
    UserCode,
)
VIEW_ONLY: tuple[type[models.Model], ...] = (
    AuthenticationRequest,
    Delivery,
    Grant,
    Token,
    AuditEvent,
    MutedClient,
)
HOSTILE = "javascript:alert('url')"


def page(model: type[models.Model], name: str, *args: Any) -> str:
    """The address of an admin page: changelist, add, change, delete, history."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def act(browser: Browser, action: str, *rows: models.Model) -> Any:
    """Choose rows in a change list and run an action on them; the page that follows."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.post(page(type(rows[0]), "changelist"), data, follow=True)


def said(response: Any) -> list[str]:
    """The messages that a page shows."""
    return [str(each) for each in response.context["messages"]]


@dataclass
class House:
    """A realm, and rows of every model in it."""

    realm: Realm
    client: Client
    secrets: list[str] = field(default_factory=list)
    rows: dict[type[models.Model], list[models.Model]] = field(default_factory=dict)

    def first(self, model: type[models.Model]) -> Any:
        return self.rows[model][0]


def make_request(client: Client, user: User | None, **changes: Any) -> AuthenticationRequest:
    now = timezone.now()
    journey = client.realm.default_journey
    assert journey is not None
    values: dict[str, Any] = {
        "auth_req_id_digest": digest(new_secret()),
        "client": client,
        "user": user,
        "created_at": now,
        "expires_at": now + timedelta(minutes=5),
        "scope": "openid profile",
        "binding_message": "<b>Pay</b> 50",
        "polling_interval": 2,
        "journey_version": journey.version,
        "node": "wait",
        **changes,
    }
    return AuthenticationRequest.objects.create(**values)


def make_grant(client: Client, user: User, **changes: Any) -> Grant:
    now = timezone.now()
    values: dict[str, Any] = {
        "client": client,
        "user": user,
        "subject": str(user.pk),
        "scope": "openid",
        "authenticated_at": now,
        "created_at": now,
        **changes,
    }
    return Grant.objects.create(**values)


def make_delivery(request: AuthenticationRequest, **changes: Any) -> Delivery:
    now = timezone.now()
    values: dict[str, Any] = {
        "authentication_request": request,
        "kind": Delivery.Kind.PROMPT,
        "channel": "email",
        "due_at": now,
        "created_at": now,
        **changes,
    }
    return Delivery.objects.create(**values)


def make_house() -> House:
    realm = provider.make_realm()
    client, secret = provider.make_client(realm)
    house = House(realm, client, [secret, client.secret_digest])
    house.rows[Realm] = [realm]
    house.rows[Client] = [client]
    house.rows[Journey] = list(Journey.objects.all())
    house.rows[AcrMapping] = list(AcrMapping.objects.all())
    house.rows[SigningKey] = list(SigningKey.objects.all())
    leave = InitialAccessToken(realm=realm, name="The shop's developers")
    house.secrets += [leave.new_value(), leave.digest]
    leave.save()
    house.rows[InitialAccessToken] = [leave]
    for key in SigningKey.objects.all():
        house.secrets += [line for line in key.private_pem.splitlines() if "-----" not in line]
    house.rows[AuthorizationDetailsType] = [make_details_type(realm)]
    furnish(house, "alice")
    return house


def furnish(house: House, name: str) -> None:
    """One more row of each model that the protocol writes, for a user of that name."""
    user = User.objects.create_user(name)
    now: datetime = timezone.now()
    auth_req_id, notification_token, remembered = new_secret(), new_secret(), new_secret()
    access, refresh = new_secret(), new_secret()
    request = make_request(
        house.client,
        user,
        auth_req_id_digest=digest(auth_req_id),
        auth_req_id_encrypted=auth_req_id,
        client_notification_token=notification_token,
        memory={"send": {"code": remembered}},
        walk=[{"node": "username", "outcome": "found", "at": now.isoformat()}],
    )
    grant = make_grant(house.client, user, authentication_request=request)
    tokens = [
        Token.objects.create(
            grant=grant,
            kind=kind,
            digest=digest(value),
            scope="openid",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for kind, value in ((Token.Kind.ACCESS, access), (Token.Kind.REFRESH, refresh))
    ]
    delivery = make_delivery(request)
    DeliveryAttempt.objects.create(delivery=delivery, number=1, at=now, outcome="retry")
    dead = make_delivery(request, channel="console", state=Delivery.State.DEAD, ended_at=now)
    code = UserCode(user=user)
    code.set_code("4711-4711")
    code.failures = 3
    code.save()
    jwks = RemoteJwks.objects.create(url=f"{HOSTILE}#{name}", document={"keys": []})
    stored = AuthenticationRequest.objects.get(pk=request.pk)
    house.secrets += [
        auth_req_id,
        stored.auth_req_id_digest,
        notification_token,
        remembered,
        access,
        refresh,
        *(each.digest for each in tokens),
        code.code_hash,
    ]
    for row in (request, grant, *tokens, delivery, dead, code, jwks, *the_device(house, request)):
        house.rows.setdefault(type(row), []).append(row)


def the_device(house: House, request: AuthenticationRequest) -> list[models.Model]:
    """What a user answers on, and what was written down; its secrets are the house's."""
    user, now = request.user, timezone.now()
    assert user is not None
    address, key, credential = new_secret(), new_secret(), new_secret()
    device = Device(
        user=user,
        kind=Device.Kind.APP,
        name="<b>Pay</b> phone",
        public_jwk={"kty": "EC", "x": key},
        thumbprint=new_secret()[:43],
        created_at=now,
    )
    device.set_address("webpush", address)
    device.save()
    passkey = Passkey.objects.create(
        user=user, name="key", credential_id=credential, public_key=new_secret(), created_at=now
    )
    MutedClient.objects.mute(
        user, request.client, because=MutedClient.Because.MUTED, now=now, until=None
    )
    AuditEvent.objects.note(AuditEvent.Event.APPROVED, now, of=request, amr=["<b>Pay</b>"])
    enrolment = DeviceEnrolment.objects.start(user, now, 60)
    passcode, link = digest(new_secret()), digest(new_secret())
    AuthenticationRequest.objects.filter(pk=request.pk).update(
        prompted_at=now, demand={"number": "pick", "passcode": passcode, "link": link}
    )
    house.secrets += [
        address,
        device.address_digest,
        key,
        device.thumbprint,
        credential,
        passkey.public_key,
        enrolment,
        passcode,
        link,
    ]
    return [device, passkey, MutedClient.objects.latest("pk"), AuditEvent.objects.latest("pk")]


def furnish_configuration(house: House, name: str) -> None:
    """One more row of each model that operators write."""
    realm = Realm.objects.create(name=name, parent=house.realm)
    journey = Journey.objects.create(realm=realm, name=name, document=provider.PUSH_JOURNEY)
    AcrMapping.objects.create(realm=realm, acr=name, journey=journey)
    Realm.objects.filter(pk=realm.pk).update(default_journey=journey)
    provider.make_client(realm, client_id=name)
    InitialAccessToken.objects.create(realm=realm, name=name, digest=digest(name))
    make_details_type(realm, type=name)
    private = provider.key("ES256", name)
    SigningKey.objects.create(
        realm=realm,
        alg="ES256",
        kid=private.kid,
        private_pem=private.to_pem(),
        public_jwk=private.public_jwk,
    )
