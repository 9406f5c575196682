"""Types of authorization details in a realm document."""

import json
from typing import Any

import pytest

from django_ciba.models import AuthorizationDetailsType, ConfigurationVersion, Realm
from django_ciba.realm_document import apply, document_problems, export
from tests.authorization_details import PAYMENT, SCHEMA, TEMPLATE

pytestmark = pytest.mark.django_db

FULL = {"type": PAYMENT, "name": "A payment", "schema": SCHEMA, "template": TEMPLATE}


def document(*types: Any) -> dict[str, Any]:
    return {
        "realm": "/",
        "settings": {"signing_algs": ["ES256"]},
        "authorization_details_types": list(types),
    }


def lines(*types: Any, dry_run: bool = False) -> list[str]:
    return [str(each) for each in apply(document(*types), dry_run=dry_run)]


def faults(*types: Any) -> list[tuple[str, str]]:
    return [(path, message) for path, message in document_problems(document(*types))]


def stored() -> dict[str, tuple[str, Any, str]]:
    rows = AuthorizationDetailsType.objects.all()
    return {each.type: (each.name, each.schema, each.template) for each in rows}


def test_types_are_made_and_a_second_import_writes_nothing() -> None:
    changes = lines(FULL, {"type": "account_information"})
    assert changes[-2:] == [
        "/: authorization details type payment_initiation: created",
        "/: authorization details type account_information: created",
    ]
    assert stored() == {
        PAYMENT: ("A payment", SCHEMA, TEMPLATE),
        "account_information": ("", {}, ""),
    }
    version = ConfigurationVersion.objects.get().value
    assert lines(FULL, {"type": "account_information"}) == []
    assert ConfigurationVersion.objects.get().value == version


def test_a_type_is_replaced_whole_and_the_others_are_left_alone() -> None:
    lines(FULL, {"type": "other", "name": "Other"})
    assert lines({"type": PAYMENT, "name": "Pay", "schema": None}) == [
        '/: authorization details type payment_initiation: name "A payment" -> "Pay"',
        "/: authorization details type payment_initiation: schema changed",
        "/: authorization details type payment_initiation: template changed",
    ]
    assert stored() == {PAYMENT: ("Pay", {}, ""), "other": ("Other", {}, "")}


def test_a_dry_run_stores_nothing() -> None:
    assert lines(FULL, dry_run=True)
    assert stored() == {}


def test_an_exported_realm_imports_as_no_change() -> None:
    lines(FULL, {"type": "account_information"})
    exported = json.loads(json.dumps(export("/")))
    assert exported["authorization_details_types"] == [{"type": "account_information"}, FULL]
    assert apply(exported) == []


def test_a_client_of_the_same_document_may_have_the_type() -> None:
    realm = document(FULL)
    realm["clients"] = [
        {
            "client_id": "shop",
            "client_secret": "x" * 32,
            "require_signed_request_object": False,
            "authorization_details_types": [PAYMENT],
        }
    ]
    apply(realm)
    client = Realm.objects.get().clients.get()
    assert set(client.details_types) == {PAYMENT}


@pytest.mark.parametrize(
    ("given", "path", "problem"),
    [
        (7, "authorization_details_types[0]", "must be an object with type"),
        ({}, "authorization_details_types[0].type", "must be a string"),
        ({"type": ""}, "authorization_details_types[0].type", "must not be empty"),
        ({"type": "x" * 201}, "authorization_details_types[0].type", "at most 200 characters"),
        ({"type": "a", "name": 7}, "authorization_details_types[0].name", "must be a string"),
        (
            {"type": "a", "shema": {}},
            "authorization_details_types[0].shema",
            "is not known in a type of authorization details; did you mean schema?",
        ),
        (
            {"type": "a", "template": 7},
            "authorization_details_types[0].template",
            "must be a string",
        ),
        (
            {"type": "a", "template": "{% load x %}"},
            "authorization_details_types[0].template",
            "line 1: Invalid block tag",
        ),
        ({"type": "a", "schema": []}, "authorization_details_types[0].schema", "must be an object"),
        (
            {"type": "a", "schema": {"properties": {"b": {"$ref": "https://example.com/"}}}},
            'authorization_details_types[0].schema.properties.b["$ref"]',
            "must begin with #",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(given: Any, path: str, problem: str) -> None:
    ((found, message),) = faults(given)
    assert found == path
    assert problem in message
    assert stored() == {}


def test_types_are_a_list_and_not_named_twice() -> None:
    given = {"realm": "/", "authorization_details_types": {}}
    assert [tuple(each) for each in document_problems(given)] == [
        ("authorization_details_types", "must be a list of types of authorization details")
    ]
    assert faults(FULL, FULL) == [("authorization_details_types[1].type", "is that of [0] too")]
