"""Realms, clients, keys, journeys: kept in the process, checked against one version row.

Every write to a configuration model gives `ConfigurationVersion` a new random value in the same
transaction. A process compares it at most once in CONFIGURATION_MAX_AGE seconds and forgets what
it holds when it differs, so that a stale worker accepts a revoked client for no longer than that.
"""

import threading
import time
import uuid
from typing import Any

from django_ciba.conf import ciba_settings
from django_ciba.models.client import Client
from django_ciba.models.configuration_version import ConfigurationVersion, last_change_here
from django_ciba.models.journey import JourneyVersion
from django_ciba.models.realm import Realm

MAX_CLIENTS = 10_000  # a process that serves more starts again with none in memory


class Configuration:
    """What one version of the configuration says; filled as it is asked."""

    def __init__(self, version: uuid.UUID | None) -> None:
        self.version = version
        self.checked_at = time.monotonic()
        self.change_here = last_change_here()
        self.memo: dict[Any, Any] = {}
        self._realms: dict[str, Realm] | None = None
        self._clients: dict[tuple[int, str], Client] = {}
        self._clients_by_pk: dict[int, Client] = {}
        self._journey_versions: dict[int, JourneyVersion] = {}

    def realms(self) -> dict[str, Realm]:
        """Path to realm, for the enabled ones, with parents, keys and mapping loaded."""
        if self._realms is None:
            self._realms = Realm.objects.loaded()
        return self._realms

    def realm(self, path: str) -> Realm | None:
        """The enabled realm at `path` ("/" is root), or None."""
        return self.realms().get(path)

    def client(self, realm: Realm, client_id: str) -> Client | None:
        """The enabled client of that realm, or None. Unknown ids are not remembered."""
        key = (realm.pk, client_id)
        found = self._clients.get(key)
        if found is None:
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

    def client_by_pk(self, pk: int) -> Client | None:
        """The enabled client of an enabled realm with that primary key, or None."""
        found = self._clients_by_pk.get(pk)
        if found is None:
            row = Client.objects.filter(pk=pk, enabled=True).values_list("realm_id", "client_id")
            for realm_id, client_id in row:
                for realm in self.realms().values():
                    if realm.pk == realm_id:
                        found = self.client(realm, client_id)
            if found is not None:
                if len(self._clients_by_pk) >= MAX_CLIENTS:
                    self._clients_by_pk.clear()
                self._clients_by_pk[pk] = found
        return found

    def journey_version(self, pk: int) -> JourneyVersion:
        """A pinned journey; its row never changes."""
        found = self._journey_versions.get(pk)
        if found is None:
            found = JourneyVersion.objects.select_related("journey").get(pk=pk)
            self._journey_versions[pk] = found
        return found


_current: Configuration | None = None
_lock = threading.Lock()


def configuration() -> Configuration:
    """The configuration now: one statement at most each CONFIGURATION_MAX_AGE, else none."""
    global _current  # noqa: PLW0603 - the one snapshot of the process
    held = _current
    if held is not None and _is_fresh(held):
        return held
    with _lock:
        held = _current
        if held is not None and _is_fresh(held):
            return held
        change_here = last_change_here()
        version = ConfigurationVersion.objects.values_list("value", flat=True).first()
        if held is None or held.version != version or held.change_here != change_here:
            held = Configuration(version)
            held.change_here = change_here
        held.checked_at = time.monotonic()
        _current = held
        return held


def _is_fresh(held: Configuration) -> bool:
    age = time.monotonic() - held.checked_at
    return age < ciba_settings.CONFIGURATION_MAX_AGE and held.change_here == last_change_here()
