"""Journeys in the admin: drawn, started from a template, and tried without asking anybody."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from django_ciba.journeys import TEMPLATES, Node, Step
from django_ciba.models import Client, Journey, Realm
from tests import provider
from tests.unit.admin.arrange import House, page
from tests.unit.admin.conftest import LogIn

NO_EVENT = "An event is approve, deny, wrong, wait, or a number of seconds from 1 to 86400."


class Stumbles(Node):
    type = "Stumbles"
    label = "Stumbles"
    outcomes = ("done",)

    def step(self, step: Step) -> str:
        raise LookupError("a secret of the site's")


def shown(browser: Browser, address: str, **data: Any) -> str:
    answer = browser.get(address, data)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def journey_form(journey: Journey, **changes: Any) -> dict[str, Any]:
    return {
        "name": journey.name,
        "document": "{}",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
        **changes,
    }


# --- pictures -------------------------------------------------------------------------------------


def test_a_journey_and_each_version_are_drawn(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    journey.document = {**TEMPLATES["passkey"].document}
    journey.save()
    text = shown(admin_client, page(Journey, "change", journey.pk))
    titles = re.findall(r"<title id=\"(.*?)-title\">(.*?)</title>", text)
    assert titles == [
        ("saved", "Journey CIBA Push Journey, version 2"),
        ("version-2", "Journey CIBA Push Journey, version 2"),
        ("version-1", "Journey CIBA Push Journey, version 1"),
    ]
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_a_picture_needs_no_inline_style_or_script(house: House, admin_client: Browser) -> None:
    text = shown(admin_client, page(Journey, "change", house.first(Journey).pk))
    (svg, *_) = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert re.findall(r"\bstyle\s*=|<style|<script|\bon\w+\s*=", svg) == []
    assert 'href="/static/django_ciba/admin.css"' in text


def test_after_a_failed_save_what_is_saved_is_drawn(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    other = Journey.objects.create(realm=house.realm, name="other", document=provider.PUSH_JOURNEY)
    outcomes = {"found": "@failure", "not_found": "@failure"}
    valid = {"start": "x", "nodes": {"x": {"type": "PlatformUsername", "outcomes": outcomes}}}
    broken = journey_form(journey, document='{"start": "x"}')
    taken = journey_form(journey, name=other.name, document=json.dumps(valid))
    for data in (broken, taken):
        answer = admin_client.post(page(Journey, "change", journey.pk), data)
        assert answer.context["adminform"].form.errors
        text = html.unescape(answer.content.decode())
        assert "It starts at username." in text
        assert "It starts at x." not in text


def test_a_journey_cannot_take_the_name_of_another(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    other = Journey.objects.create(realm=house.realm, name="other", document=provider.PUSH_JOURNEY)
    answer = admin_client.post(
        page(Journey, "change", journey.pk),
        journey_form(journey, name=other.name, document=json.dumps(journey.document)),
    )
    assert answer.context["adminform"].form.errors == {
        "name": ["The realm has a journey of that name already."]
    }


def test_an_add_page_draws_nothing_that_is_not_there(house: House, admin_client: Browser) -> None:
    assert "ciba-picture" not in shown(admin_client, page(Journey, "add"))


def test_staff_who_only_look_see_the_picture(house: House, log_in: LogIn) -> None:
    browser = log_in("view_journey")
    text = shown(browser, page(Journey, "change", house.first(Journey).pk))
    assert "It starts at username." in text
    assert "dry-run" not in text


# --- templates ------------------------------------------------------------------------------------


def test_every_template_is_offered(house: House, admin_client: Browser) -> None:
    text = shown(admin_client, page(Journey, "add"))
    for key, template in TEMPLATES.items():
        assert f'<a href="?template={key}">{template.label}</a>' in text


@pytest.mark.parametrize("key", TEMPLATES)
def test_a_template_fills_the_form_and_can_be_saved(
    house: House, admin_client: Browser, key: str
) -> None:
    answer = admin_client.get(page(Journey, "add"), {"template": key})
    form = answer.context["adminform"].form
    values = {name: form[name].value() for name in ("name", "document")}
    assert values["name"] == TEMPLATES[key].label
    assert "It starts at username." in answer.content.decode()
    data = {**values, "realm": house.realm.pk}
    assert admin_client.post(page(Journey, "add"), data).status_code == 302
    assert Journey.objects.get(name=values["name"]).document == TEMPLATES[key].document


def test_the_links_keep_what_the_address_says(house: House, admin_client: Browser) -> None:
    text = admin_client.get(page(Journey, "add"), {"realm": "1", "_popup": "1"}).content.decode()
    assert "?realm=1&amp;_popup=1&amp;template=push" in text


def test_an_unknown_template_is_an_empty_form(house: House, admin_client: Browser) -> None:
    answer = admin_client.get(page(Journey, "add"), {"template": "<b>nothing</b>"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form["name"].value() is None
    assert b"<b>nothing" not in answer.content


# --- dry run --------------------------------------------------------------------------------------


def dry_run_page(journey: Journey) -> str:
    return reverse("admin:django_ciba_journey_dry_run", args=[journey.pk])


def trial(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "client": house.client.pk,
        "user": "alice",
        "scope": "openid",
        "events": "approve",
        **changes,
    }


def counts() -> Iterator[tuple[str, int]]:
    for model in apps.get_models():
        if model is not Session:
            yield model._meta.label, model._default_manager.count()


def test_a_dry_run_tells_steps_messages_and_the_end(house: House, log_in: LogIn) -> None:
    journey = house.first(Journey)
    browser = log_in("view_journey", "change_journey")
    assert dry_run_page(journey) in shown(browser, page(Journey, "change", journey.pk))
    answer = browser.post(dry_run_page(journey), trial(house, events="20, approve"))
    told = answer.context["told"]
    assert told["ended"] == "Approved: the client gets its tokens."
    assert told["ended_after"] == "20 s"
    nodes = [(node, outcome) for _, _, node, _, outcome in told["steps"]]
    assert nodes[0] == ("username", "found")
    assert nodes[-1] == ("verify", "success")
    assert told["sent"][0][:2] == ("0 s", "send")
    assert told["sent"][0][2].startswith("inbox")
    assert told["happened"] == [("20 s", 20, "-"), ("20 s", "approve", "-")]
    text = html.unescape(answer.content.decode())
    assert "sent #2" in text
    for shown_ in ("Approved: the client gets its tokens.", "PushResultVerifier", "success"):
        assert shown_ in text


def test_a_dry_run_says_what_a_prompt_asks_for_and_no_secret(
    house: House, admin_client: Browser
) -> None:
    journey = house.first(Journey)
    journey.document = {**TEMPLATES["number-matching"].document}
    journey.save()
    answer = admin_client.post(dry_run_page(journey), trial(house, events="wrong"))
    told = answer.context["told"]
    assert told["ended"] == "Failed."
    assert told["sent"][0][4] == "number, picked"


def test_a_script_that_ends_first_says_where_the_journey_waits(
    house: House, admin_client: Browser
) -> None:
    answer = admin_client.post(dry_run_page(house.first(Journey)), trial(house, events=""))
    told = answer.context["told"]
    assert told["ended"] == "Not ended: the script was over before the journey."
    assert told["waits_at"] == "wait"
    assert "waits here" in answer.content.decode()


def test_an_answer_that_would_not_count_says_why(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(
        dry_run_page(house.first(Journey)), trial(house, events="deny approve")
    )
    assert [each[2] for each in answer.context["told"]["happened"]] == ["-", "answered"]


def test_nothing_is_stored_and_nobody_is_told(
    house: House, admin_client: Browser, settings: Settings
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": ["email"]}
    User.objects.update(email="alice@example.com")
    before = dict(counts())
    answer = admin_client.post(dry_run_page(house.first(Journey)), trial(house))
    assert "email" in answer.context["told"]["sent"][0][2]
    assert dict(counts()) == before
    assert mail.outbox == []
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"user": "nobody"}, {"user": ["There is no user of that name."]}),
        ({"user": ""}, {"user": ["This field is required."]}),
        (
            {"events": "approve later"},
            {
                "events": [NO_EVENT],
            },
        ),
        (
            {"events": "0"},
            {
                "events": [NO_EVENT],
            },
        ),
        ({"events": "wait " * 51}, {"events": ["At most 50 events can be tried."]}),
    ],
)
def test_a_wrong_script_is_refused(
    house: House, admin_client: Browser, changes: dict[str, str], expected: dict[str, list[str]]
) -> None:
    answer = admin_client.post(dry_run_page(house.first(Journey)), trial(house, **changes))
    assert answer.context["form"].errors == expected
    assert not answer.context["told"]


def test_only_clients_of_the_journeys_realm_can_be_chosen(
    house: House, admin_client: Browser
) -> None:
    branch = Realm.objects.create(name="branch", parent=house.realm)
    foreign, _ = provider.make_client(branch, client_id="foreign")
    answer = admin_client.post(dry_run_page(house.first(Journey)), trial(house, client=foreign.pk))
    assert answer.context["form"].errors == {
        "client": ["Select a valid choice. That choice is not one of the available choices."]
    }
    assert set(answer.context["form"].fields["client"].queryset) == set(
        Client.objects.filter(realm=house.realm)
    )


def test_what_a_sites_node_raises_is_named_and_its_text_is_not_shown(
    house: House, admin_client: Browser, settings: Settings
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "JOURNEY_NODES": [f"{__name__}.Stumbles"]}
    journey = house.first(Journey)
    journey.document = {
        "start": "x",
        "nodes": {"x": {"type": "Stumbles", "outcomes": {"done": "@failure"}}},
    }
    journey.save()
    answer = admin_client.post(dry_run_page(journey), trial(house))
    assert answer.context["form"].non_field_errors() == [
        "A node has raised LookupError: the log tells more."
    ]
    assert b"a secret of the site" not in answer.content


def test_a_journey_whose_nodes_are_gone_is_not_walked(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    Journey.objects.filter(pk=journey.pk).update(
        document={"start": "x", "nodes": {"x": {"type": "Gone", "outcomes": {}}}}
    )
    answer = admin_client.post(dry_run_page(journey), trial(house))
    (first, *_) = answer.context["form"].non_field_errors()
    assert first.startswith("nodes.x.type: must be one of ")


def test_a_dry_run_is_for_those_who_may_change_the_journey(house: House, log_in: LogIn) -> None:
    address = dry_run_page(house.first(Journey))
    browser = log_in("view_journey", "view_user")
    assert browser.get(address).status_code == 403
    assert browser.post(address, trial(house)).status_code == 403
    assert Browser().get(address).status_code == 302, "to the login"


def test_there_is_no_dry_run_of_what_is_not_there(house: House, admin_client: Browser) -> None:
    assert admin_client.get(f"{page(Journey, 'changelist')}99999/dry-run/").status_code == 404


def test_a_dry_run_is_refused_without_a_csrf_token(house: House, admin_user: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(admin_user)
    answer = browser.post(dry_run_page(house.first(Journey)), trial(house))
    assert answer.status_code == 403
