"""Whatever is sent, the answer is JSON that says what to change, and never our fault (§3)."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.api.app import App, refusal

pytestmark = pytest.mark.django_db

NOT_JSON = "the body is not JSON, or JSON with members named twice or nested too deeply"
BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "white space": (b" ", NOT_JSON),
    "no JSON": (b"name=phone", NOT_JSON),
    "bad UTF-8": (b'{"name": "\xff"}', NOT_JSON),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), NOT_JSON),
    "a name twice": (b'{"name": "a", "name": "b"}', NOT_JSON),
    "NaN": (b'{"name": NaN}', NOT_JSON),
    "infinity": (b'{"name": 1e999}', NOT_JSON),
    "digits": (b'{"name": ' + b"9" * 5000 + b"}", NOT_JSON),
    "a lone surrogate": (b'{"name": "\\ud800"}', "the body is JSON holds a lone surrogate"),
    "nested": (b"[" * 30_000 + b"]" * 30_000, NOT_JSON),
    "33 deep": (b'{"a":' * 33 + b"1" + b"}" * 33, "the body is JSON nested too deeply"),
    "too long": (b'{"name": "' + b"x" * 65_536 + b'"}', "the body is longer than 65536 bytes"),
    "20 MB": (b" " * 20_000_000, "the body is longer than 65536 bytes"),
    "a list": (b"[]", "the body must be a JSON object"),
    "null": (b"null", "the body must be a JSON object"),
    "a number": (b"7", "the body must be a JSON object"),
}
TAKE_A_BODY = [("POST", "enrolment"), ("PATCH", "device"), ("POST", "requests/{}/answer")]


@pytest.mark.parametrize(("method", "path"), TAKE_A_BODY)
@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_refused_as_json(
    alice: User, app: App, method: str, path: str, case: str
) -> None:
    octets, description = BAD_BODIES[case]
    found = arrange.waiting(alice)
    answer = app.call(method, path.format(found.public_id), octets)
    assert refusal(answer) == (400, "invalid_request", description)


@pytest.mark.parametrize(("method", "path"), TAKE_A_BODY)
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_of_another_type_is_refused(
    alice: User, app: App, method: str, path: str, content_type: str
) -> None:
    found = arrange.waiting(alice)
    answer = app.call(method, path.format(found.public_id), {"x": 1}, content_type=content_type)
    assert refusal(answer) == (
        400,
        "invalid_request",
        "send a body of the type application/json",
    )


def test_a_body_of_1500_members_is_read_for_what_it_must_have(alice: User, app: App) -> None:
    many = {f"member{number}": number for number in range(1500)}
    answer = app.call("PATCH", "device", {**many, "name": "Many"})
    assert (answer.status_code, answer.json()["name"]) == (200, "Many")


@pytest.mark.parametrize(
    "name",
    [
        "\x00",
        "a\x00b",
        "\u202eenohp",
        "\u200b",
        "\ufeffphone",
        "a\u2066b",
        "\ue000",
        "a\nb",
        "\u3164",
    ],
)
def test_what_does_not_show_is_no_name(app: App, name: str) -> None:
    assert refusal(app.call("PATCH", "device", {"name": name}))[:2] == (400, "invalid_request")
    assert app.stored.name == "Alice's phone"


@pytest.mark.parametrize("name", ["Ann's ☎", "ანას ტელეფონი", "هاتف", "📱", "می‌خواهم"])
def test_every_script_has_names(app: App, name: str) -> None:
    answer = app.call("PATCH", "device", {"name": name})
    assert (answer.status_code, answer.json()["name"]) == (200, name)


@pytest.mark.parametrize("value", ["\x00", "\ud800", "é", "a,b", "a" * 20_000, "..", ""])
def test_a_proof_of_any_octets_is_refused_as_json(app: App, value: str) -> None:
    sent = value.encode("utf-8", "surrogatepass").decode("latin-1")
    answer = app.call("GET", "device", proof=sent or " ")
    assert refusal(answer)[:2] == (401, "invalid_dpop_proof")


@pytest.mark.parametrize(
    "claim",
    [2**63, -(2**63), 1.5, True, "1", [], {}, None, -1, 10**400],
)
@pytest.mark.parametrize("name", ["iat", "exp", "prompt", "verdict", "client", "jti", "amr"])
def test_a_claim_of_any_type_is_no_fault_of_ours(
    alice: User, app: App, name: str, claim: Any
) -> None:
    found = arrange.waiting(alice)
    answer = app.answer(found, **{name: claim})
    if answer.status_code == 200:
        assert (name, claim) in (("amr", []), ("jti", "1"))
        return
    assert refusal(answer)[1] in ("invalid_answer", "prompted_again")


def test_the_host_s_settings_of_rest_framework_have_no_say(app: App, settings: Any) -> None:
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
        "DEFAULT_THROTTLE_RATES": {"anon": "0/day"},
        "EXCEPTION_HANDLER": "nowhere.at_all",
    }
    answer = app.call("GET", "device", Accept="text/html")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert refusal(app.call("PATCH", "device", b"", Accept="text/html"))[0] == 400


def test_no_answer_is_for_other_origins_or_for_caches(app: App) -> None:
    answer = app.call("GET", "requests", Origin="https://evil.example.com")
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    assert app.call("OPTIONS", "requests", Origin="https://evil.example.com").status_code == 405
    assert not answer.cookies


def test_problems_are_told_as_problems_to_who_asks(app: App) -> None:
    answer = app.call("GET", "requests/nothing", Accept="application/problem+json")
    assert answer["Content-Type"] == "application/problem+json"
    assert json.loads(answer.content)["error"] == "not_found"
