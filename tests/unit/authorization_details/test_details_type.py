"""A type is looked at before it is saved: its schema, its examples, its template."""

from typing import Any

import pytest

from django_ciba.authorization_details import details_type_problems, details_types
from tests.authorization_details import PAYMENT, SCHEMA, TEMPLATE, payment

HERE = "must begin with #: it leads to a place in this schema, nothing is fetched"


def problems(schema: Any, template: str = "") -> list[tuple[str, str]]:
    return [(path, text) for path, text in details_type_problems(PAYMENT, schema, template)]


def test_a_sound_type_has_no_fault() -> None:
    assert problems({**SCHEMA, "examples": [payment()]}, TEMPLATE) == []
    assert problems({}) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ([], [("schema", "must be an object: a JSON Schema (2020-12)")]),
        (True, [("schema", "must be an object: a JSON Schema (2020-12)")]),
        (
            {"properties": {"a": {"type": "strin"}}},
            [("schema.properties.a.type", "must be one of array, boolean")],
        ),
        ({"required": "a"}, [("schema.required", "'a' is not of type 'array'")]),
        (
            {"properties": {"a": {"pattern": "("}}},
            [("schema.properties.a.pattern", "'(' is not a 'regex'")],
        ),
        ({"properties": []}, [("schema.properties", "[] is not of type 'object'")]),
        ({"maxLength": -1}, [("schema.maxLength", "-1 is less than the minimum of 0")]),
        (
            {"$ref": "https://example.com/payment.json"},
            [('schema["$ref"]', HERE)],
        ),
        ({"$dynamicRef": "//example.com/#x"}, [('schema["$dynamicRef"]', HERE)]),
        ({"allOf": [{"$ref": "file:///etc/passwd"}]}, [('schema.allOf[0]["$ref"]', HERE)]),
        ({"allOf": [{"$ref": "other.json#/a"}]}, [('schema.allOf[0]["$ref"]', HERE)]),
        (
            {"properties": {"a": {"$ref": "#/$defs/b"}}},
            [('schema.properties.a["$ref"]', "leads to nothing in this schema")],
        ),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#"},
            [('schema["$schema"]', "must be https://json-schema.org/draft/2020-12/schema")],
        ),
        (
            {"properties": {"a": {"$id": "https://example.com/a"}}},
            [('schema.properties.a["$id"]', "must be left out below the whole schema")],
        ),
        ({"$ref": "#"}, [("schema", "refers to itself without end")]),
        ({"examples": [7]}, [("schema.examples[0]", "must be an object")]),
        (
            {"properties": {"a": True}, "examples": [{"a": 1}]},
            [("schema.examples[0].type", "must be payment_initiation")],
        ),
        (
            {"examples": [{"type": "other"}]},
            [("schema.examples[0]", "breaks the schema: .type must be payment_initiation")],
        ),
    ],
)
def test_each_fault_of_a_schema_has_its_place(schema: Any, expected: list[tuple[str, str]]) -> None:
    found = problems(schema)
    assert [path for path, _ in found] == [path for path, _ in expected]
    for (_, text), (_, words) in zip(found, expected, strict=True):
        assert words in text


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"$id": "https://example.com/payment", "$ref": "#/$defs/a", "$defs": {"a": {}}},
        {"properties": {"a": {"$ref": "#here"}}, "$defs": {"b": {"$anchor": "here"}}},
        {"properties": {"$ref": {"type": "string"}}},
    ],
)
def test_what_stays_within_the_schema_is_taken(schema: dict[str, Any]) -> None:
    assert problems(schema) == []


def test_without_the_library_no_schema_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details_types, "INSTALLED", False)
    assert problems(SCHEMA) == [
        ("schema", "needs the library jsonschema: install django-ciba[rar]")
    ]
    assert problems({}, TEMPLATE) == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ amount", None),
        ("{{ amount| }}", "line 1: "),
        ("\n{% if amount %}", "line 2: Unclosed tag"),
        ("{% load static %}", "Invalid block tag on line 1: 'load'"),
        ("{% include 'x.html' %}", "Invalid block tag on line 1: 'include'"),
        ("{% extends 'admin/base.html' %}", "Invalid block tag on line 1: 'extends'"),
        ("{% autoescape off %}{{ a }}{% endautoescape %}", "Invalid block tag on line 1"),
        ("{% filter upper %}{% endfilter %}", "Invalid block tag on line 1: 'filter'"),
        ("{% url 'admin:index' %}", "Invalid block tag on line 1: 'url'"),
        ("{% debug %}", "Invalid block tag on line 1: 'debug'"),
        ("{% csrf_token %}", "Invalid block tag on line 1: 'csrf_token'"),
        ("{{ a|safe }}", "Invalid filter: 'safe'"),
        ("{{ a|urlize }}", "Invalid filter: 'urlize'"),
        ("{{ a|ljust:99999999 }}", "Invalid filter: 'ljust'"),
        ("{{ a.__class__ }}", "may not begin with underscores"),
        ("x" * 10_001, "must be at most 10000 characters long"),
    ],
)
def test_a_template_speaks_its_small_language_only(template: str, words: str | None) -> None:
    found = problems({}, template)
    if words is None:
        assert found == []
    else:
        ((path, text),) = found
        assert path == "template"
        assert words in text
