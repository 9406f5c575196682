"""The description in OpenAPI: valid, without warnings, and what is really answered."""

import subprocess
import sys
from functools import cache
from typing import Any

import jsonschema
import pytest
from django.contrib.auth.models import User
from drf_spectacular.drainage import GENERATOR_STATS
from openapi_spec_validator import validate

from django_ciba.authentication_device.api import urls
from django_ciba.authentication_device.api.openapi import document
from django_ciba.authentication_device.api.view import DeviceView
from django_ciba.journeys import Demand
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.api.app import API, FCM_TOKEN, NOTHING, App

pytestmark = pytest.mark.only_on("sqlite")


@cache
def schema() -> dict[str, Any]:
    return document(API)


def component(name: str) -> dict[str, Any]:
    """One shape as a JSON Schema, with all that it refers to; what it does not name is refused."""
    found = {key: {**each, "additionalProperties": False} for key, each in
             schema()["components"]["schemas"].items()}  # fmt: skip
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": found}}


def test_it_is_made_without_warnings_and_is_valid() -> None:
    document.cache_clear()
    GENERATOR_STATS.reset()
    made = document(API)
    assert not GENERATOR_STATS, (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache)
    validate(made)
    assert made["servers"] == [{"url": API}]


def test_every_address_and_method_is_described() -> None:
    served = {
        (f"/{each.pattern}".replace("<uuid:public_id>", "{public_id}"), method)
        for each in urls.urlpatterns
        if issubclass(each.callback.cls, DeviceView)
        for method in each.callback.cls.http_method_names
        if hasattr(each.callback.cls, method)
    }
    assert served == {(path, method) for path, each in schema()["paths"].items() for method in each}


def test_every_call_is_proved_by_the_device_s_key() -> None:
    for each in schema()["paths"].values():
        for operation in each.values():
            assert operation["security"] == [{"deviceKey": []}]
            assert operation["summary"]
    scheme = schema()["components"]["securitySchemes"]["deviceKey"]
    assert (scheme["in"], scheme["name"]) == ("header", "DPoP")


@pytest.mark.django_db
def test_what_is_answered_is_as_described(alice: User, app: App) -> None:
    details = [{"type": "payment", "amount": {"value": "50"}}]
    demand = Demand(number="pick").stored()
    found = arrange.waiting(alice, authorization_details=details, demand=demand, number="42")
    path = f"requests/{found.public_id}"
    for method, address, body, shape in (
        ("GET", "device", NOTHING, "Device"),
        ("PATCH", "device", {"name": "x", "push": None}, "Device"),
        ("GET", "requests", NOTHING, "Requests"),
        ("GET", path, NOTHING, "Request"),
        ("POST", f"{path}/answer", {"answer": app.signed(found, number="11")}, "Error"),
        ("POST", f"{path}/report", NOTHING, "Request"),
        ("GET", "history", NOTHING, "Requests"),
    ):
        answer = app.call(method, address, body)
        jsonschema.validate(answer.json(), component(shape))
        described = schema()["paths"][f"/{address}".replace(str(found.public_id), "{public_id}")][
            method.lower()
        ]["responses"]
        assert str(answer.status_code) in described


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["code", "name", "public_jwk", "push"])
def test_what_must_be_sent_is_as_described(alice: User, name: str) -> None:
    push = {"channel": "fcm", "token": FCM_TOKEN}
    needed = name in schema()["components"]["schemas"]["Enrolment"]["required"]
    answer = App().enrol(alice, **{"push": push, name: NOTHING})
    assert answer.status_code == (400 if needed else 201)


@pytest.mark.django_db
def test_the_description_is_served_to_everybody(client: Any) -> None:
    answer = client.get("/ciba/api/schema")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == schema()


def test_the_host_s_settings_for_its_own_schema_have_no_say(settings: Any) -> None:
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "rest_framework.schemas.AutoSchema"}
    settings.SPECTACULAR_SETTINGS = {"TITLE": "The host", "SCHEMA_PATH_PREFIX_TRIM": True}
    before = schema()
    document.cache_clear()
    assert document(API) == before


WITHOUT = """
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: (
    None if name.startswith("drf_spectacular") else found(name, *rest)
)
sys.modules["drf_spectacular"] = None
import django
django.setup()
from django.urls import reverse, NoReverseMatch
assert reverse("ciba_device_api:requests") == "/ciba/api/requests"
try:
    reverse("ciba_device_api:schema")
except NoReverseMatch:
    print("no schema")
"""


@pytest.mark.slow
def test_without_the_extra_the_api_works_and_is_not_described(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={"DJANGO_SETTINGS_MODULE": "testproject.settings", "CIBA_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("no schema\n", 0), done.stderr
