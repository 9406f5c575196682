"""What the app shows: who asks for what, and what an approval must come with, and no more."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ciba.journeys import Demand
from django_ciba.models import AuthenticationRequest, MutedClient
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.api.app import A_BUTTON, App, refusal

pytestmark = pytest.mark.django_db

DIGEST = "d1" * 32


def demanding(alice: User, **fields: Any) -> AuthenticationRequest:
    number = fields.pop("number", "42")
    return arrange.waiting(
        alice, demand=Demand(**fields).stored(), number=number, memory={"@prompts": 3}
    )


def test_the_list_says_what_waits_for_this_user_alone(alice: User, bob: User, app: App) -> None:
    later = arrange.waiting(alice, seconds=300)
    sooner = arrange.waiting(alice, seconds=60)
    arrange.waiting(bob)
    arrange.waiting(alice, answer="denied", status="denied", answered_at=timezone.now())
    answer = app.call("GET", "requests")
    assert answer.status_code == 200
    ids = [each["id"] for each in answer.json()["requests"]]
    assert ids == [str(sooner.public_id), str(later.public_id)]


def test_a_request_says_who_asks_for_what_and_by_when(alice: User, app: App) -> None:
    now = timezone.now().replace(microsecond=0)
    found = arrange.waiting(
        alice,
        now=now,
        seconds=120,
        scope="openid accounts:read",
        acr="push",
        memory={"@prompts": 1},
    )
    assert app.call("GET", f"requests/{found.public_id}").json() == {
        "id": str(found.public_id),
        "client": {"id": "bank", "name": "Example Bank"},
        "binding_message": arrange.MESSAGE,
        "scopes": [
            {"name": "openid", "words": "who you are"},
            {"name": "accounts:read", "words": None},
        ],
        "authorization_details": [],
        "acr": "push",
        "times_asked": 1,
        "asked_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "answer_until": f"{now + timedelta(seconds=120):%Y-%m-%dT%H:%M:%SZ}",
        "prompt": 1,
        "demands": A_BUTTON,
        "outcome": "waiting",
        "answer": None,
        "answered_at": None,
        "reported_at": None,
    }


def test_what_looks_the_same_is_listed_once(alice: User, app: App) -> None:
    arrange.waiting(alice, likeness="same")
    newest = arrange.waiting(alice, likeness="same")
    (only,) = app.call("GET", "requests").json()["requests"]
    assert (only["id"], only["times_asked"]) == (str(newest.public_id), 2)


def test_an_older_one_is_answered_with_the_newest(alice: User, app: App) -> None:
    """What a push told of was asked again, and its app was told of that no more."""
    older, newest = (arrange.waiting(alice, likeness="same") for _ in range(2))
    found = app.call("GET", f"requests/{older.public_id}").json()
    assert (found["id"], found["times_asked"]) == (str(newest.public_id), 2)
    assert app.call("GET", f"requests/{newest.public_id}").json() == found


def test_an_older_one_that_waits_no_more_is_itself(alice: User, app: App) -> None:
    old = arrange.waiting(alice, likeness="same", seconds=-1)
    for _ in range(2):
        arrange.waiting(alice, likeness="same")
    found = app.call("GET", f"requests/{old.public_id}").json()
    assert (found["id"], found["times_asked"]) == (str(old.public_id), 1)
    assert found["outcome"] == "expired"


def test_one_request_costs_one_statement_besides_the_call_s_own(alice: User, app: App) -> None:
    found = arrange.waiting(alice, likeness="same")
    with CaptureQueriesContext(connection) as asked:
        app.call("GET", f"requests/{found.public_id}")
    about = [each for each in asked.captured_queries if "authenticationrequest" in each["sql"]]
    assert len(about) == 1


def test_authorization_details_are_said_in_words_and_in_full(alice: User, app: App) -> None:
    found = arrange.waiting(
        alice, authorization_details=[{"type": "payment", "amount": {"value": "50", "in": "EUR"}}]
    )
    (details,) = app.call("GET", f"requests/{found.public_id}").json()["authorization_details"]
    assert details["name"] == "payment"
    assert {
        "name": "amount \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} value",
        "values": ["50"],
    } in details["members"]


def test_a_number_to_pick_is_one_of_three_and_which_is_not_said(alice: User, app: App) -> None:
    found = demanding(alice, number="42")
    found.demand = Demand(number="pick", tries=1).stored()
    found.save()
    answer = app.call("GET", f"requests/{found.public_id}")
    demands = answer.json()["demands"]
    assert demands["number"] == "pick"
    assert len(demands["number_choices"]) == 3
    assert "42" in demands["number_choices"]
    again = app.call("GET", f"requests/{found.public_id}").json()["demands"]
    assert again["number_choices"] == demands["number_choices"]


def test_a_number_to_type_is_not_said(alice: User, app: App) -> None:
    found = arrange.waiting(alice, number="73", demand=Demand(number="type").stored())
    members = app.call("GET", f"requests/{found.public_id}").json()
    assert (members["demands"]["number"], members["demands"]["number_choices"]) == ("type", [])
    spoken = {**members, "id": "", "asked_at": "", "answer_until": ""}
    assert "73" not in json.dumps(spoken)


def test_digests_are_never_said(alice: User, app: App) -> None:
    found = demanding(
        alice, passcode=DIGEST, link=DIGEST, passkey=True, second_factor=True, max_login_age=60
    )
    answer = app.call("GET", f"requests/{found.public_id}")
    assert DIGEST not in answer.content.decode()
    assert answer.json()["demands"] == {
        "number": None,
        "number_choices": [],
        "passcode": True,
        "passkey": True,
        "second_factor": True,
        "link": True,
        "max_login_age": 60,
    }
    assert answer.json()["prompt"] == 3


@pytest.mark.parametrize("path", ["requests/{}", "requests/{}/report"])
def test_somebody_else_s_request_is_one_that_does_not_exist(bob: User, app: App, path: str) -> None:
    method = "POST" if "report" in path else "GET"
    theirs = app.call(method, path.format(arrange.waiting(bob).public_id))
    unknown = app.call(method, path.format(uuid.uuid4()))
    assert refusal(theirs) == refusal(unknown) == (404, "not_found", "there is no such request")


def test_a_request_that_was_not_put_before_the_user_is_not_shown(alice: User, app: App) -> None:
    found = arrange.waiting(alice, prompted_at=None, prompt_until=None)
    assert refusal(app.call("GET", f"requests/{found.public_id}"))[:2] == (404, "not_found")


def test_the_history_holds_what_the_user_was_asked_before(alice: User, bob: User, app: App) -> None:
    now = timezone.now()
    fields: dict[str, Any] = {"status": "denied", "answer": "denied", "answered_at": now}
    old = arrange.waiting(alice, now=now - timedelta(hours=1))
    new = arrange.waiting(alice, **fields)
    arrange.waiting(bob, **fields)
    arrange.waiting(alice)
    found = app.call("GET", "history").json()["requests"]
    assert [each["id"] for each in found] == [str(new.public_id), str(old.public_id)]
    assert [(each["outcome"], each["answer"], each["demands"]) for each in found] == [
        ("denied", "denied", None),
        ("expired", None, None),
    ]


def test_this_was_not_me_denies_and_mutes_the_client(alice: User, app: App) -> None:
    found = arrange.waiting(alice)
    answer = app.call("POST", f"requests/{found.public_id}/report")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "denied")
    assert answer.json()["reported_at"]
    assert MutedClient.objects.get().client == found.client
    again = app.call("POST", f"requests/{found.public_id}/report")
    assert (again.status_code, again.json()["outcome"]) == (200, "denied")


def test_reading_changes_nothing(alice: User, app: App) -> None:
    found = arrange.waiting(alice)
    before = AuthenticationRequest.objects.filter(pk=found.pk).values().get()
    for path in ("requests", f"requests/{found.public_id}", "history"):
        assert app.call("GET", path).status_code == 200
    assert AuthenticationRequest.objects.filter(pk=found.pk).values().get() == before


@pytest.mark.parametrize("path", ["requests/{}/answer", "requests/{}/report"])
def test_a_get_never_answers(alice: User, app: App, path: str) -> None:
    found = arrange.waiting(alice)
    answer = app.call("GET", path.format(found.public_id))
    assert refusal(answer) == (
        405,
        "invalid_request",
        "this endpoint does not take that method",
    )
    assert answer["Allow"] == "POST"
    found.refresh_from_db()
    assert found.answer == ""


def test_what_is_no_address_is_said_as_json(app: App) -> None:
    for path in ("", "requests/", "requests/7", "nothing/../here"):
        assert refusal(app.call("GET", path)) == (404, "not_found", "there is no such address")
