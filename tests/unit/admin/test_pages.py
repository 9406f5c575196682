"""Every page opens, costs a constant number of statements, and shows nothing secret."""

import html
import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_ciba.models import (
    AcrMapping,
    AuthorizationDetailsType,
    Client,
    Device,
    DeviceEnrolment,
    InitialAccessToken,
    Journey,
    Passkey,
    PasskeyChallenge,
    Realm,
    RemoteJwks,
    SigningKey,
    UsedAssertion,
    UserCode,
)
from tests.unit.admin.arrange import (
    REGISTERED,
    VIEW_ONLY,
    House,
    furnish,
    furnish_configuration,
    page,
)
from tests.unit.admin.conftest import LogIn

each_model = pytest.mark.parametrize("model", REGISTERED, ids=lambda each: each.__name__)
EDITED = (AcrMapping, AuthorizationDetailsType, Client, InitialAccessToken, Journey, Realm)
ADDED = (*EDITED, SigningKey)
CHANGED_BY_NOBODY = (*VIEW_ONLY, Device, Passkey, RemoteJwks, SigningKey, UserCode)


def pages_of(house: House, model: type[models.Model]) -> list[str]:
    row = house.first(model)
    return [
        page(model, "changelist"),
        page(model, "change", row.pk),
        page(model, "history", row.pk),
    ]


def test_every_model_that_operators_need_is_registered() -> None:
    ours = {each for each in admin.site._registry if each._meta.app_label == "django_ciba"}
    assert ours == set(REGISTERED)
    assert not ours & {UsedAssertion, DeviceEnrolment, PasskeyChallenge}


@each_model
def test_a_superuser_opens_every_page(
    house: House, admin_client: Browser, model: type[models.Model]
) -> None:
    for address in pages_of(house, model):
        assert admin_client.get(address).status_code == 200, address


@each_model
def test_add_pages_exist_for_what_is_made_by_hand(
    house: House, admin_client: Browser, model: type[models.Model]
) -> None:
    expected = 200 if model in ADDED else 403
    assert admin_client.get(page(model, "add")).status_code == expected


@pytest.mark.parametrize("model", CHANGED_BY_NOBODY, ids=lambda each: each.__name__)
def test_what_the_protocol_writes_is_changed_by_no_superuser(
    house: House, admin_client: Browser, model: type[models.Model]
) -> None:
    row = house.first(model)
    before = model._default_manager.filter(pk=row.pk).values().get()
    answer = admin_client.post(page(model, "change", row.pk), {"state": "retired", "scope": "x"})
    assert answer.status_code == 403
    assert model._default_manager.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("model", VIEW_ONLY, ids=lambda each: each.__name__)
