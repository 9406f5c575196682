"""JSON Schema 2020-12, by the library of the extra `[rar]`, without anything remote."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from django_ciba.protocol.errors import NOT_IN_DESCRIPTION
from django_ciba.protocol.problems import Problem, joined, member, values

Rule: TypeAlias = Callable[[Any, Any, Any], str]  # of keyword value, instance and schema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
A_TYPE: Final = (
    "must be one of array, boolean, integer, null, number, object, string, or a list of them"
)
REFERENCES: Final = ("$ref", "$dynamicRef")
# Keywords by which a schema may define members elsewhere than in its own `properties`.
APPLICATORS: Final = frozenset(
    {"allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties", *REFERENCES}
)
SHOWABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")
MOST_SAID: Final = 200


class Unusable(Exception):
    """The schema refers to nothing or to itself without end; no object can be held to it."""


def schema_problems(schema: Mapping[str, Any]) -> Iterator[Problem]:
    """JSON Schema Core 2020-12: every fault of a schema, with its path in it.

    A reference must lead to a place in the schema itself: nothing is ever fetched.
    """
    faults = [*_of_the_meta_schema(schema), *_of_dialect_and_references(schema)]
    yield from faults
    if not faults:
        yield from _dangling(schema)


def validator(type_name: str, schema: Mapping[str, Any]) -> Draft202012Validator:
    """What holds an object of that type to `schema`.

    RFC 9396 §5: a member that the type does not define is refused. A schema that says nothing of
    additional members is therefore read as one that allows none; `type` need not be mentioned.
    """
    known = {"type": {"const": type_name}, **schema.get("properties", {})}
    whole = {**schema, "properties": known}
    if not {"additionalProperties", "unevaluatedProperties"} & schema.keys():
        elsewhere = APPLICATORS & schema.keys()
        whole["unevaluatedProperties" if elsewhere else "additionalProperties"] = False
    return Draft202012Validator(whole, registry=Registry())


def fault(checks: Draft202012Validator, instance: Mapping[str, Any], at: str) -> str | None:
    """The first rule that an object breaks, for an error_description; None when it keeps them all.

    `at` names the object. The caller's values are never said, and its names only when plain.
    Errors: `Unusable`.
    """
    try:
        error = best_match(checks.iter_errors(instance))
    except (Unresolvable, RecursionError) as reason:
        raise Unusable(str(reason)) from reason
    if error is None:
        return None
    rule = str(error.validator)
    if rule in RULES:
        words = RULES[rule](error.validator_value, error.instance, error.schema)
    else:
        words = f"breaks the rule {rule} of the schema of its type"
    return NOT_IN_DESCRIPTION.sub("?", f"{at}{_place(error.absolute_path)} {words}")[:MOST_SAID]


def _place(steps: Iterable[str | int]) -> str:
    """A path of plain names and indexes; a name of other characters is a star."""
    place = ""
    for each in steps:
        if isinstance(each, int):
            place += f"[{each}]"
        else:
            place += f".{each}" if SHOWABLE_NAME.fullmatch(each) else ".*"
    return place


# --- a schema's own faults -----------------------------------------------------------------------


def _of_the_meta_schema(schema: Mapping[str, Any]) -> Iterator[Problem]:
    of_schemas = Draft202012Validator(
        Draft202012Validator.META_SCHEMA,
        registry=Registry(),
        format_checker=Draft202012Validator.FORMAT_CHECKER,  # regular expressions must compile
    )
    found = {}
    for each in of_schemas.iter_errors(schema):
        error = best_match([each]) or each
        path = ""
        for step in error.absolute_path:
            path = joined(path, f"[{step}]" if isinstance(step, int) else member(step))
        # In the meta-schema, `type` alone is a choice between two forms.
        found[path] = Problem(path, A_TYPE if error.validator == "anyOf" else error.message)
    yield from found.values()


def _of_dialect_and_references(schema: Mapping[str, Any]) -> Iterator[Problem]:
    for path, each in values(schema):
        if not isinstance(each, Mapping):
            continue
        if isinstance(each.get("$schema"), str) and each["$schema"].rstrip("#") != DIALECT:
            yield Problem(joined(path, member("$schema")), f"must be {DIALECT}, or left out")
        if path and isinstance(each.get("$id"), str):
            yield Problem(joined(path, member("$id")), "must be left out below the whole schema")
        for name in REFERENCES:
            reference = each.get(name)
            if isinstance(reference, str) and not reference.startswith("#"):
                yield Problem(
                    joined(path, member(name)),
                    "must begin with #: it leads to a place in this schema, nothing is fetched",
                )


def _dangling(schema: Mapping[str, Any]) -> Iterator[Problem]:
    resolver = Registry[Any]().resolver_with_root(DRAFT202012.create_resource(dict(schema)))
    for path, each in values(schema):
        for name in REFERENCES:
            reference = each.get(name) if isinstance(each, Mapping) else None
            if isinstance(reference, str):
                try:
                    resolver.lookup(reference)
                except Unresolvable:
                    yield Problem(joined(path, member(name)), "leads to nothing in this schema")


# --- a broken rule in words: what the schema says, never what the caller did ----------------------


def _lacks(value: Any, instance: Any, schema: Any) -> str:
    return f"lacks {', '.join(name for name in value if name not in instance)}"


def _type(value: Any, instance: Any, schema: Any) -> str:
    return f"must be of type {value if isinstance(value, str) else ' or '.join(value)}"


def _enum(value: Any, instance: Any, schema: Any) -> str:
    return f"must be one of {', '.join(map(str, value))}"


def _undefined(value: Any, instance: Any, schema: Any) -> str:
    words = "holds a member that its type does not define"
    known = schema.get("properties")
    return (
        words
        if not known or APPLICATORS & schema.keys()
        else f"{words}; it takes {', '.join(known)}"
    )


def _said(words: str) -> Rule:
    return lambda value, instance, schema: words.format(value)


RULES: Final[Mapping[str, Rule]] = {
    "required": _lacks,
    "type": _type,
    "enum": _enum,
    "const": _said("must be {}"),
    "additionalProperties": _undefined,
    "unevaluatedProperties": _undefined,
    "minimum": _said("must be at least {}"),
    "maximum": _said("must be at most {}"),
    "exclusiveMinimum": _said("must be above {}"),
    "exclusiveMaximum": _said("must be below {}"),
    "multipleOf": _said("must be a multiple of {}"),
    "minLength": _said("must be at least {} characters long"),
    "maxLength": _said("must be at most {} characters long"),
    "minItems": _said("must hold at least {} items"),
    "maxItems": _said("must hold at most {} items"),
    "uniqueItems": _said("must not hold the same item twice"),
    "pattern": _said("does not match the pattern of its type"),
}
