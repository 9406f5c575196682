"""Devices, passkeys, muted clients and audit events; and a request's page tells of them."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone

from django_ciba.admin.demand import demand_in_words
from django_ciba.journeys import Demand
from django_ciba.models import AuditEvent, AuthenticationRequest, Device, MutedClient, Passkey
from tests import provider
from tests.unit.admin.arrange import House, act, furnish, make_request, page, said
from tests.unit.admin.conftest import LogIn

Event = AuditEvent.Event
REMOVED = [(Device, Event.DEVICE_REMOVED), (Passkey, Event.PASSKEY_REMOVED)]
each_removable = pytest.mark.parametrize(("model", "event"), REMOVED)


def shown(browser: Browser, row: Any) -> str:
    answer = browser.get(page(type(row), "change", row.pk))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def events(event: str) -> list[dict[str, Any]]:
    rows = AuditEvent.objects.filter(event=event).order_by("pk")
    return [dict(each) for each in rows.values("user__username", "client", "detail")]


@each_removable
def test_what_is_removed_on_its_page_is_written_down_twice(
    house: House, log_in: LogIn, model: Any, event: str
) -> None:
    row = house.first(model)
    known = row.in_the_audit if model is Device else {"name": row.name}
    name = model._meta.model_name
    browser = log_in(f"view_{name}", f"delete_{name}")
    browser.post(page(model, "delete", row.pk), {"post": "yes"})
    assert not model.objects.exists()
    assert events(event) == [
        {
            "user__username": "alice",
            "client": None,
            "detail": {**known, "by_operator": True},
        }
    ]
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_repr) == (DELETION, row.name)


@each_removable
def test_several_are_removed_by_the_action_when_it_is_confirmed(
    house: House, log_in: LogIn, model: Any, event: str
) -> None:
    furnish(house, "bob")
    name = model._meta.model_name
    browser = log_in(f"view_{name}", f"delete_{name}")
    rows = house.rows[model]
    data = {"action": "delete_selected", "_selected_action": [each.pk for each in rows]}
    listed = browser.get(page(model, "changelist")).content.decode()
    assert f"Remove {name}s" in listed
    asked = browser.post(page(model, "changelist"), data)
    assert asked.status_code == 200
    assert model.objects.count() == 2
    browser.post(page(model, "changelist"), {**data, "post": "yes"})
    assert not model.objects.exists()
    assert {each["user__username"] for each in events(event)} == {"alice", "bob"}
    assert LogEntry.objects.filter(action_flag=DELETION).count() == 2


@each_removable
def test_what_has_been_removed_meanwhile_is_not_written_down_again(
    house: House, rf: RequestFactory, model: Any, event: str
) -> None:
    model_admin = admin.site._registry[model]
    for _ in range(2):
        model_admin.delete_model(rf.post("/"), house.first(model))
    assert len(events(event)) == 1


@each_removable
def test_nobody_adds_or_changes_one(
    house: House, admin_client: Browser, model: Any, event: str
) -> None:
    row = house.first(model)
    assert admin_client.get(page(model, "add")).status_code == 403
    answer = admin_client.post(page(model, "change", row.pk), {"name": "mine"})
    assert answer.status_code == 403


@each_removable
def test_staff_who_may_not_delete_remove_nothing(
    house: House, log_in: LogIn, model: Any, event: str
) -> None:
    row = house.first(model)
    name = model._meta.model_name
    browser = log_in(f"view_{name}", f"change_{name}")
    assert browser.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    act(browser, "delete_selected", row)
    assert model.objects.filter(pk=row.pk).exists()


def test_a_user_who_has_devices_can_be_deleted(house: House, admin_client: Browser) -> None:
    alice = User.objects.get(username="alice")
    answer = admin_client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not Device.objects.exists()
    assert AuditEvent.objects.filter(event=Event.APPROVED, user=None).exists(), "outlives the user"


# --- muted clients --------------------------------------------------------------------------------


def test_a_muted_client_is_let_again(house: House, log_in: LogIn) -> None:
    row = house.first(MutedClient)
    browser = log_in("view_mutedclient", "change_mutedclient")
    assert said(act(browser, "let_again", row)) == ["Let 1 client ask again."]
    assert not MutedClient.objects.exists()
    assert events(Event.CLIENT_UNMUTED) == [
        {
            "user__username": "alice",
            "client": house.client.pk,
            "detail": {"by_operator": True},
        }
    ]
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.change_message) == (CHANGE, "Let again.")


def test_whether_a_muting_holds_can_be_chosen(house: House, admin_client: Browser) -> None:
    furnish(house, "bob")
    now = timezone.now()
    holds, over = house.rows[MutedClient]
    MutedClient.objects.filter(pk=over.pk).update(until=now - timedelta(seconds=1))
    for state, expected in (("holds", holds), ("over", over)):
        answer = admin_client.get(page(MutedClient, "changelist"), {"state": state})
        assert list(answer.context["cl"].queryset) == [expected]


# --- audit events ---------------------------------------------------------------------------------


def found(browser: Browser, **query: Any) -> list[AuditEvent]:
    return list(browser.get(page(AuditEvent, "changelist"), query).context["cl"].queryset)


def test_audit_events_are_found_by_request_and_user(house: House, admin_client: Browser) -> None:
    furnish(house, "bob")
    alices, bobs = AuditEvent.objects.order_by("pk")
    assert found(admin_client, q="bob") == [bobs]
    assert alices.public_id is not None
    for term in (str(alices.public_id), alices.public_id.hex, alices.public_id.hex[:8].upper()):
        assert found(admin_client, q=term) == [alices]
    assert found(admin_client, q="0" * 32) == []


def test_audit_events_are_filtered_by_event_and_client(house: House, admin_client: Browser) -> None:
    other, _ = provider.make_client(house.realm, client_id="other")
    AuditEvent.objects.note(Event.CLIENT_MUTED, timezone.now(), client=other)
    assert [each.event for each in found(admin_client, event="client_muted")] == ["client_muted"]
    assert [each.client for each in found(admin_client, client__id__exact=other.pk)] == [other]


def test_an_event_leads_to_its_request(house: House, admin_client: Browser) -> None:
    event = house.first(AuditEvent)
    address = f"{page(AuthenticationRequest, 'changelist')}?q={event.public_id}"
    assert f'href="{address}"' in shown(admin_client, event)
    (request,) = admin_client.get(address).context["cl"].queryset
    assert request.public_id == event.public_id


def test_an_event_without_a_request_says_so(house: House, admin_client: Browser) -> None:
    AuditEvent.objects.note(Event.DEVICE_ADDED, timezone.now(), fresh=True, amr=["pwd", "hwk"])
    event = AuditEvent.objects.latest("pk")
    text = shown(admin_client, event)
    assert "amr: pwd, hwk; fresh" in text


# --- the page of a request ------------------------------------------------------------------------


def test_a_requests_path_is_drawn_beside_its_walk(house: House, admin_client: Browser) -> None:
    request = house.first(AuthenticationRequest)
    text = shown(admin_client, request)
    assert "found #1" in text
    assert "<td>1</td><td>username</td><td>PlatformUsername</td><td>found</td>" in text
    assert "waits here" in text
    AuthenticationRequest.objects.filter(pk=request.pk).update(status="cancelled")
    assert "it waited here" in shown(admin_client, request)


def test_the_pinned_version_is_drawn(house: House, admin_client: Browser) -> None:
    request = house.first(AuthenticationRequest)
    journey = request.journey_version.journey
    journey.document = {
        "start": "x",
        "nodes": {
            "x": {
                "type": "PlatformUsername",
                "outcomes": {"found": "@failure", "not_found": "@failure"},
            }
        },
    }
    journey.save()
    text = shown(admin_client, request)
    assert "The request's path through CIBA Push Journey, version 1" in text
    assert "It starts at username." in text


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (Demand(), "a yes"),
        (Demand(number="pick"), "number, picked"),
        (Demand(number="type", tries=3), "number, typed; 3 tries"),
        (Demand(passkey=True), "passkey"),
        (
            Demand(passcode="0a1b", link="2c3d", second_factor=True, max_login_age=60),
            "passcode; link; second factor; login of the last 60 seconds",
        ),
    ],
)
def test_what_an_approval_needs_is_in_words_without_digests(demand: Demand, expected: str) -> None:
    assert demand_in_words(demand.stored()) == expected


def test_a_request_shows_what_it_asks_for_and_never_its_number(
    house: House, admin_client: Browser
) -> None:
    request = make_request(
        house.client,
        None,
        number="@7",
        likeness="like" * 16,
        prompted_at=timezone.now(),
        demand={"number": "pick"},
    )
    text = shown(admin_client, request)
    assert "number, picked" in text
    assert "@7" not in text
    assert request.likeness not in text


def test_a_request_that_has_not_prompted_asks_for_nothing(
    house: House, admin_client: Browser
) -> None:
    text = shown(admin_client, make_request(house.client, None))
    assert "a yes" not in text


def test_a_requests_audit_events_are_for_those_who_may_read_them(
    house: House, log_in: LogIn
) -> None:
    request = house.first(AuthenticationRequest)
    address = f"{page(AuditEvent, 'changelist')}?q={request.public_id}"
    text = shown(log_in("view_authenticationrequest", "view_auditevent"), request)
    assert "request approved" in text
    assert f'href="{address}"' in text
    text = shown(log_in("view_authenticationrequest"), request)
    assert "request approved" not in text
    assert address not in text
