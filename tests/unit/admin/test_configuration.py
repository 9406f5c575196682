"""Realms, journeys and the acr mapping: what is wrong is said before it is saved."""

import html
import json
from typing import Any

import pytest
from django.test import Client as Browser

from django_ciba.models import AcrMapping, Journey, JourneyVersion, Realm, SigningKey
from tests import provider
from tests.unit.admin.arrange import House, page, said

NO_ROWS = {
    "acr_mappings-TOTAL_FORMS": "0",
    "acr_mappings-INITIAL_FORMS": "0",
}

QUOTES_MISSING = (
    "This is not JSON: Expecting property name enclosed in double quotes (line 1, column 2)."
)


def realm_form(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "name": "branch",
        "parent": house.realm.pk,
        "issuer_override": "",
        "enabled": "on",
        "default_journey": "",
        "settings": "{}",
        **changes,
    }


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def test_a_new_realm_has_its_signing_keys(house: House, admin_client: Browser) -> None:
    data = realm_form(house, settings='{"signing_algs": ["ES256", "EdDSA"]}')
    answer = admin_client.post(page(Realm, "add"), data, follow=True)
    branch = Realm.objects.get(path="/branch")
    keys = SigningKey.objects.filter(realm=branch, state=SigningKey.State.CURRENT)
    assert set(keys.values_list("alg", flat=True)) == {"ES256", "EdDSA"}
    assert said(answer)[:-1] == [
        "Made the current signing key for ES256.",
        "Made the next signing key for ES256.",
        "Made the current signing key for EdDSA.",
        "Made the next signing key for EdDSA.",
    ]


def test_settings_may_be_left_empty(house: House, admin_client: Browser) -> None:
    admin_client.post(page(Realm, "add"), realm_form(house, settings=""))
    assert Realm.objects.get(path="/branch").settings == {}


def test_an_algorithm_that_is_added_to_a_realm_gets_its_key(
    house: House, admin_client: Browser
) -> None:
    branch = Realm.objects.create(
        name="branch", parent=house.realm, settings={"signing_algs": ["ES256"]}
    )
    SigningKey.objects.ensure(branch)
    assert not SigningKey.objects.filter(realm=branch, alg="EdDSA").exists()
    data = {**realm_form(house, settings='{"signing_algs": ["ES256", "EdDSA"]}'), **NO_ROWS}
    admin_client.post(page(Realm, "change", branch.pk), data)
    assert SigningKey.objects.filter(realm=branch, alg="EdDSA").count() == 2
    assert SigningKey.objects.filter(realm=branch, alg="ES256").count() == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"settings": '{"polling_intervall": 2}'},
            {"settings": ["polling_intervall is not a setting of a realm"]},
        ),
        (
            {"settings": '{"polling_interval": 0, "scopes": "openid"}'},
            {
                "settings": [
                    "polling_interval must be a whole number of seconds from 1 to 3600",
                    "scopes must be a list of strings",
                ]
            },
        ),
        ({"settings": "[]"}, {"settings": ["must be an object"]}),
        (
            {"settings": "{polling_interval: 2}"},
            {"settings": [QUOTES_MISSING]},
        ),
        ({"parent": ""}, {"parent": ["There is one root realm; choose a parent."]}),
        ({"name": "a/b"}, {"name": ["letters, digits, . _ -"]}),
        (
            {"issuer_override": "javascript:alert(1)"},
            {"issuer_override": ["The issuer must begin with https:// and name a host."]},
        ),
        (
            {"issuer_override": "https://op.example.com/oauth2/"},
            {"issuer_override": ["The issuer must not end with a slash."]},
        ),
    ],
)
def test_a_wrong_realm_is_refused(
    house: House, admin_client: Browser, changes: dict[str, str], expected: dict[str, list[str]]
) -> None:
    answer = admin_client.post(page(Realm, "add"), realm_form(house, **changes))
    assert errors(answer) == expected
    assert Realm.objects.count() == 1


def test_an_issuer_names_one_realm(house: House, admin_client: Browser) -> None:
    Realm.objects.filter(pk=house.realm.pk).update(issuer_override="https://bank.example.com")
    for taken in ("https://bank.example.com", house.realm.address):
        answer = admin_client.post(page(Realm, "add"), realm_form(house, issuer_override=taken))
        assert errors(answer) == {"issuer_override": ["The issuer is that of realm /."]}
    data = realm_form(house, issuer_override="https://branch.example.com")
    admin_client.post(page(Realm, "add"), data)
    assert Realm.objects.get(path="/branch").issuer == "https://branch.example.com"


def test_a_realm_cannot_lie_below_itself(house: House, admin_client: Browser) -> None:
    branch = Realm.objects.create(name="branch", parent=house.realm)
    twig = Realm.objects.create(name="twig", parent=branch)
    data = {**realm_form(house, parent=twig.pk), **NO_ROWS}
    answer = admin_client.post(page(Realm, "change", branch.pk), data)
    assert errors(answer) == {"parent": ["A realm cannot lie below itself."]}


def test_a_realm_offers_its_own_journeys_only(house: House, admin_client: Browser) -> None:
    branch = Realm.objects.create(name="branch", parent=house.realm)
    own = Journey.objects.create(realm=branch, name="own", document=provider.PUSH_JOURNEY)
    shown = admin_client.get(page(Realm, "change", branch.pk))
    form = shown.context["adminform"].form
    assert list(form.fields["default_journey"].queryset) == [own]
    (mapping,) = shown.context["inline_admin_formsets"]
    assert list(mapping.formset.empty_form.fields["journey"].queryset) == [own]
    foreign = house.first(Journey)
    data = {**realm_form(house, default_journey=foreign.pk), **NO_ROWS}
    assert errors(admin_client.post(page(Realm, "change", branch.pk), data)) == {
        "default_journey": [
            "Select a valid choice. That choice is not one of the available choices."
        ]
    }


