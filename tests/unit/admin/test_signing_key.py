"""Signing keys: made by choosing realm and algorithm, rotated, and never typed in or shown."""

import html
import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client as Browser
from pytest_django import Settings

from django_ciba.models import Realm, SigningKey
from tests.unit.admin.arrange import House, act, page, said
from tests.unit.admin.conftest import LogIn

State = SigningKey.State


@pytest.fixture(autouse=True)
def no_key_is_too_new(settings: Settings) -> None:
    """The test of how new a key may be says so itself."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "KEY_PUBLISHED_BEFORE": 0}


@pytest.fixture
def branch(house: House) -> Realm:
    """A realm without keys."""
    return Realm.objects.create(name="branch", parent=house.realm)


def test_the_add_page_asks_for_nothing_of_the_key_itself(
    house: House, admin_client: Browser
) -> None:
    answer = admin_client.get(page(SigningKey, "add"))
    assert list(answer.context["adminform"].form.fields) == ["realm", "alg"]


def test_the_first_key_signs_and_the_second_waits(branch: Realm, admin_client: Browser) -> None:
    data = {"realm": branch.pk, "alg": "ES256"}
    for state in (State.CURRENT, State.NEXT):
        answer = admin_client.post(page(SigningKey, "add"), data, follow=True)
        assert "was added successfully" in said(answer)[0]
        made = SigningKey.objects.filter(realm=branch).latest("pk")
        assert made.state == state
        assert made.private_key.public_jwk == made.public_jwk
        assert made.public_jwk["kid"] == made.kid
        assert (made.activated_at is not None) == (state == State.CURRENT)
    answer = admin_client.post(page(SigningKey, "add"), data)
    assert answer.context["adminform"].form.non_field_errors() == [
        "This realm has a next key for this algorithm already: rotate instead."
    ]
    assert SigningKey.objects.filter(realm=branch).count() == 2


def test_a_key_and_its_state_cannot_be_posted(branch: Realm, admin_client: Browser) -> None:
    data = {
        "realm": branch.pk,
        "alg": "ES256",
        "kid": "mine",
        "state": "retired",
        "private_pem": "-----BEGIN PRIVATE KEY-----",
        "public_jwk": "{}",
    }
    admin_client.post(page(SigningKey, "add"), data)
    made = SigningKey.objects.get(realm=branch)
    assert made.kid != "mine"
    assert made.state == State.CURRENT
    assert made.private_key.public_jwk == made.public_jwk != {}


def test_an_algorithm_that_we_do_not_sign_with_is_refused(
    branch: Realm, admin_client: Browser
) -> None:
    answer = admin_client.post(page(SigningKey, "add"), {"realm": branch.pk, "alg": "HS256"})
    assert answer.context["adminform"].form.errors == {
        "alg": ["Select a valid choice. HS256 is not one of the available choices."]
    }
    assert not SigningKey.objects.filter(realm=branch).exists()


def test_the_public_key_is_shown_and_the_private_one_is_not(
    house: House, admin_client: Browser
) -> None:
    key = SigningKey.objects.get(alg="ES256")
    shown = html.unescape(admin_client.get(page(SigningKey, "change", key.pk)).content.decode())
    assert key.public_jwk["x"] in shown
    assert "PRIVATE KEY" not in shown
    for line in key.private_pem.splitlines():
        assert line not in shown


def test_the_pages_open_when_keys_cannot_be_decrypted(house: House, admin_client: Browser) -> None:
    """An operator who has lost a secret must see which keys to replace."""
    key = SigningKey.objects.get(alg="ES256")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_ciba_signingkey SET private_pem = 'lost'")
    assert admin_client.get(page(SigningKey, "changelist")).status_code == 200
    assert admin_client.get(page(SigningKey, "change", key.pk)).status_code == 200


def test_rotation_promotes_retires_and_prepares(house: House, log_in: LogIn) -> None:
    first = SigningKey.objects.get(alg="ES256")
    browser = log_in("view_signingkey", "change_signingkey")
    act(browser, "rotate", first)
    first.refresh_from_db()
    assert first.state == State.RETIRED
    second = SigningKey.objects.get(alg="ES256", state=State.CURRENT)
    third = SigningKey.objects.get(alg="ES256", state=State.NEXT)
    answer = act(browser, "rotate", first, second, third)
    third.refresh_from_db()
    assert third.state == State.CURRENT, "one rotation, however many of its keys are chosen"
    assert said(answer) == [f"Realm / signs ES256 with {third.kid} now."]
    assert SigningKey.objects.filter(alg="ES256").count() == 4
    assert SigningKey.objects.filter(alg="RS256").count() == 1


def test_a_key_that_clients_may_not_have_read_waits_unless_it_must_not(
    house: House, admin_client: Browser, settings: Settings
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "KEY_PUBLISHED_BEFORE": 60}
    following = SigningKey.objects.generate(house.realm, "ES256", State.NEXT)
    moment = (following.created_at + timedelta(seconds=60)).isoformat(sep=" ", timespec="seconds")
    before = list(SigningKey.objects.order_by("pk").values("pk", "state"))
    (told,) = said(act(admin_client, "rotate", following))
    assert told.startswith("Realm /, ES256: not rotated, since clients may not have read the next")
    assert f"It may sign from {moment};" in told
    assert list(SigningKey.objects.order_by("pk").values("pk", "state")) == before
    shown = admin_client.get(page(SigningKey, "change", following.pk)).content.decode()
    assert moment in shown
    (told,) = said(act(admin_client, "rotate_at_once", following))
    assert told == f"Realm / signs ES256 with {following.kid} now."
    following.refresh_from_db()
    assert following.state == State.CURRENT


def test_without_a_next_key_the_operator_learns_how_one_is_published(
    house: House, admin_client: Browser, settings: Settings
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "KEY_PUBLISHED_BEFORE": 60}
    key = SigningKey.objects.get(alg="ES256")
    (told,) = said(act(admin_client, "rotate", key))
    assert "Saving the realm publishes a missing one" in told
    key.refresh_from_db()
    assert key.state == State.CURRENT


@pytest.mark.parametrize("state", [State.CURRENT, State.NEXT])
def test_a_key_in_use_is_not_deleted_and_the_operator_learns_what_to_do(
    house: House, admin_client: Browser, state: str
) -> None:
    key = SigningKey.objects.get(alg="EdDSA")
    retired = SigningKey.objects.get(alg="PS256")
    SigningKey.objects.filter(pk=key.pk).update(state=state)
    SigningKey.objects.filter(pk=retired.pk).update(state=State.RETIRED)
    answer = admin_client.post(page(SigningKey, "delete", key.pk), {"post": "yes"})
    assert answer.status_code == 403
    data = {"action": "delete_selected", "_selected_action": [key.pk, retired.pk], "post": "yes"}
    answer = admin_client.post(page(SigningKey, "changelist"), data, follow=True)
    advice = (
        "Only a retired key can be deleted: rotate it first (an action on the list), or retire it "
        "first (manage.py ciba_keys retire)."
    )
    assert said(answer) == [f"Nothing was deleted: EdDSA {key.kid[:8]} ({state}). {advice}"]
    assert SigningKey.objects.filter(pk__in=[key.pk, retired.pk]).count() == 2
    shown = html.unescape(admin_client.get(page(SigningKey, "change", key.pk)).content.decode())
    assert advice in shown
    assert "Delete</a>" not in shown


def test_a_retired_key_is_deleted_on_its_page(house: House, admin_client: Browser) -> None:
    key = SigningKey.objects.get(alg="EdDSA")
    SigningKey.objects.filter(pk=key.pk).update(state=State.RETIRED)
    shown = admin_client.get(page(SigningKey, "change", key.pk)).content.decode()
    assert "Only a retired key" not in shown
    assert page(SigningKey, "delete", key.pk) in shown
    admin_client.post(page(SigningKey, "delete", key.pk), {"post": "yes"})
    assert not SigningKey.objects.filter(pk=key.pk).exists()


def test_retired_keys_are_deleted_by_the_action_when_it_is_confirmed(
    house: House, log_in: LogIn
) -> None:
    retired = list(SigningKey.objects.filter(alg__in=("EdDSA", "PS256")))
    SigningKey.objects.filter(alg__in=("EdDSA", "PS256")).update(state=State.RETIRED)
    browser = log_in("view_signingkey", "delete_signingkey")
    data = {"action": "delete_selected", "_selected_action": [each.pk for each in retired]}
    asked = browser.post(page(SigningKey, "changelist"), data)
    assert asked.context["title"] == "Delete multiple objects"
    assert SigningKey.objects.filter(state=State.RETIRED).count() == 2
    browser.post(page(SigningKey, "changelist"), {**data, "post": "yes"})
    assert not SigningKey.objects.filter(state=State.RETIRED).exists()


def test_the_list_shows_state_before_a_short_key_id(house: House, admin_client: Browser) -> None:
    key = SigningKey.objects.get(alg="EdDSA")
    answer = admin_client.get(page(SigningKey, "changelist"))
    assert answer.context["cl"].list_display[1:3] == ["short_state", "short_kid"]
    assert f'<span title="{key.kid}">{key.kid[:12]}…</span>' in answer.content.decode()


def test_the_history_says_nothing_of_the_private_key(house: House, admin_client: Browser) -> None:
    key = SigningKey.objects.get(alg="ES256")
    act(admin_client, "rotate", key)
    text = json.dumps(list(LogEntry.objects.values_list("change_message", "object_repr")))
    assert "rotation" in text
    assert [line for line in key.private_pem.splitlines() if line in text] == []
