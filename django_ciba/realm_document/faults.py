"""Every fault of a realm document, with its JSON path; never only the first."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django_ciba import journeys
from django_ciba.authorization_details import details_type_problems
from django_ciba.client_registration import metadata_problems, validated
from django_ciba.conf import CibaSettings, issuer_address
from django_ciba.models import AcrMapping, AuthorizationDetailsType, Client, Journey, Realm
from django_ciba.models.realm import ROOT_PATH, issuer_problem, settings_problems
from django_ciba.protocol.problems import (
    Problem,
    joined,
    member,
    shown,
    too_deep,
    under,
    unknown,
    unstorable,
)

from .reading import repeated_members

MEMBERS: Final = (
    "realm",
    "enabled",
    "issuer",
    "settings",
    "journeys",
    "acr_values",
    "default_journey",
    "authorization_details_types",
    "clients",
)
DETAILS_TYPE_MEMBERS: Final = ("type", "name", "schema", "template")
REALM_SETTINGS: Final = tuple(each.name.lower() for each in CibaSettings.declared() if each.realm)


def document_problems(document: object) -> list[Problem]:
    """Every fault of one realm document, or of a list of them; empty when it can be applied.

    Reads the database: a client that exists keeps the members that the document leaves out, and a
    mapping may name a journey that the realm has already.
    """
    if too_deep(document):
        return [Problem("", "is JSON nested too deeply")]
    found = [*repeated_members(document), *unstorable(document)]
    documents = by_path(document)
    if documents is None:
        found.append(Problem("", "must be an object, or a list of objects, one for each realm"))
    elif not documents:
        found.append(Problem("", "holds no realm document"))
    else:
        site = _Site.of(documents)
        for path, each in documents.items():
            found += under(path, _one_document(each, site))
        found += _realms_named_twice(documents)
    return list(dict.fromkeys(found))  # a NUL in a client's keys is found twice


def by_path(document: object) -> dict[str, object] | None:
    """The documents of a file by their place in it; None when it is neither one nor a list."""
    if isinstance(document, Mapping):
        return {"": document}
    if isinstance(document, list):
        return {f"[{index}]": each for index, each in enumerate(document)}
    return None


def parents(path: str) -> list[str]:
    """The paths above a realm's, nearest first, root last; none above root."""
    steps = path.split("/")
    return [] if path == ROOT_PATH else ["/".join(steps[:n]) or ROOT_PATH for n in _down(steps)]


def _down(steps: list[str]) -> range:
    return range(len(steps) - 1, 0, -1)