def test_the_acr_mapping_is_edited_on_the_realm(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    data = {
        **realm_form(house, name="root", parent=""),
        "acr_mappings-TOTAL_FORMS": "2",
        "acr_mappings-INITIAL_FORMS": "1",
        "acr_mappings-0-id": house.first(AcrMapping).pk,
        "acr_mappings-0-realm": house.realm.pk,
        "acr_mappings-0-acr": "push",
        "acr_mappings-0-journey": journey.pk,
        "acr_mappings-0-position": "1",
        "acr_mappings-1-realm": house.realm.pk,
        "acr_mappings-1-acr": "loa3",
        "acr_mappings-1-journey": journey.pk,
        "acr_mappings-1-position": "0",
    }
    admin_client.post(page(Realm, "change", house.realm.pk), data)
    assert [each.acr for each in house.realm.acr_mappings.all()] == ["loa3", "push"]


def test_a_mapping_to_another_realms_journey_is_refused(
    house: House, admin_client: Browser
) -> None:
    branch = Realm.objects.create(name="branch", parent=house.realm)
    data = {"realm": branch.pk, "acr": "x", "journey": house.first(Journey).pk, "position": "0"}
    answer = admin_client.post(page(AcrMapping, "add"), data)
    assert errors(answer) == {"journey": ["Choose a journey of the same realm."]}


def test_a_mappings_journey_is_named_with_its_realm(house: House, admin_client: Browser) -> None:
    shown = html.unescape(admin_client.get(page(AcrMapping, "add")).content.decode())
    assert "/: CIBA Push Journey" in shown


def journey_form(house: House, document: Any, **changes: Any) -> dict[str, Any]:
    return {
        "realm": house.realm.pk,
        "name": "another",
        "document": json.dumps(document),
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
        **changes,
    }


def test_every_fault_of_a_journey_is_shown_with_its_path(
    house: House, admin_client: Browser
) -> None:
    document = {
        "start": "send",
        "nodes": {
            "send": {
                "type": "PushSender",
                "config": {"push_type": "loud", "colour": "red"},
                "outcomes": {"sent": "nowhere"},
            },
            "island": {"type": "Teleport"},
        },
    }
    answer = admin_client.post(page(Journey, "add"), journey_form(house, document))
    found = errors(answer)
    assert found.keys() == {"document"}
    assert {each.partition(":")[0] for each in found["document"]} == {
        "nodes.send.config.push_type",
        "nodes.send.config.colour",
        "nodes.send.outcomes.not_registered",
        "nodes.send.outcomes.sent",
        "nodes.send",
        "nodes.island.type",
        "nodes.island",
    }
    assert "nodes.send.config.colour: is not an option of PushSender" in found["document"]
    assert Journey.objects.count() == 1


@pytest.mark.parametrize("document", [[], "text", 7, {}])
def test_what_is_no_journey_is_refused(
    house: House, admin_client: Browser, document: object
) -> None:
    answer = admin_client.post(page(Journey, "add"), journey_form(house, document))
    assert errors(answer).keys() == {"document"}


def test_a_changed_journey_is_a_new_version_and_the_old_one_stays(
    house: House, admin_client: Browser
) -> None:
    journey = house.first(Journey)
    changed = json.loads(json.dumps(provider.PUSH_JOURNEY))
    changed["nodes"]["wait"]["config"]["seconds"] = 4
    data = journey_form(house, changed, name=journey.name)
    admin_client.post(page(Journey, "change", journey.pk), data)
    journey.refresh_from_db()
    assert journey.version.number == 2
    assert [each.number for each in journey.versions.all()] == [2, 1]
    shown = html.unescape(admin_client.get(page(Journey, "change", journey.pk)).content.decode())
    assert '"seconds": 8' in shown
    assert '"seconds": 4' in shown


def test_a_version_is_changed_or_deleted_by_nobody(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    version = journey.version
    data = journey_form(
        house,
        provider.PUSH_JOURNEY,
        name=journey.name,
        **{
            "versions-TOTAL_FORMS": "2",
            "versions-INITIAL_FORMS": "1",
            "versions-0-id": version.pk,
            "versions-0-journey": journey.pk,
            "versions-0-number": "9",
            "versions-0-document": "{}",
            "versions-0-DELETE": "on",
            "versions-1-journey": journey.pk,
            "versions-1-number": "7",
        },
    )
    admin_client.post(page(Journey, "change", journey.pk), data)
    (kept,) = JourneyVersion.objects.all()
    assert (kept.pk, kept.number, kept.document) == (version.pk, 1, provider.PUSH_JOURNEY)


def test_a_journey_stays_in_its_realm(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    branch = Realm.objects.create(name="branch", parent=house.realm)
    data = journey_form(house, provider.PUSH_JOURNEY, name="renamed", realm=branch.pk)
    admin_client.post(page(Journey, "change", journey.pk), data)
    journey.refresh_from_db()
    assert (journey.name, journey.realm) == ("renamed", house.realm)


def test_an_issuer_that_is_not_set_is_said_and_no_error(
    house: House, admin_client: Browser, settings: Any
) -> None:
    settings.DJANGO_CIBA = {}
    answer = admin_client.get(page(Realm, "changelist"))
    assert answer.status_code == 200
    assert "is not set" in answer.content.decode()
