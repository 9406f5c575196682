"""Make the database say what realm documents say: all of it, or nothing."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db import router, transaction

from django_ciba.client_registration import metadata_of, registered
from django_ciba.models import (
    AcrMapping,
    AuthorizationDetailsType,
    Client,
    Journey,
    Realm,
    SigningKey,
)
from django_ciba.models.realm import ROOT_PATH

from .changes import Change, from_to
from .faults import by_path, document_problems, parents, with_changes, without_name
from .reading import InvalidDocument

ROOT_NAME: Final = "root"
METHOD: Final = "token_endpoint_auth_method"


def apply(document: object, *, dry_run: bool = False) -> list[Change]:
    """Import one realm document, or a list of them, in one transaction.

    Idempotent: what is so already is not written again. With `dry_run` the same statements run and
    are rolled back, so that what it returns is what would happen.
    Errors: `InvalidDocument` with every fault; nothing was changed then.
    """
    with transaction.atomic(using=router.db_for_write(Realm)):
        # Two imports at once would each see what the other is about to make.
        Realm.objects.select_for_update().filter(path=ROOT_PATH).first()
        if problems := document_problems(document):
            raise InvalidDocument(problems)
        documents = (by_path(document) or {}).values()
        imported = _Import()
        # Parents first: what they hand down decides which keys a realm needs.
        for each in sorted(documents, key=_depth):
            imported.document(each)
        if dry_run:
            transaction.set_rollback(True, using=router.db_for_write(Realm))
    return imported.changes


def _depth(document: Any) -> int:
    return len(parents(document["realm"]))


class _Import:
    """One run: the realms it has touched, and what it changed."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.realms: dict[str, Realm] = {}

    def document(self, document: Any) -> None:
        realm = self.realm(document["realm"])
        self._columns(realm, document)
        self._keys(realm)
        steps: Mapping[str, Callable[[Realm, Any], None]] = {
            "journeys": self._journeys,
            "acr_values": self._acr_values,
            "default_journey": self._default_journey,
            "authorization_details_types": self._details_types,
            "clients": self._clients,
        }
        for name, step in steps.items():
            if name in document:
                step(realm, document[name])

    def realm(self, path: str, *, on_the_way: bool = False) -> Realm:
        """The realm at `path`, made with what is above it when it is missing.

        Each realm is one object, so that a child sees its parents' settings as they change.
        """
        if path not in self.realms:
            above = parents(path)
            parent = self.realm(above[0], on_the_way=True) if above else None
            found = Realm.objects.filter(path=path).first()
            self.realms[path] = found or Realm(name=path.rpartition("/")[2] or ROOT_NAME)
            self.realms[path].parent = parent
            if found is None:
                self.realms[path].save()
                self._note(self.realms[path], "realm", "created")
                if on_the_way:  # no document of its own has anything to say before its keys
                    self._keys(self.realms[path])
        return self.realms[path]

    def _note(self, realm: Realm, subject: str, what: str, warning: str = "") -> None:
        self.changes.append(Change(realm.path, subject, what, warning))

    def _columns(self, realm: Realm, document: Mapping[str, Any]) -> None:
        before = len(self.changes)
        if document.get("enabled", realm.enabled) != realm.enabled:
            realm.enabled = document["enabled"]
            self._note(realm, "realm", "enabled" if realm.enabled else "disabled")
        issuer = document.get("issuer", realm.issuer_override or None)
        if issuer != (realm.issuer_override or None):
            self._note(realm, "issuer", from_to(realm.issuer_override or None, issuer))
            realm.issuer_override = issuer or ""
        settings = with_changes(realm.settings, document.get("settings", {}))
        for name in sorted(realm.settings.keys() | settings.keys()):
            old, new = realm.settings.get(name), settings.get(name)
            if old != new:
                self._note(realm, f"setting {name}", from_to(old, new))
        realm.settings = settings
        if len(self.changes) > before:
            realm.save()
        realm.__dict__.pop("conf", None)

    def _keys(self, realm: Realm) -> None:
        there = set(SigningKey.objects.filter(realm=realm).values_list("pk", flat=True))
        for key in SigningKey.objects.ensure(realm):
            which = "next signing key" if key.state == SigningKey.State.NEXT else "signing key"
            what = "the next one signs now" if key.pk in there else "created"
            self._note(realm, f"{which} {key.alg}", what)

    def _journeys(self, realm: Realm, given: list[dict[str, Any]]) -> None:
        for each in given:
            document = without_name(each)
            journey = Journey.objects.filter(realm=realm, name=each["name"]).first()
            if journey is None:
                journey = Journey(realm=realm, name=each["name"], document=document)
                journey.save()
                self._note(realm, f"journey {journey.name}", "created")
            elif without_name(journey.document) != document:
                journey.document = document
                journey.save()
                number = journey.version.number if journey.version else 1
                what = f"changed: version {number}; requests under way keep theirs"
                self._note(realm, f"journey {journey.name}", what)

    def _acr_values(self, realm: Realm, given: list[dict[str, str]]) -> None:
        rows = AcrMapping.objects.filter(realm=realm).select_related("journey")
        mappings = {each.acr: each for each in rows.order_by("position", "pk")}
        before = list(mappings)
        journeys = {each.name: each for each in Journey.objects.filter(realm=realm)}
        to_save = set()
        for each in given:
            acr, journey = each["acr"], journeys[each["journey"]]
            mapping = mappings.setdefault(acr, AcrMapping(realm=realm, acr=acr, journey=journey))
            if acr not in before:
                self._note(realm, f"acr {acr}", f"created: journey {journey.name}")
                to_save.add(acr)
            elif mapping.journey != journey:
                what = f"journey {from_to(mapping.journey.name, journey.name)}"
                self._note(realm, f"acr {acr}", what)
                mapping.journey = journey
                to_save.add(acr)
        named = [each["acr"] for each in given]
        order = named + [acr for acr in before if acr not in named]
        if order != list(mappings):
            self._note(realm, "acr order", ", ".join(order))
        if order != before:
            for position, acr in enumerate(order):
                if mappings[acr].position != position:
                    mappings[acr].position = position
                    to_save.add(acr)
        for acr in order:
            if acr in to_save:
                mappings[acr].save()

    def _default_journey(self, realm: Realm, name: str | None) -> None:
        journey = None if name is None else Journey.objects.get(realm=realm, name=name)
        old = realm.default_journey
        if journey != old:
            self._note(realm, "default journey", from_to(old.name if old else None, name))
            realm.default_journey = journey
            realm.save()

    def _details_types(self, realm: Realm, given: list[dict[str, Any]]) -> None:
        rows = AuthorizationDetailsType.objects.filter(realm=realm)
        stored = {each.type: each for each in rows}
        for each in given:
            name = each["type"]
            row = stored.get(name, AuthorizationDetailsType(realm=realm, type=name))
            subject, noted = f"authorization details type {name}", len(self.changes)
            if name not in stored:
                self._note(realm, subject, "created")
            for column, empty in (("name", ""), ("schema", {}), ("template", "")):
                old: Any = getattr(row, column)
                new: Any = each.get(column) or empty
                setattr(row, column, new)
                if name in stored and old != new:
                    self._note(realm, subject, f"{column} {from_to(old, new)}")
            if len(self.changes) > noted:
                row.save()
        realm.__dict__.pop("details_types", None)

    def _clients(self, realm: Realm, given: list[dict[str, Any]]) -> None:
        for each in given:
            existing = Client.objects.filter(realm=realm, client_id=each["client_id"]).first()
            before = metadata_of(existing) if existing else {}
            digest = existing.secret_digest if existing else ""
            client = registered(each, realm, existing=existing)
            if existing is None:
                client.save()
                self._note(realm, f"client {client.client_id}", "created")
            elif self._differences(realm, client, before, digest):
                client.save()

    def _differences(
        self, realm: Realm, client: Client, before: Mapping[str, Any], digest: str
    ) -> bool:
        """Note what has changed in a client; whether anything has."""
        noted = len(self.changes)
        after = metadata_of(client)
        subject = f"client {client.client_id}"
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if old != new:
                self._note(realm, subject, f"{name} {from_to(old, new)}")
        if digest != client.secret_digest:
            what = "changed" if digest and client.secret_digest else None
            what = what or ("set" if client.secret_digest else "removed")
            warning = _end_of_secret(client, before) if digest else ""
            self._note(realm, subject, f"client_secret {what}", warning)
        return len(self.changes) > noted


def _end_of_secret(client: Client, before: Mapping[str, Any]) -> str:
    """What to tell of a stored secret that another authentication method has ended."""
    method = client.token_endpoint_auth_method
    if method == before[METHOD]:
        return ""
    if client.secret_digest:
        return f"the old secret stops working: {METHOD} is {method} now, with the secret given here"
    return f"the old secret stops working: {METHOD} is {method} now, which uses none"
