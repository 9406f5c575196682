"""What a type of authorization details asks of its objects (RFC 9396 §2, §5)."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

from django_ciba.models import AuthorizationDetailsType, configuration
from django_ciba.protocol.errors import InvalidAuthorizationDetails, ServerError
from django_ciba.protocol.problems import Problem, joined, under

from .words import template_problem

INSTALLED: Final[bool] = find_spec("jsonschema") is not None  # the extra [rar]
if INSTALLED:
    from . import json_schema

NOT_INSTALLED: Final = "needs the library jsonschema: install django-ciba[rar]"
# RFC 9396 §2.2: the members that an object of any type may have; identifier alone is no list.
COMMON_LISTS: Final = ("locations", "actions", "datatypes", "privileges")
COMMON_TEXT: Final = "identifier"


def details_type_problems(name: str, schema: object, template: str) -> Iterator[Problem]:
    """Every fault of a type before it is saved, as `schema.properties.amount` and `template`.

    The schema's own `examples` must be objects that it takes. Without the library that knows JSON
    Schema, no schema is taken.
    """
    yield from under("schema", _schema_problems(name, schema))
    if (problem := template_problem(template)) is not None:
        yield Problem("template", problem)


def is_usable(details_type: AuthorizationDetailsType) -> bool:
    """Whether objects can be held to a stored type; other ways into the database check nothing."""
    return not list(_schema_problems(details_type.type, details_type.schema))


def the_object_conforms(
    details: Mapping[str, Any], details_type: AuthorizationDetailsType, at: str
) -> None:
    """RFC 9396 §5: an object of a known type has the form that the type asks for.

    `at` is its place in the document. Raises InvalidAuthorizationDetails, naming the place and the
    rule; ServerError when nothing can be held to the type's schema.
    """
    if not details_type.schema:
        fault = _uncommon(details, at)
    else:
        fault = _by_schema(details, details_type, at)
    if fault is not None:
        raise InvalidAuthorizationDetails(fault)


def _by_schema(
    details: Mapping[str, Any], details_type: AuthorizationDetailsType, at: str
) -> str | None:
    memo, key = configuration().memo, ("authorization details", details_type.pk)
    if key not in memo:
        memo[key] = None
        if is_usable(details_type):
            memo[key] = json_schema.validator(details_type.type, details_type.schema)
    broken = ServerError(
        "the provider cannot check authorization_details of this type",
        log_detail=f"the schema of authorization details type {details_type.pk} cannot be used",
    )
    if memo[key] is None:
        raise broken
    try:
        return json_schema.fault(memo[key], details, at)
    except json_schema.Unusable:
        raise broken from None


def _uncommon(details: Mapping[str, Any], at: str) -> str | None:
    """RFC 9396 §2.2, §5: a type without a schema defines the common members and no others."""
    for name, value in details.items():
        if name in COMMON_LISTS:
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                return f"{at}.{name} must be an array of strings"
        elif name == COMMON_TEXT:
            if not isinstance(value, str):
                return f"{at}.{name} must be a string"
        elif name != "type":
            known = ", ".join(("type", *COMMON_LISTS, COMMON_TEXT))
            return f"{at} holds a member that its type does not define; it takes {known}"
    return None


def _schema_problems(name: str, schema: object) -> Iterator[Problem]:
    if schema == {}:
        return
    if not isinstance(schema, Mapping):
        yield Problem("", "must be an object: a JSON Schema (2020-12)")
        return
    if not INSTALLED:
        yield Problem("", NOT_INSTALLED)
        return
    faults = list(json_schema.schema_problems(schema))
    yield from faults or _examples(name, schema)


def _examples(name: str, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """The schema's examples, which the operator is shown as a user would see them."""
    checks = json_schema.validator(name, schema)
    examples = schema.get("examples", [])
    try:
        json_schema.fault(checks, {"type": name}, "")  # whatever it says: it must come to an end
        for at, each in enumerate(examples):
            place = f"examples[{at}]"
            if not isinstance(each, Mapping):
                yield Problem(place, "must be an object")
            elif "type" not in each:
                yield Problem(joined(place, "type"), f"must be {name}")
            elif (fault := json_schema.fault(checks, each, "")) is not None:
                yield Problem(place, f"breaks the schema: {fault.strip()}")
    except json_schema.Unusable:
        yield Problem("", "refers to itself without end")
