"""Clients: one set of rules with the import, and secrets that are shown once."""

import html
import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser

from django_ciba.client_registration.members import COLUMNS
from django_ciba.models import Client, Realm
from django_ciba.protocol.names import CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE
from tests import provider
from tests.unit.admin.arrange import REGISTERED, House, act, page, said
from tests.unit.admin.conftest import LogIn

UNSTORABLE = (
    "This JSON names a member twice, is nested too deeply, or holds a number or a character that "
    "cannot be stored."
)
NO_KEYS = (
    "is missing: signed requests need jwks or jwks_uri; for a client that does not sign, set "
    "require_signed_request_object to false"
)


def form(realm: Realm, **changes: Any) -> dict[str, Any]:
    """What a browser posts for a client that signs its requests and has a Basic secret."""
    jwks = {"keys": [provider.key("ES256", "client").public_jwk]}
    values = {
        "realm": realm.pk,
        "client_id": "bank",
        "client_name": "The Bank",
        "enabled": "on",
        "profile": "ciba",
        "token_endpoint_auth_method": "client_secret_basic",
        "token_endpoint_auth_signing_alg": "",
        "jwks": json.dumps(jwks),
        "jwks_uri": "",
        "scope": "openid profile",
        "grant_types": [CIBA_GRANT_TYPE],
        "require_signed_request_object": "on",
        "backchannel_authentication_request_signing_alg": "ES256",
        "backchannel_token_delivery_mode": "poll",
        "id_token_signed_response_alg": "ES256",
        "subject_type": "public",
        "access_token_format": "opaque",
        "metadata": "{}",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def change_form(client: Client, **changes: Any) -> dict[str, Any]:
    return form(client.realm, client_id=client.client_id, **changes)


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def secret_in(messages: list[str]) -> str:
    (shown,) = [each for each in messages if "shown only now" in each]
    return shown.rpartition(" ")[2]


def test_a_new_client_gets_a_secret_that_is_shown_once(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(page(Client, "add"), form(house.realm), follow=True)
    secret = secret_in(said(answer))
    assert answer.content.decode().count(secret) == 1
    client = Client.objects.get(client_id="bank")
    assert client.has_secret(secret)
    assert client.grant_types == [CIBA_GRANT_TYPE]
    assert client.enabled is True
    for model in REGISTERED:
        assert secret not in admin_client.get(page(model, "changelist")).content.decode()
    for name in ("change", "history", "delete"):
        shown = html.unescape(admin_client.get(page(Client, name, client.pk)).content.decode())
        assert secret not in shown
        assert client.secret_digest not in shown
    for entry in LogEntry.objects.all():
        assert secret not in f"{entry.change_message}{entry.object_repr}"
        assert client.secret_digest not in f"{entry.change_message}{entry.object_repr}"


def test_a_client_that_signs_its_assertions_gets_no_secret(
    house: House, admin_client: Browser
) -> None:
    answer = admin_client.post(
        page(Client, "add"),
        form(house.realm, token_endpoint_auth_method="private_key_jwt"),
        follow=True,
    )
    assert not any("shown only now" in each for each in said(answer))
    client = Client.objects.get(client_id="bank")
    assert client.secret_digest == ""
    shown = admin_client.get(page(Client, "change", client.pk)).content.decode()
    assert "private_key_jwt uses none." in shown


def test_the_add_page_is_ready_to_be_saved(house: House, admin_client: Browser) -> None:
    """What stands in the boxes already is right; a name and keys are all that must be added."""
    shown = admin_client.get(page(Client, "add")).context["adminform"].form
    boxes = {name: shown[name].value() for name in shown.fields}
    filled = {name: value for name, value in boxes.items() if value not in (None, "", False)}
    assert filled["grant_types"] == [CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE]
    jwks = json.dumps({"keys": [provider.key("ES256", "client").public_jwk]})
    data = filled | {"realm": house.realm.pk, "client_id": "bank", "jwks": jwks}
    answer = admin_client.post(page(Client, "add"), data, follow=True)
    assert answer.redirect_chain, errors(answer)
    assert Client.objects.get(client_id="bank").grant_types == filled["grant_types"]


def test_the_change_page_ticks_what_is_stored(house: House, admin_client: Browser) -> None:
    Client.objects.update(grant_types=[CIBA_GRANT_TYPE])
    shown = admin_client.get(page(Client, "change", house.client.pk))
    assert shown.context["adminform"].form["grant_types"].value() == [CIBA_GRANT_TYPE]


def test_the_labels_and_hints_are_in_the_operators_words(
    house: House, admin_client: Browser
) -> None:
    shown = html.unescape(
        admin_client.get(page(Client, "change", house.client.pk)).content.decode()
    )
    for text in (
        "To end a client gently, untick this",
        "JWKS:",
        "(Public key selector: JWKs)",
        "JWKS URI:",
        "(Public key selector: JWKs_URI)",
        "ID token signing algorithm:",
        "Untick this only for a client that cannot sign.",
        "which sends it as user_code",
    ):
        assert text in shown


def test_a_client_without_a_realm_is_refused(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(page(Client, "add"), form(house.realm) | {"realm": ""})
    assert errors(answer) == {"realm": ["This field is required."]}


def test_saving_a_client_keeps_its_secret(house: House, admin_client: Browser) -> None:
    digest = house.client.secret_digest
    answer = admin_client.post(
        page(Client, "change", house.client.pk),
        change_form(house.client, client_name="Another name", enabled=None),
        follow=True,
    )
    assert not any("shown only now" in each for each in said(answer))
    house.client.refresh_from_db()
    assert house.client.secret_digest == digest
    assert house.client.client_name == "Another name"
    assert house.client.enabled is False


def test_a_secret_that_has_no_use_any_more_is_forgotten(
    house: House, admin_client: Browser
) -> None:
    address = page(Client, "change", house.client.pk)
    old = house.client.secret_digest
    admin_client.post(
        address, change_form(house.client, token_endpoint_auth_method="private_key_jwt")
    )
    house.client.refresh_from_db()
    assert house.client.secret_digest == ""
    answer = admin_client.post(address, change_form(house.client), follow=True)
    house.client.refresh_from_db()
    assert house.client.has_secret(secret_in(said(answer)))
    assert house.client.secret_digest != old


def test_realm_and_client_id_are_not_changed(house: House, admin_client: Browser) -> None:
    other = Realm.objects.create(name="other", parent=house.realm)
    admin_client.post(
        page(Client, "change", house.client.pk),
        form(other, client_id="stolen", client_name="Renamed"),
    )
    house.client.refresh_from_db()
    assert house.client.client_name == "Renamed"
    assert (house.client.realm, house.client.client_id) == (house.realm, "shop")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"scope": "profile"}, "scope", "must hold openid"),
        (
            {"scope": "openid pets"},
            "scope",
            "word 2 is not a scope of this realm (openid profile email phone address)",
        ),
        (
            {"grant_types": []},
            "grant_types",
            f"must name at least one grant type, as {CIBA_GRANT_TYPE}",
        ),
        (
            {"grant_types": ["password"]},
            "grant_types",
            "Select a valid choice. password is not one of the available choices.",
        ),
        (
            {"jwks": '{"keys": [{"kty": "oct", "k": "AA"}]}'},
            "jwks",
            "keys[0]: a symmetric key is a secret and does not belong in a JWK Set",
        ),
        ({"jwks": '{"keys": ['}, "jwks", "This is not JSON: Expecting value (line 1, column 11)."),
        (
            {"jwks": '{"keys": [], "keys": []}'},
            "jwks",
            UNSTORABLE,
        ),
        (
            {"jwks": ""},
            "jwks",
            NO_KEYS,
        ),
        (
            {"jwks": "", "jwks_uri": "http://example.com/jwks"},
            "jwks_uri",
            "must begin with https://",
        ),
        ({"jwks": "", "jwks_uri": "javascript:alert(1)"}, "jwks_uri", "must begin with https://"),
        (
            {"jwks": "", "jwks_uri": "https://127.0.0.1/jwks"},
            "jwks_uri",
            "must not point to a private or special address",
        ),
        (
            {"jwks_uri": "https://example.com/jwks"},
            "jwks_uri",
            "stands beside jwks: give one of the two",
        ),
        (
            {"backchannel_authentication_request_signing_alg": "PS256"},
            "backchannel_authentication_request_signing_alg",
            "is PS256, and no key in jwks is for that",
        ),
        ({"client_id": "a b"}, "client_id", "must be: letters, digits, . _ ~ : / -"),
        (
            {"metadata": '{"client_uri": "javascript:alert(1)"}'},
            "metadata",
            "client_uri: must begin with https://",
        ),
        (
            {"metadata": '{"client_secret": "mine"}'},
            "metadata",
            "client_secret: has no place here.",
        ),
        (
            {"metadata": '{"a": "\\u0000"}'},
            "metadata",
            "a: holds a NUL character, which a database does not store",
        ),
        ({"metadata": '["a"]'}, "metadata", "This must be a JSON object."),
        (
            {"metadata": '{"a": NaN}'},
            "metadata",
            UNSTORABLE,
        ),
        (
            {"metadata": "[" * 100_000},
            "metadata",
            UNSTORABLE,
        ),
    ],
)
def test_a_wrong_client_is_refused_with_the_reason_at_its_field(
    house: House, admin_client: Browser, changes: dict[str, Any], field: str, message: str
) -> None:
    answer = admin_client.post(page(Client, "add"), form(house.realm, **changes))
    assert errors(answer) == {field: [message]}
    assert Client.objects.count() == 1


