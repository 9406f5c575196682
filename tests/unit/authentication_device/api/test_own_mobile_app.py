"""The app that the how-to prints, against a provider: asked, seen, answered, tokens."""

import re
from collections.abc import Mapping
from json import dumps
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_ciba.models import AuditEvent, AuthenticationRequest
from tests.provider import make_client, make_journey, make_realm, push_journey
from tests.relying_party import RelyingParty
from tests.unit.authentication_device.api.app import A_BUTTON, API
from tests.unit.authentication_device.conftest import signed_in

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "own-mobile-app.md"
HOST = "http://localhost:8000"


class Refused(Exception):
    """As `requests` raises it."""


class Answer:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def raise_for_status(self) -> None:
        if self.answer.status_code >= 400:
            raise Refused(self.answer.status_code, self.answer.json()["error"])

    def json(self) -> Any:
        return self.answer.json()


class Http:
    """What the app uses of `requests`, over the test's client."""

    def request(self, method: str, url: str, json: Any, headers: Mapping[str, str]) -> Answer:
        octets = b"" if json is None else dumps(json).encode()
        path, kind = url.removeprefix(HOST), "application/json"
        return Answer(Client().generic(method, path, octets, kind, headers=headers))


def printed_app() -> Any:
    (text,) = re.findall(r"```python\n(# app\.py\n.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 - our own documentation
    return names["App"](API, Http())


def numbered() -> dict[str, Any]:
    """The push journey, with the number that the client shows."""
    document = push_journey()
    document["nodes"]["send"]["config"] |= {
        "push_type": "challenge",
        "number_entry": "type",
        "tries": 2,
    }
    return document


@pytest.fixture
def shop(alice: User, settings: Any) -> RelyingParty:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "TASK_RUNNER": "none",
        "DEVICE_API_AMR": ["fpt", "hwk"],
    }
    realm = make_realm()
    make_journey(realm, numbered())
    client, secret = make_client(realm)
    return RelyingParty(client=client, secret=secret, login_hint="alice")


def code_for(user: User) -> str:
    page = signed_in(user).post("/ciba/apps/").content.decode()
    (code,) = re.findall(r'<code translate="no">([\w-]+)</code>', page)
    return str(code)


def test_from_the_request_to_the_tokens(alice: User, shop: RelyingParty) -> None:
    app = printed_app()
    app.enrol(code_for(alice), "Alice's phone")
    begun = shop.authenticate(binding_message="Order 17").json()

    (request,) = app.waiting()
    assert request["client"] == {"id": "shop", "name": "The Shop"}
    assert request["binding_message"] == "Order 17"
    number = begun["django_ciba_number"]
    assert request["demands"] == {**A_BUTTON, "number": "type"}, "and not the number itself"

    with pytest.raises(Refused, match="wrong_number"):
        app.answer(request, "approved", number="99" if number != "99" else "98")
    done = app.answer(request, "approved", number=number, amr=["fpt", "hwk"])
    assert done["outcome"] == "approved"
    assert app.waiting() == []

    tokens = shop.tokens(begun["auth_req_id"])
    claims = shop.verified_id_token(tokens)
    assert claims["amr"] == ["fpt", "hwk"]
    assert claims["iat"] - claims["auth_time"] < 60
    events = list(AuditEvent.objects.values_list("event", flat=True).order_by("pk"))
    assert events == ["device_added", "wrong_number", "approved", "answer_signed"]


def test_a_denial_ends_it(alice: User, shop: RelyingParty) -> None:
    app = printed_app()
    app.enrol(code_for(alice), "Alice's phone")
    begun = shop.authenticate().json()
    (request,) = app.waiting()
    assert app.answer(request, "denied")["outcome"] == "denied"
    assert shop.poll(begun["auth_req_id"]).json()["error"] == "access_denied"


def test_what_a_push_told_of_and_was_asked_again_is_approved_once(
    alice: User, shop: RelyingParty
) -> None:
    """A client's retry: the phone was told of the first, and the client polls for the second."""
    app = printed_app()
    app.enrol(code_for(alice), "Alice's phone")
    shop.authenticate(binding_message="Order 17")
    pushed = AuthenticationRequest.objects.get()
    begun = shop.authenticate(binding_message="Order 17").json()

    request = app.request(pushed.public_id)
    assert request["times_asked"] == 2
    number = begun["django_ciba_number"]
    assert app.answer(request, "approved", number=number, amr=["fpt"])["outcome"] == "approved"
    assert app.waiting() == []
    assert shop.tokens(begun["auth_req_id"])["access_token"]
