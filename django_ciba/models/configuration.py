"""Realms, clients, keys, journeys: kept in the process, checked against one version row.

Every write to a configuration model gives `ConfigurationVersion` a new random value in the same
transaction. A process compares it at most once in CONFIGURATION_MAX_AGE seconds and forgets what
it holds when it differs, so that a stale worker accepts a revoked client for no longer than that.
"""

import threading
import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models, router, transaction
from django.db.models.signals import post_delete, post_save

from django_ciba.conf import ciba_settings

if TYPE_CHECKING:
    from django_ciba.models.client import Client
    from django_ciba.models.journey import JourneyVersion
    from django_ciba.models.realm import Realm

MAX_CLIENTS = 10_000  # a process that serves more keeps the most recently loaded ones

M = TypeVar("M", bound=models.Model)


class ConfigurationVersion(models.Model):
    """The one row whose value changes whenever configuration does."""

    value = models.UUIDField(default=uuid.uuid4)

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def change(cls, using: str | None = None) -> None:
        """Say to every process, from the commit on, that configuration has changed."""
        alias = using or router.db_for_write(cls)
        cls.objects.using(alias).update_or_create(pk=1, defaults={"value": uuid.uuid4()})
        forget()
        transaction.on_commit(forget, using=alias, robust=True)


class ConfigurationQuerySet(models.QuerySet[M]):
    """Bulk writes send no signals, so they announce the change themselves."""

    def update(self, **kwargs: Any) -> int:
        changed = super().update(**kwargs)
        ConfigurationVersion.change(self.db)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        created = super().bulk_create(objs, *args, **kwargs)
        ConfigurationVersion.change(self.db)
        return created

    def bulk_update(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> int:
        changed = super().bulk_update(objs, *args, **kwargs)
        ConfigurationVersion.change(self.db)
        return changed


class ConfigurationModel(models.Model):
    """A model whose rows every process keeps in memory."""

    class Meta:
        abstract = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        post_save.connect(_changed, sender=cls)
        post_delete.connect(_changed, sender=cls)


def _changed(sender: type[models.Model], using: str, **kwargs: Any) -> None:
    ConfigurationVersion.change(using)


class Configuration:
    """What one version of the configuration says; filled as it is asked."""

    def __init__(self, version: uuid.UUID | None) -> None:
        self.version = version
        self.checked_at = time.monotonic()
        self.memo: dict[Any, Any] = {}
        self._realms: dict[str, Realm] | None = None
        self._clients: dict[tuple[int, str], Client] = {}
        self._journey_versions: dict[int, JourneyVersion] = {}

    def realms(self) -> "dict[str, Realm]":
        """Path to realm, for the enabled ones, with parents, keys and mapping loaded."""
        if self._realms is None:
            from django_ciba.models.realm import Realm

            self._realms = Realm.objects.loaded()
        return self._realms

    def realm(self, path: str) -> "Realm | None":
        """The enabled realm at `path` ("/" is root), or None."""
        return self.realms().get(path)

    def client(self, realm: "Realm", client_id: str) -> "Client | None":
        """The enabled client of that realm, or None. Unknown ids are not remembered."""
        key = (realm.pk, client_id)
        found = self._clients.get(key)
        if found is None:
            from django_ciba.models.client import Client

            found = Client.objects.filter(
                realm_id=realm.pk, client_id=client_id, enabled=True
            ).first()
            if found is None:
                return None
            found.realm = realm
            if len(self._clients) >= MAX_CLIENTS:
                self._clients.clear()
            self._clients[key] = found
        return found

    def client_by_pk(self, pk: int) -> "Client | None":
        """The enabled client of an enabled realm with that primary key, or None."""
        found: Client | None = self.memo.get(("client", pk))
        if found is None:
            from django_ciba.models.client import Client

            row = Client.objects.filter(pk=pk, enabled=True).values_list("realm_id", "client_id")
            for realm_id, client_id in row:
                for realm in self.realms().values():
                    if realm.pk == realm_id:
                        found = self.client(realm, client_id)
            if found is not None:
                self.memo["client", pk] = found
        return found

    def journey_version(self, pk: int) -> "JourneyVersion":
        """A pinned journey; its row never changes."""
        found = self._journey_versions.get(pk)
        if found is None:
            from django_ciba.models.journey import JourneyVersion

            found = JourneyVersion.objects.select_related("journey").get(pk=pk)
            self._journey_versions[pk] = found
        return found


_current: Configuration | None = None
_lock = threading.Lock()


def forget() -> None:
    """Drop what this process holds; the next question reads the database."""
    global _current  # noqa: PLW0603 - the one process-wide snapshot
    _current = None


def configuration() -> Configuration:
    """The configuration now: one statement at most each CONFIGURATION_MAX_AGE, else none."""
    global _current  # noqa: PLW0603
    held = _current
    if held is not None and time.monotonic() - held.checked_at < ciba_settings.CONFIGURATION_MAX_AGE:
        return held
    with _lock:
        held = _current
        now = time.monotonic()
        if held is not None and now - held.checked_at < ciba_settings.CONFIGURATION_MAX_AGE:
            return held
        version = ConfigurationVersion.objects.values_list("value", flat=True).first()
        if held is None or held.version != version:
            held = Configuration(version)
        held.checked_at = now
        _current = held
        return held