def test_a_client_id_is_taken_once_in_a_realm(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(page(Client, "add"), form(house.realm, client_id="shop"))
    assert errors(answer).keys() == {"__all__"}
    assert Client.objects.count() == 1


def test_every_fault_is_named_at_once(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(
        page(Client, "add"), form(house.realm, scope="pets", jwks='{"keys": [{}, {"kty": "oct"}]}')
    )
    found = errors(answer)
    assert found.keys() == {"scope", "jwks"}
    assert [each.partition(":")[0] for each in found["jwks"]] == ["keys[0]", "keys[1]"]


def test_a_refused_client_leaves_no_secret_behind(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(page(Client, "add"), form(house.realm, scope="pets"))
    assert said(answer) == []
    assert said(admin_client.get(page(Client, "changelist"))) == []


def test_what_was_typed_comes_back_with_the_error(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(page(Client, "add"), form(house.realm, jwks='{"keys": [ oops'))
    assert '{"keys": [ oops' in html.unescape(answer.content.decode())


def test_members_that_are_only_kept_are_kept_beside_the_sites_own(
    house: House, admin_client: Browser
) -> None:
    metadata = {"client_uri": "https://bank.example.com/", "our_number": 7}
    admin_client.post(page(Client, "add"), form(house.realm, metadata=json.dumps(metadata)))
    client = Client.objects.get(client_id="bank")
    assert client.metadata == metadata
    admin_client.post(page(Client, "change", client.pk), change_form(client, metadata=""))
    client.refresh_from_db()
    assert client.metadata == {}


def test_a_new_secret_is_shown_once_and_ends_the_old_one(house: House, log_in: LogIn) -> None:
    old = house.secrets[0]
    browser = log_in("view_client", "change_client")
    answer = act(browser, "make_secret", house.client)
    secret = secret_in(said(answer))
    house.client.refresh_from_db()
    assert house.client.has_secret(secret)
    assert not house.client.has_secret(old)
    for name in ("change", "history"):
        shown = browser.get(page(Client, name, house.client.pk)).content.decode()
        assert secret not in shown
    (entry,) = LogEntry.objects.all()
    assert entry.change_message == "Made a new secret."


def test_a_new_secret_is_made_for_one_client_at_a_time(house: House, admin_client: Browser) -> None:
    other, _ = provider.make_client(house.realm, client_id="other")
    answer = act(admin_client, "make_secret", house.client, other)
    assert said(answer) == ["Choose one client."]
    other.refresh_from_db()
    assert other.secret_digest == Client.objects.get(pk=other.pk).secret_digest != ""


def test_no_secret_is_made_for_a_method_that_uses_none(house: House, admin_client: Browser) -> None:
    Client.objects.update(token_endpoint_auth_method="private_key_jwt", secret_digest="")
    answer = act(admin_client, "make_secret", house.client)
    assert said(answer) == ["private_key_jwt uses no secret."]
    house.client.refresh_from_db()
    assert house.client.secret_digest == ""


# --- a secret that is more than a digest ----------------------------------------------------------


def test_a_change_to_client_secret_jwt_makes_a_new_secret(
    house: House, admin_client: Browser
) -> None:
    old = house.client.secret_digest
    answer = admin_client.post(
        page(Client, "change", house.client.pk),
        change_form(house.client, token_endpoint_auth_method="client_secret_jwt"),
        follow=True,
    )
    secret = secret_in(said(answer))
    client = Client.objects.get(pk=house.client.pk)
    assert client.secret_digest != old
    assert client.secret_encrypted == secret
    again = admin_client.post(
        page(Client, "change", house.client.pk),
        change_form(house.client, token_endpoint_auth_method="client_secret_jwt"),
        follow=True,
    )
    assert not any("shown only now" in each for each in said(again))
    assert Client.objects.get(pk=house.client.pk).secret_encrypted == secret


def test_a_secret_that_no_key_decrypts_any_more_is_replaced_by_saving_its_client(
    house: House, admin_client: Browser, settings: Any
) -> None:
    """And neither the list nor the page of such a client fails."""
    house.client.token_endpoint_auth_method = "client_secret_jwt"
    lost = house.client.new_secret()
    house.client.save()
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "ENCRYPTION_KEYS": ["another key altogether"]}
    assert admin_client.get(page(Client, "changelist")).status_code == 200
    assert admin_client.get(page(Client, "change", house.client.pk)).status_code == 200
    answer = admin_client.post(
        page(Client, "change", house.client.pk),
        change_form(house.client, token_endpoint_auth_method="client_secret_jwt"),
        follow=True,
    )
    secret = secret_in(said(answer))
    assert secret != lost
    assert Client.objects.get(pk=house.client.pk).secret_encrypted == secret


def test_every_column_that_may_be_registered_is_on_the_page(
    house: House, admin_client: Browser
) -> None:
    shown = admin_client.get(page(Client, "change", house.client.pk)).context["adminform"]
    names = {name for fieldset in shown for line in fieldset for name in line.fields}
    assert COLUMNS.keys() <= names


def test_a_ping_client_needs_its_endpoint(house: House, admin_client: Browser) -> None:
    changes = {"backchannel_token_delivery_mode": "ping"}
    address = page(Client, "change", house.client.pk)
    answer = admin_client.post(address, change_form(house.client, **changes))
    assert errors(answer) == {
        "backchannel_client_notification_endpoint": ["is missing: ping sends there"]
    }
    changes["backchannel_client_notification_endpoint"] = "https://rp.example.com/ciba"
    admin_client.post(address, change_form(house.client, **changes))
    assert Client.objects.get(pk=house.client.pk).backchannel_token_delivery_mode == "ping"


def test_lists_are_typed_as_json_and_an_empty_box_is_an_empty_list(
    house: House, admin_client: Browser
) -> None:
    address = page(Client, "change", house.client.pk)
    resources = '["https://api.example.com"]'
    admin_client.post(address, change_form(house.client, resource_identifiers=resources))
    stored = Client.objects.get(pk=house.client.pk)
    assert stored.resource_identifiers == ["https://api.example.com"]
    answer = admin_client.post(address, change_form(house.client, resource_identifiers='["/api"]'))
    assert errors(answer) == {
        "resource_identifiers": ["[0]: must be an absolute URI without a fragment"]
    }
    admin_client.post(address, change_form(house.client, resource_identifiers=""))
    assert Client.objects.get(pk=house.client.pk).resource_identifiers == []