def with_changes(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A realm's settings after an import: given ones replace stored ones, null takes one away."""
    after = {**stored, **given}
    return {name: value for name, value in after.items() if value is not None}


def without_name(journey: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a journey that its versions keep."""
    return {name: value for name, value in journey.items() if name != "name"}


@dataclass(frozen=True)
class _Site:
    """What is there already, and the settings that realms will have after the import."""

    realms: Mapping[str, Realm]
    settings: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, documents: Mapping[str, object]) -> "_Site":
        realms = {realm.path: realm for realm in Realm.objects.all()}
        settings: dict[str, Mapping[str, Any]] = {
            path: realm.settings for path, realm in realms.items()
        }
        for each in documents.values():
            if isinstance(each, Mapping) and isinstance(path := each.get("realm"), str):
                given = each.get("settings")
                if isinstance(given, Mapping) and not list(_settings(given)):
                    settings[path] = with_changes(settings.get(path, {}), given)
        return cls(realms, settings)

    def conf(self, path: str) -> CibaSettings:
        """The settings of a realm as they will be."""
        return CibaSettings(tuple(self.settings.get(each, {}) for each in (path, *parents(path))))


@dataclass(frozen=True)
class _InRealm:
    """What the parts of one document are checked against."""

    path: str
    stored: Realm | None
    conf: CibaSettings
    document: Mapping[str, Any]

    @cached_property
    def journeys(self) -> frozenset[str]:
        """Names of the realm's journeys as they will be."""
        stored = Journey.objects.filter(realm=self.stored).values_list("name", flat=True)
        given = self.document.get("journeys")
        named = [
            each["name"]
            for each in (given if isinstance(given, list) else ())
            if isinstance(each, Mapping) and isinstance(each.get("name"), str)
        ]
        return frozenset([*(stored if self.stored else ()), *named])

    @cached_property
    def details_types(self) -> frozenset[str]:
        """The types of authorization details that the realm will know."""
        stored = AuthorizationDetailsType.objects.filter(realm=self.stored)
        given = self.document.get("authorization_details_types")
        named = [
            each["type"]
            for each in (given if isinstance(given, list) else ())
            if isinstance(each, Mapping) and isinstance(each.get("type"), str)
        ]
        known = stored.values_list("type", flat=True) if self.stored else ()
        return frozenset([*known, *named])

    @cached_property
    def clients(self) -> dict[str, Client]:
        """The realm's clients that the document names, as they are."""
        given = self.document.get("clients")
        named = [
            each["client_id"]
            for each in (given if isinstance(given, list) else ())
            if isinstance(each, Mapping) and isinstance(each.get("client_id"), str)
        ]
        if self.stored is None or not named:
            return {}
        storable = {name for name in named if not list(validated(Client, "client_id", name))}
        rows = Client.objects.filter(realm=self.stored)
        return {row.client_id: row for row in rows.iterator() if row.client_id in storable}


def _one_document(document: object, site: _Site) -> Iterator[Problem]:
    if not isinstance(document, Mapping):
        yield Problem("", "must be an object with realm")
        return
    if "realm" not in document and {"start", "nodes"} <= document.keys():
        wrapped = '{"realm": "/", "journeys": [this journey]}'
        yield Problem("", f"is a journey; a realm document holds it: {wrapped}")
        return
    for name in document:
        if name not in MEMBERS:
            yield Problem(member(name), unknown(str(name), MEMBERS, "a realm document"))
    path = document.get("realm")
    faults = list(_realm_path(path))
    yield from under("realm", faults)
    if not isinstance(path, str) or faults:
        path = ROOT_PATH  # a place to look at the other members from
        in_realm = _InRealm(path, None, site.conf(path), document)
    else:
        in_realm = _InRealm(path, site.realms.get(path), site.conf(path), document)
    for name, check in PARTS.items():
        if name in document:
            yield from under(name, check(document[name], in_realm))


def _realm_path(path: object) -> Iterator[Problem]:
    if not isinstance(path, str):
        yield Problem("", 'must be the path of a realm: "/" for root, or as "/alpha/beta"')
        return
    if path == ROOT_PATH:
        return
    names = path.split("/")[1:]
    if not path.startswith("/") or path.endswith("/") or not all(names):
        yield Problem("", 'must begin with / and not end with one, as "/alpha/beta"')
        return
    for name in names:
        for problem in validated(Realm, "name", name):
            yield Problem("", f"{shown(name)} {problem.message}")
    yield from validated(Realm, "path", path)


def _enabled(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem("", "must be true or false, without quotes")


def _issuer(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    """OpenID Connect Discovery §3: the issuer, where it is not the realm's own address."""
    if value is None:
        return
    if not isinstance(value, str) or (problem := issuer_address(value)) is not None:
        yield Problem("", issuer_address(value) or "")
    elif (problem := issuer_problem(value, in_realm.path)) is not None:
        yield Problem("", problem)
    else:
        yield from validated(Realm, "issuer_override", value)


def _settings(value: Any, in_realm: "_InRealm | None" = None) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem("", "must be an object of settings by lower-case name")
        return
    for name, each in value.items():
        if name not in REALM_SETTINGS:
            yield Problem(member(name), unknown(str(name), REALM_SETTINGS, "a realm's settings"))
        elif each is not None:
            for path, problem in settings_problems({name: each}):
                yield Problem(path, problem)


def _journeys(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    for path, each in _objects(value):
        if each is None:
            yield Problem(path, "must be an object with name, start and nodes")
            continue
        yield from under(joined(path, "name"), validated(Journey, "name", each.get("name")))
        yield from under(path, journeys.document_problems(without_name(each)))
    yield from _not_a_list(value, "journeys")
    yield from _named_twice(value, "name")


def _acr_values(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    for path, each in _objects(value):
        if each is None:
            yield Problem(path, "must be an object with acr and journey")
            continue
        for name in each:
            if name not in ("acr", "journey"):
                known = ("acr", "journey")
                yield Problem(joined(path, member(name)), unknown(str(name), known, "a mapping"))
        yield from under(joined(path, "acr"), validated(AcrMapping, "acr", each.get("acr")))
        yield from under(joined(path, "journey"), _a_journey(each.get("journey"), in_realm))
    yield from _not_a_list(value, "mappings")
    yield from _named_twice(value, "acr")


def _details_types(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    """RFC 9396 §2: types of authorization details, each whole: what is left out is empty."""
    for path, each in _objects(value):
        if each is None:
            yield Problem(path, "must be an object with type, and name, schema and template")
            continue
        yield from under(path, _details_type(each))
    yield from _not_a_list(value, "types of authorization details")
    yield from _named_twice(value, "type")


def _details_type(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given:
        if name not in DETAILS_TYPE_MEMBERS:
            known = unknown(name, DETAILS_TYPE_MEMBERS, "a type of authorization details")
            yield Problem(member(name), known)
    type_faults = list(validated(AuthorizationDetailsType, "type", given.get("type")))
    yield from under("type", type_faults)
    if given.get("name") is not None:
        yield from under("name", validated(AuthorizationDetailsType, "name", given["name"]))
    template = given.get("template") or ""
    if not isinstance(template, str):
        yield Problem("template", "must be a string")
        template = ""
    schema = given.get("schema")
    name = "" if type_faults else given["type"]
    yield from details_type_problems(name, {} if schema is None else schema, template)


def _default_journey(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    if value is not None:
        yield from _a_journey(value, in_realm)


def _a_journey(name: Any, in_realm: _InRealm) -> Iterator[Problem]:
    if not isinstance(name, str):
        yield Problem("", "must be the name of a journey")
    elif name not in in_realm.journeys:
        known = sorted(in_realm.journeys)
        yield Problem("", f"{shown(name)} {unknown(name, known, 'the journeys of this realm')}")


def _clients(value: Any, in_realm: _InRealm) -> Iterator[Problem]:
    for path, each in _objects(value):
        if each is None:
            yield Problem(path, "must be an object")
            continue
        client_id = each.get("client_id")
        existing = in_realm.clients.get(client_id) if isinstance(client_id, str) else None
        found = metadata_problems(
            each, in_realm.conf, existing=existing, details_types=in_realm.details_types
        )
        yield from under(path, found)
    yield from _not_a_list(value, "clients")
    yield from _named_twice(value, "client_id")


PARTS: Final[Mapping[str, Callable[[Any, _InRealm], Iterator[Problem]]]] = {
    "enabled": _enabled,
    "issuer": _issuer,
    "settings": _settings,
    "journeys": _journeys,
    "acr_values": _acr_values,
    "default_journey": _default_journey,
    "authorization_details_types": _details_types,
    "clients": _clients,
}


def _objects(value: Any) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Path and object for each item of a list; None for an item that is no object."""
    for index, each in enumerate(value if isinstance(value, list) else ()):
        yield f"[{index}]", each if isinstance(each, Mapping) else None


def _not_a_list(value: Any, of: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem("", f"must be a list of {of}")


def _named_twice(value: Any, name: str) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for path, each in _objects(value):
        key = each.get(name) if each else None
        if isinstance(key, str) and first.setdefault(key, path) != path:
            yield Problem(joined(path, name), f"is that of {first[key]} too")


def _realms_named_twice(documents: Mapping[str, object]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for path, each in documents.items():
        key = each.get("realm") if isinstance(each, Mapping) else None
        if isinstance(key, str) and first.setdefault(key, path) != path:
            yield Problem(joined(path, "realm"), f"is that of {first[key]} too: make them one")