def test_what_the_protocol_writes_is_deleted_by_no_superuser(
    house: House, admin_client: Browser, model: type[models.Model]
) -> None:
    row = house.first(model)
    assert admin_client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    admin_client.post(
        page(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"},
    )
    assert model._default_manager.filter(pk=row.pk).exists()


@each_model
def test_a_change_list_costs_the_same_for_one_row_and_for_six(
    house: House, admin_client: Browser, model: type[models.Model]
) -> None:
    address = page(model, "changelist")
    admin_client.get(address)  # content types and the like, once a process
    with CaptureQueriesContext(
        connection,
    ) as few:
        admin_client.get(address)
    rows = model._default_manager.count()
    for number in range(5):
        furnish(house, f"user-{number}")
        furnish_configuration(house, f"realm-{number}")
    admin_client.get(address)
    with CaptureQueriesContext(connection) as many:
        answer = admin_client.get(address)
    assert model._default_manager.count() >= rows + 5
    assert answer.context["cl"].result_count >= rows + 5
    assert [each["sql"] for each in many][len(few) :] == []


@each_model
@pytest.mark.parametrize("term", ["alice", "50%", "'; --", "\u10e1"])
def test_search_takes_anything(
    house: House, admin_client: Browser, model: type[models.Model], term: str
) -> None:
    answer = admin_client.get(page(model, "changelist"), {"q": term})
    assert answer.status_code == 200


@each_model
def test_every_filter_can_be_chosen(
    house: House, admin_client: Browser, model: type[models.Model]
) -> None:
    answer = admin_client.get(page(model, "changelist"))
    change_list = answer.context["cl"]
    for spec in change_list.filter_specs:
        for choice in spec.choices(change_list):
            address = page(model, "changelist") + choice["query_string"]
            assert admin_client.get(address).status_code == 200, address


def everything(browser: Browser, house: House) -> dict[str, str]:
    """The HTML of every page, add pages included."""
    addresses = [address for model in REGISTERED for address in pages_of(house, model)]
    addresses += [page(model, "add") for model in ADDED]
    addresses += [page(Client, "delete", house.client.pk), reverse("admin:index")]
    return {each: html.unescape(browser.get(each).content.decode()) for each in addresses}


def test_no_page_shows_a_secret_or_its_digest(house: House, admin_client: Browser) -> None:
    shown = everything(admin_client, house)
    for secret in house.secrets:
        assert len(secret) > 10
        assert [address for address, text in shown.items() if secret in text] == []


def test_staff_with_view_rights_read_no_more(house: House, log_in: LogIn) -> None:
    browser = log_in(*(f"view_{model._meta.model_name}" for model in REGISTERED))
    for model in REGISTERED:
        for address in pages_of(house, model):
            answer = browser.get(address)
            assert answer.status_code == 200, address
            text = html.unescape(answer.content.decode())
            assert [secret for secret in house.secrets if secret in text] == []


@each_model
def test_staff_with_view_rights_change_nothing(
    house: House, log_in: LogIn, model: type[models.Model]
) -> None:
    browser = log_in(*(f"view_{each._meta.model_name}" for each in REGISTERED))
    row = house.rows[model][-1]
    before = list(model._default_manager.order_by("pk").values())
    for address in (
        page(model, "add"),
        page(model, "change", row.pk),
        page(model, "delete", row.pk),
    ):
        assert browser.post(address, {"post": "yes"}).status_code == 403, address
    model_admin: Any = admin.site._registry[model]
    for action in [*model_admin.actions, "delete_selected"]:
        browser.post(
            page(model, "changelist"),
            {"action": action, "_selected_action": [row.pk], "post": "yes"},
        )
    assert list(model._default_manager.order_by("pk").values()) == before


@each_model
def test_staff_with_view_rights_are_offered_no_action(
    house: House, log_in: LogIn, model: type[models.Model]
) -> None:
    browser = log_in(f"view_{model._meta.model_name}")
    answer = browser.get(page(model, "changelist"))
    assert answer.context["action_form"] is None


@each_model
def test_staff_without_rights_stay_outside(
    house: House, log_in: LogIn, model: type[models.Model]
) -> None:
    browser = log_in("view_user")
    for address in pages_of(house, model):
        assert browser.get(address).status_code == 403, address


def test_addresses_typed_by_others_are_text_and_never_links(
    house: House, admin_client: Browser
) -> None:
    """CVE-2026-15920: a registered javascript: address is an attack on the operator."""
    Client.objects.filter(pk=house.client.pk).update(
        jwks=None,
        jwks_uri="JavaScript:alert(1)",
        metadata={"client_uri": "javascript:alert(2)"},
    )
    Realm.objects.filter(pk=house.realm.pk).update(issuer_override="javascript:alert(3)")
    shown = everything(admin_client, house)
    assert "JavaScript:alert(1)" in shown[page(Client, "change", house.client.pk)]
    links = [
        link
        for text in shown.values()
        for link in re.findall(r"(?:href|src|action)\s*=\s*[\"']?([^\"'\s>]*)", text)
    ]
    assert len(links) > 50
    assert [link for link in links if link.strip().lower().startswith("javascript:")] == []


def test_text_typed_by_others_is_escaped(house: House, admin_client: Browser) -> None:
    models_of_others: list[type[models.Model]] = [*VIEW_ONLY, Device]
    for model in models_of_others:
        for address in pages_of(house, model):
            assert b"<b>Pay</b>" not in admin_client.get(address).content


def test_what_an_action_does_is_in_the_history(house: House, log_in: LogIn) -> None:
    grant = house.first(VIEW_ONLY[2])
    browser = log_in("view_grant", "change_grant")
    browser.post(
        page(type(grant), "changelist"),
        {"action": "revoke", "_selected_action": [grant.pk]},
    )
    history = browser.get(page(type(grant), "history", grant.pk))
    assert b"Revoked." in history.content
