"""What the database itself refuses, whoever writes to it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import UniqueConstraint

from django_ciba.models import (
    AcrMapping,
    AuthenticationRequest,
    AuthorizationDetailsType,
    Client,
    Delivery,
    Device,
    Grant,
    Journey,
    JourneyVersion,
    MutedClient,
    Realm,
    SigningKey,
    Token,
    UsedAssertion,
)
from tests.provider import make_client, make_realm, make_user
from tests.unit.journeys.arrange import NOON, SEEDS, begin

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(root: Realm) -> AuthenticationRequest:
    return begin(SEEDS, make_client(root)[0], make_user("alice"))


def refuses(constraint: str, write: Callable[[], Any]) -> None:
    """Runs `write`, which must break that constraint and no other."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    said = str(caught.value)
    if constraint not in said:  # SQLite names the columns of a unique constraint instead
        assert said.startswith("UNIQUE constraint failed: ")
        assert all(f".{name}" in said for name in fields_of(constraint)), said


def fields_of(name: str) -> list[str]:
    """The fields of the unique constraint of that name."""
    for model in apps.get_app_config("django_ciba").get_models():
        for each in model._meta.constraints:
            if each.name == name and isinstance(each, UniqueConstraint):
                return list(each.fields)
    raise LookupError(name)


def columns_of(waiting: AuthenticationRequest) -> Any:
    return AuthenticationRequest.objects.filter(pk=waiting.pk)


YES = {
    "answer": "approved",
    "answered_at": NOON,
    "authenticated_at": NOON,
}


@pytest.mark.parametrize("status", ["authorized", "redeemed"])
@pytest.mark.parametrize("lacking", ["answer", "answered_at", "authenticated_at", "user"])
def test_no_tokens_without_a_user_who_said_yes_and_was_authenticated(
    waiting: AuthenticationRequest, status: str, lacking: str
) -> None:
    missing: dict[str, Any] = {lacking: "" if lacking == "answer" else None}
    values = {**YES, "status": status, **missing}
    refuses("ciba_tokens_need_an_authentication", lambda: columns_of(waiting).update(**values))
    assert columns_of(waiting).update(**YES, status=status) == 1


@pytest.mark.parametrize("first", ["ping", "push"])
def test_one_call_to_the_client_a_request(waiting: AuthenticationRequest, first: str) -> None:
    def called(kind: str, number: int) -> Delivery:
        return Delivery.objects.create(
            authentication_request=waiting, kind=kind, round=number, due_at=NOON, created_at=NOON
        )

    called(first, 1)
    for kind in ("ping", "push"):
        refuses("ciba_one_call_to_the_client", partial(called, kind, 2))


@pytest.mark.parametrize("status", ["authorized", "redeemed"])
def test_no_tokens_for_a_no(waiting: AuthenticationRequest, status: str) -> None:
    values = {**YES, "answer": "denied", "status": status}
    refuses("ciba_tokens_need_an_authentication", lambda: columns_of(waiting).update(**values))


@pytest.mark.parametrize("answer", ["", "approved"])
def test_nobody_denies_but_the_user(waiting: AuthenticationRequest, answer: str) -> None:
    refuses(
        "ciba_denied_by_an_answer",
        lambda: columns_of(waiting).update(status="denied", answer=answer),
    )


@pytest.mark.parametrize("status", ["", "approved", "expired", "PENDING"])
def test_there_are_no_other_statuses(waiting: AuthenticationRequest, status: str) -> None:
    refuses("ciba_status_known", lambda: columns_of(waiting).update(status=status))


def test_an_auth_req_id_names_one_request(waiting: AuthenticationRequest) -> None:
    twin = AuthenticationRequest.objects.get(pk=waiting.pk)
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def test_one_prompt_a_round_and_channel(waiting: AuthenticationRequest) -> None:
    def add(**changes: Any) -> None:
        values = {"kind": "prompt", "channel": "email", "round": 1, **changes}
        Delivery.objects.create(
            authentication_request=waiting, due_at=NOON, created_at=NOON, **values
        )

    add()
    add(round=2)
    add(channel="console")
    refuses("ciba_one_delivery_per_channel", add)


def test_one_grant_a_request(waiting: AuthenticationRequest) -> None:
    user = waiting.user
    assert user is not None

    def add() -> None:
        Grant.objects.create(
            authentication_request=waiting,
            client=waiting.client,
            user=user,
            subject="1",
            scope="openid",
            authenticated_at=NOON,
            created_at=NOON,
        )

    add()
    with pytest.raises(IntegrityError), transaction.atomic():
        add()
    grant = Grant.objects.get()

    def token() -> None:
        Token.objects.create(
            grant=grant,
            kind="access",
            digest="d",
            scope="openid",
            created_at=NOON,
            expires_at=NOON,
        )

    token()
    with pytest.raises(IntegrityError), transaction.atomic():
        token()


def test_a_client_id_is_one_clients_in_its_realm(root: Realm) -> None:
    make_client(root)
    make_client(make_realm("alpha", root))
    refuses("ciba_client_id_in_realm", lambda: make_client(root))


def test_a_clients_keys_are_written_in_one_place(root: Realm) -> None:
    uri = "https://rp.example.com/jwks"
    make_client(root, client_id="by-address", jwks=None, jwks_uri=uri)
    refuses(
        "ciba_jwks_or_jwks_uri",
        lambda: Client.objects.create(
            realm=root, client_id="both", jwks={"keys": []}, jwks_uri=uri
        ),
    )


