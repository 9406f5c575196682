"""Types of authorization details: what is wrong is said before it is saved, and shown as it is."""

import json
from typing import Any

import pytest
from django.test import Client as Browser

from django_ciba.authorization_details import details_types
from django_ciba.models import AuthorizationDetailsType
from tests.authorization_details import PAYMENT, SCHEMA, TEMPLATE, payment
from tests.unit.admin.arrange import House, page
from tests.unit.admin.test_configuration import errors


def form(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "realm": house.realm.pk,
        "type": "transfer",
        "name": "A transfer",
        "schema": "{}",
        "template": "",
        **changes,
    }


def add(browser: Browser, house: House, **changes: Any) -> Any:
    return browser.post(page(AuthorizationDetailsType, "add"), form(house, **changes))


def test_a_type_is_made_by_hand(house: House, admin_client: Browser) -> None:
    add(admin_client, house, schema=json.dumps(SCHEMA), template=TEMPLATE)
    made = AuthorizationDetailsType.objects.get(type="transfer")
    assert (made.schema, made.template) == (SCHEMA, TEMPLATE)


def test_an_empty_schema_is_none(house: House, admin_client: Browser) -> None:
    add(admin_client, house, schema="")
    assert AuthorizationDetailsType.objects.get(type="transfer").schema == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"schema": '{"properties": {"a": {"$ref": "https://example.com/a.json"}}}'},
            {
                "schema": [
                    (
                        'properties.a["$ref"]: must begin with #: it leads to a place in '
                        "this schema, nothing is fetched"
                    )
                ]
            },
        ),
        ({"schema": "[]"}, {"schema": ["must be an object: a JSON Schema (2020-12)"]}),
        (
            {"schema": '{"maxLength": "7"}'},
            {"schema": ["maxLength: '7' is not of type 'integer'"]},
        ),
        (
            {"schema": '{"examples": [{"type": "transfer", "to": "x"}]}'},
            {
                "schema": [
                    (
                        "examples[0]: breaks the schema: holds a member that its type does not "
                        "define; it takes type"
                    )
                ]
            },
        ),
        ({"type": PAYMENT}, {"__all__": ["Constraint"]}),
        ({"type": ""}, {"type": ["This field is required."]}),
    ],
)
def test_a_wrong_type_is_refused(
    house: House, admin_client: Browser, changes: dict[str, str], expected: dict[str, list[str]]
) -> None:
    found = errors(add(admin_client, house, **changes))
    assert set(found) == set(expected)
    for name, messages in expected.items():
        for message, words in zip(found[name], messages, strict=True):
            assert words in message or name == "__all__"
    assert AuthorizationDetailsType.objects.count() == 1


def test_a_wrong_template_is_refused_with_its_line(house: House, admin_client: Browser) -> None:
    found = errors(add(admin_client, house, template="Pay\n{% load static %}"))
    assert found["template"][0].startswith("line 2: Invalid block tag on line 2: ")


def test_without_the_library_no_schema_is_saved(
    house: House, admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(details_types, "INSTALLED", False)
    found = errors(add(admin_client, house, schema='{"type": "object"}'))
    assert found == {"schema": ["needs the library jsonschema: install django-ciba[rar]"]}


def test_the_examples_of_the_schema_are_shown_as_users_see_them(
    house: House, admin_client: Browser
) -> None:
    examples = [payment(creditorName="<i>Merchant</i>"), payment(times=3)]
    found = AuthorizationDetailsType.objects.get()
    address = page(AuthorizationDetailsType, "change", found.pk)
    assert "to see them here" in admin_client.get(address).content.decode()
    found.schema = {**SCHEMA, "examples": examples}
    found.save()
    text = admin_client.get(address).content.decode()
    assert (
        "Pay <bdi>EUR</bdi> <bdi>123.50</bdi> to "
        "<strong><bdi>&lt;i&gt;Merchant&lt;/i&gt;</bdi></strong>." in text
    )
    assert "<dt><bdi>times</bdi></dt>" in text


def test_realm_and_name_of_a_type_stay(house: House, admin_client: Browser) -> None:
    found = AuthorizationDetailsType.objects.get()
    data = form(house, type="another", schema=json.dumps(SCHEMA), name="Pay")
    admin_client.post(page(AuthorizationDetailsType, "change", found.pk), data)
    found.refresh_from_db()
    assert (found.type, found.name) == (PAYMENT, "Pay")
