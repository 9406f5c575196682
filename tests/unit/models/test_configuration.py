"""What a process keeps of realms, clients, keys and journeys, and when it looks again."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import QuerySet

from django_ciba.models import (
    AcrMapping,
    Client,
    ConfigurationVersion,
    Journey,
    Realm,
    SigningKey,
    configuration,
    forget,
)
from tests.provider import PUSH_JOURNEY, make_client, make_realm

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    """Long enough that no test sees a look at the version that it did not ask for."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 3600.0}
    forget()


def warm(root: Realm) -> Client:
    """A client that the process holds, with its realm and keys."""
    client, _ = make_client(root)
    realm = configuration().realm("/")
    assert realm is not None
    found = configuration().client(realm, client.client_id)
    assert found is not None
    return found


def looked_up(client_id: str = "shop", path: str = "/") -> Client | None:
    realm = configuration().realm(path)
    return None if realm is None else configuration().client(realm, client_id)


# --- what is kept -------------------------------------------------------------------------------


def test_what_was_asked_once_is_not_asked_again(
    root: Realm, django_assert_num_queries: Any
) -> None:
    held = warm(root)
    version = root.default_journey
    assert version is not None
    assert version.version_id is not None
    configuration().journey_version(version.version_id)
    configuration().client_by_pk(held.pk)
    with django_assert_num_queries(0):
        assert looked_up() is held
        assert configuration().client_by_pk(held.pk) is held
        assert held.realm is configuration().realm("/")
        assert held.realm.keys
        assert held.realm.mapping
        assert configuration().journey_version(version.version_id).document == PUSH_JOURNEY


def test_an_unknown_client_is_not_remembered_as_such(root: Realm) -> None:
    assert looked_up("later") is None
    assert looked_up(path="/nowhere") is None
    make_client(root, client_id="later")
    assert looked_up("later") is not None


def test_guessing_client_ids_fills_no_memory(root: Realm) -> None:
    warm(root)
    for number in range(50):
        assert looked_up(f"guess-{number}") is None
    assert len(configuration()._clients) == 1


def test_a_process_with_too_many_clients_starts_again(
    root: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[configuration.__module__]  # its name is the function's in the package
    monkeypatch.setattr(module, "MAX_CLIENTS", 3)
    for number in range(5):
        make_client(root, client_id=f"client-{number}")
    for number in range(5):
        assert looked_up(f"client-{number}") is not None
        assert len(configuration()._clients) <= 3


def test_a_disabled_client_and_one_of_a_disabled_realm_are_not_there(root: Realm) -> None:
    alpha = make_realm("alpha", root)
    client = make_client(alpha)[0]
    assert looked_up(path="/alpha") is not None
    assert configuration().client_by_pk(client.pk) is not None
    alpha.enabled = False
    alpha.save()
    assert looked_up(path="/alpha") is None
    assert configuration().client_by_pk(client.pk) is None
    alpha.enabled, client.enabled = True, False
    alpha.save()
    client.save()
    assert looked_up(path="/alpha") is None
    assert configuration().client_by_pk(client.pk) is None


def test_a_client_is_that_of_its_realm_only(root: Realm) -> None:
    make_realm("alpha", root)
    make_client(root)
    assert looked_up() is not None
    assert looked_up(path="/alpha") is None


# --- what makes a process look again --------------------------------------------------------------


def saved(root: Realm) -> None:
    root.save()


def updated(root: Realm) -> None:
    Client.objects.update(client_name="Renamed")


def bulk_created(root: Realm) -> None:
    journey = Journey.objects.first()
    assert journey is not None
    AcrMapping.objects.bulk_create([AcrMapping(realm=root, acr="new", journey=journey)])


def bulk_updated(root: Realm) -> None:
    Client.objects.bulk_update(Client.objects.all(), ["client_name"])


def deleted(root: Realm) -> None:
    AcrMapping.objects.first().delete()  # type: ignore[union-attr]


def deleted_in_bulk(root: Realm) -> None:
    AcrMapping.objects.all().delete()


def got_or_created(root: Realm) -> None:
    Client.objects.get_or_create(realm=root, client_id="new")


def rotated(root: Realm) -> None:
    SigningKey.objects.rotate(root, "ES256", at_once=True)


def edited(root: Realm) -> None:
    journey = Journey.objects.get()
    journey.document = {**PUSH_JOURNEY, "name": "edited"}
    journey.save()


@pytest.mark.parametrize(
    "change",
    [
        saved,
        updated,
        bulk_created,
        bulk_updated,
        deleted,
        deleted_in_bulk,
        got_or_created,
        rotated,
        edited,
    ],
    ids=lambda change: change.__name__,
)
def test_a_change_in_this_process_is_seen_at_once_and_said_to_the_others(
    root: Realm, change: Callable[[Realm], None]
) -> None:
    warm(root)
    held = configuration()
    before = ConfigurationVersion.objects.get()
    assert configuration() is held
    change(root)
    assert configuration() is not held
    assert ConfigurationVersion.objects.get().value != before.value


def changed_elsewhere(**values: Any) -> None:
    """As another process does it: this one hears nothing but the new version."""
    QuerySet(Client).update(**values)
    version = ConfigurationVersion()
    QuerySet(ConfigurationVersion).filter(pk=1).update(value=version.value)


def test_a_change_elsewhere_is_seen_when_the_age_is_up(root: Realm, settings: Any) -> None:
    warm(root)
    changed_elsewhere(enabled=False)
    assert looked_up() is not None
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 1e-9}
    assert looked_up() is None


def test_an_unchanged_version_keeps_what_was_held(
    root: Realm, settings: Any, django_assert_num_queries: Any
) -> None:
    held = warm(root)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 0.5}
    time.sleep(0.6)
    with django_assert_num_queries(1):
        assert looked_up() is held


def test_a_key_parsed_once_is_parsed_for_all(root: Realm) -> None:
    """An RSA key takes 42 ms, which must not be spent at each token."""
    held = warm(root).realm.keys[0]
    assert held.private_key is held.private_key
    again = looked_up()
    assert again is not None
    assert again.realm.keys[0].private_key is held.private_key


# --- transactions -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_has_not_been() -> None:
    root = make_realm()
    client = warm(root)
    before = ConfigurationVersion.objects.get().value
    with transaction.atomic():
        Client.objects.update(enabled=False)
        assert looked_up() is None
        transaction.set_rollback(True)
    forget()
    assert ConfigurationVersion.objects.get().value == before
    found = looked_up()
    assert found is not None
    assert found.pk == client.pk


@pytest.mark.django_db(transaction=True)
def test_after_a_rollback_the_next_look_at_the_version_finds_the_truth(settings: Any) -> None:
    """Without anybody who says forget: the version of the rolled-back change was random."""
    root = make_realm()
    warm(root)
    with transaction.atomic():
        Client.objects.update(enabled=False)
        assert looked_up() is None
        transaction.set_rollback(True)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 1e-9}
    assert looked_up() is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgresql")
def test_what_another_thread_reads_before_the_commit_it_reads_again_after_it() -> None:
    """Its look came between the change and the commit, and saw the old rows."""
    root = make_realm()
    warm(root)

    def look() -> None:
        seen.append(looked_up() is not None)
        connections.close_all()

    seen: list[bool] = []
    with transaction.atomic():
        Client.objects.update(enabled=False)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(30)
    assert seen == [True]
    assert looked_up() is None


def test_the_version_is_one_row(root: Realm) -> None:
    for _ in range(3):
        root.save()
    version = ConfigurationVersion.objects.get()
    assert version.pk == 1
    assert str(version) == str(version.value)