def test_a_jti_is_used_once_by_a_client(root: Realm) -> None:
    one, other = make_client(root)[0], make_client(root, client_id="other")[0]
    exp = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
    assert UsedAssertion.objects.consume(one, "jti", exp)
    assert not UsedAssertion.objects.consume(one, "jti", exp)
    assert UsedAssertion.objects.consume(other, "jti", exp)
    row = UsedAssertion.objects.filter(client=one).get()
    row.pk = None
    refuses("ciba_jti_once_per_client", lambda: row.save(force_insert=True))
    assert "jti" not in str(row.jti_digest)


def test_one_current_and_one_next_key_an_algorithm(root: Realm) -> None:
    def add(state: str) -> None:
        current = root.signing_keys.filter(alg="ES256").first()
        assert current is not None
        SigningKey.objects.create(
            realm=root,
            alg="ES256",
            kid=f"{state}-{SigningKey.objects.count()}",
            state=state,
            private_pem=current.private_pem,
            public_jwk=current.public_jwk,
        )

    refuses("ciba_one_current_key_per_alg", lambda: add("current"))
    SigningKey.objects.filter(state="next").delete()
    add("next")
    refuses("ciba_one_next_key_per_alg", lambda: add("next"))
    add("retired")
    add("retired")


def test_a_kid_names_one_key_of_a_realm(root: Realm) -> None:
    found = root.signing_keys.filter(alg="ES256").first()
    assert found is not None
    found.pk, found.state = None, "retired"
    refuses("ciba_kid_in_realm", lambda: found.save(force_insert=True))


def test_a_type_of_authorization_details_is_declared_once_in_a_realm(root: Realm) -> None:
    def declare(realm: Realm) -> None:
        AuthorizationDetailsType.objects.create(realm=realm, type="payment_initiation")

    declare(root)
    declare(make_realm("alpha", root))
    refuses("ciba_authorization_details_type_in_realm", lambda: declare(root))


def test_an_acr_value_leads_to_one_journey(root: Realm) -> None:
    journey = Journey.objects.get()
    refuses(
        "ciba_acr_in_realm",
        lambda: AcrMapping.objects.create(realm=root, acr="push", journey=journey),
    )


def test_a_journeys_name_is_one_journeys(root: Realm) -> None:
    refuses(
        "ciba_journey_name_in_realm",
        lambda: Journey.objects.create(realm=root, name="CIBA Push Journey", document=SEEDS),
    )


def test_a_versions_number_is_one_versions(root: Realm) -> None:
    refuses(
        "ciba_journey_version_number",
        lambda: JourneyVersion.objects.create(
            journey=Journey.objects.get(), number=1, document=SEEDS
        ),
    )


def test_a_realms_name_is_one_realms(root: Realm) -> None:
    Realm.objects.create(name="alpha", parent=root)
    beta = Realm.objects.create(name="beta", parent=root)
    refuses(
        "ciba_realm_name_in_parent",
        lambda: Realm.objects.filter(pk=beta.pk).update(name="alpha"),
    )


def test_an_issuer_is_one_realms(root: Realm) -> None:
    for name in ("alpha", "beta"):
        Realm.objects.create(name=name, parent=root)
    here = Realm.objects.filter(path="/alpha")
    here.update(issuer_override="https://login.example.com")
    refuses(
        "ciba_issuer_override_once",
        lambda: Realm.objects.filter(path="/beta").update(issuer_override=here.get().issuer),
    )


def test_root_has_the_root_path_and_nobody_else(root: Realm) -> None:
    refuses(
        "ciba_root_is_the_only_top",
        lambda: Realm.objects.filter(pk=root.pk).update(path="/top"),
    )
    alpha = Realm.objects.create(name="alpha", parent=root)
    refuses(
        "ciba_root_is_the_only_top",
        lambda: Realm.objects.filter(pk=alpha.pk).update(parent=None),
    )


def test_an_issuer_override_names_one_realm(root: Realm) -> None:
    Realm.objects.filter(pk=root.pk).update(issuer_override="https://id.example.com")
    refuses(
        "ciba_issuer_override_once",
        lambda: Realm.objects.create(
            name="alpha", parent=root, issuer_override="https://id.example.com"
        ),
    )


def app(user: Any, name: str, **fields: Any) -> Device:
    values = {"kind": Device.Kind.APP, "name": name, "thumbprint": name, "created_at": NOON}
    return Device.objects.create(user=user, **{**values, **fields})


def test_an_address_is_one_devices(root: Realm) -> None:
    alice = make_user()
    app(alice, "phone", address_digest="a")
    app(alice, "tablet")  # none has no address, and so may another
    app(alice, "watch")
    refuses("ciba_one_device_per_address", lambda: app(alice, "copy", address_digest="a"))


def test_a_key_is_one_devices(root: Realm) -> None:
    alice = make_user()
    app(alice, "phone")
    refuses("ciba_one_device_per_key", lambda: app(alice, "phone"))


def test_an_app_has_a_key_and_a_browser_none(root: Realm) -> None:
    alice = make_user()
    refuses("ciba_an_app_has_a_key", lambda: app(alice, "phone", thumbprint=""))
    refuses("ciba_an_app_has_a_key", lambda: app(alice, "browser", kind=Device.Kind.BROWSER))


def test_a_client_is_muted_once_by_a_user(root: Realm) -> None:
    alice, (client, _) = make_user(), make_client(root)
    fields = {"user": alice, "client": client, "because": "muted", "created_at": NOON}
    MutedClient.objects.create(**fields)
    refuses("ciba_muted_once", lambda: MutedClient.objects.create(**fields))


def test_every_constraint_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    names = {
        each.name
        for model in apps.get_app_config("django_ciba").get_models()
        for each in model._meta.constraints
    }
    assert {name for name in names if name not in text} == set()
