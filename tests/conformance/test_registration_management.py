"""What a client does with its own registration over HTTP (RFC 7592)."""

import json
from typing import Any

import pytest
from django.test import Client as HttpClient

from django_ciba.models import AuthenticationRequest, Client, Delivery, Grant, Realm
from tests.provider import approve, find, key, make_client
from tests.relying_party import Answer, RelyingParty

PUBLIC = {"keys": [key("ES256", "client").public_jwk]}
ASKED = {"client_name": "The Shop", "jwks": PUBLIC, "scope": "openid profile"}


@pytest.fixture
def realm(realm: Realm) -> Realm:
    realm.settings = {"registration": "open"}
    realm.save()
    return realm


@pytest.fixture
def told(realm: Realm) -> dict[str, Any]:
    """What a client was told that has just registered itself."""
    return register(ASKED)


def register(metadata: dict[str, Any]) -> dict[str, Any]:
    answer = HttpClient().post(
        "/oauth2/register", json.dumps(metadata), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def manage(
    method: str,
    told: dict[str, Any],
    metadata: Any = None,
    *,
    token: str | None = None,
    client_id: str | None = None,
) -> Answer:
    """A request as its client makes it, or with another token or at another client's address."""
    value = told["registration_access_token"] if token is None else token
    return HttpClient().generic(
        method,
        f"/oauth2/register/{client_id or told['client_id']}",
        b"" if metadata is None else json.dumps(metadata).encode(),
        "application/json",
        headers={"Authorization": f"Bearer {value}"} if value else {},
    )


def updated(told: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """RFC 7592 §2.2: what it was told, without what it must not send back; None leaves one out."""
    kept = {
        name: value
        for name, value in told.items()
        if name
        not in (
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        )
    }
    return {name: value for name, value in {**kept, **changes}.items() if value is not None}


def stored() -> dict[str, Any]:
    return {**Client.objects.values().get()}


def refused(answer: Answer, error: str, words: str, before: dict[str, Any]) -> None:
    assert answer.status_code == (401 if error == "invalid_token" else 400), answer.content
    assert answer["Cache-Control"] == "no-store"
    members = answer.json()
    assert set(members) == {"error", "error_description"}
    assert members["error"] == error, members
    assert words in members["error_description"], members
    assert stored() == before


def relying_party(told: dict[str, Any], secret: str = "") -> RelyingParty:
    client = Client.objects.get()
    return RelyingParty(
        http=HttpClient(),
        client=client,
        issuer=client.realm.issuer,
        mount="/oauth2/",
        key=key("ES256", "client"),
        secret=secret or told.get("client_secret", ""),
    )


# --- §2: whose token it is ------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7592", "2")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_wrong_token_and_an_unknown_client_are_told_apart_by_nobody(
    realm: Realm, told: dict[str, Any], method: str
) -> None:
    operators, _ = make_client(realm, client_id="operators")
    other = register(ASKED)
    answers = [
        manage(method, told, {}, token="x" * 43),
        manage(method, told, {}, token=other["registration_access_token"]),
        manage(method, told, {}, client_id="5d0c1c0e-0000-4000-8000-000000000000"),
        manage(method, told, {}, client_id="a%00b"),
        manage(method, told, {}, client_id="a%20b"),
        manage(method, told, {}, client_id="a" * 500),
        manage(method, told, {}, client_id=operators.client_id),
        manage(method, told, {}, client_id=other["client_id"]),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["error"] == "invalid_token"
    challenges = {answer["WWW-Authenticate"] for answer in answers}
    assert len(challenges) == 1
    assert challenges.pop().startswith('Bearer realm="register", error="invalid_token"')
    assert Client.objects.filter(enabled=True).count() == 3


@pytest.mark.requirement("RFC 7592", "2")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_without_a_token_is_asked_for_one(told: dict[str, Any], method: str) -> None:
    before = stored()
    answer = manage(method, told, {}, token="")
    refused(answer, "invalid_token", "Authorization: Bearer", before)
    assert answer["WWW-Authenticate"] == 'Bearer realm="register"'


@pytest.mark.requirement("RFC 7592", "2")
def test_a_client_that_an_operator_has_shut_manages_nothing(told: dict[str, Any]) -> None:
    Client.objects.update(enabled=False)
    refused(manage("GET", told), "invalid_token", "no such client", stored())
    refused(manage("DELETE", told), "invalid_token", "no such client", stored())


@pytest.mark.requirement("RFC 7592", "2")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_address_is_off_where_registration_is(
    realm: Realm, told: dict[str, Any], method: str
) -> None:
    realm.settings = {}
    realm.save()
    answer = manage(method, told, updated(told))
    assert answer.status_code == 403
    assert answer.json()["error"] == "access_denied"
    assert Client.objects.get().enabled


@pytest.mark.requirement("RFC 7592", "2")
def test_a_client_of_one_realm_is_none_of_another(realm: Realm, told: dict[str, Any]) -> None:
    Realm.objects.create(name="alpha", parent=realm)
    answer = HttpClient().get(
        f"/oauth2/realms/root/realms/alpha/register/{told['client_id']}",
        headers={"Authorization": f"Bearer {told['registration_access_token']}"},
    )
    refused(answer, "invalid_token", "no such client", stored())


def test_another_method_is_refused(told: dict[str, Any]) -> None:
    answer = manage("POST", told, ASKED)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, PUT, DELETE, HEAD"


# --- §2.1: read -----------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7592", "2.1")
@pytest.mark.requirement("RFC 7592", "3")
def test_a_client_reads_its_registration_without_its_secret(told: dict[str, Any]) -> None:
    answer = manage("GET", told)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    secret = {"client_secret", "client_secret_expires_at"}
    assert answer.json() == {name: told[name] for name in told if name not in secret}


# --- §2.2: update ---------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7592", "2.2")
def test_an_update_replaces_the_registration(told: dict[str, Any]) -> None:
    answer = manage(
        "PUT", told, updated(told, client_name=None, scope=None, contacts=["ops@example.com"])
    )
    assert answer.status_code == 200, answer.content
    now = answer.json()
    assert "client_name" not in now
    assert now["scope"] == "openid"
    assert now["contacts"] == ["ops@example.com"]
    assert now["registration_access_token"] == told["registration_access_token"]
    assert "client_secret" not in now
    client = Client.objects.get()
    assert (client.client_name, client.scope) == ("", "openid")
    assert client.has_secret(told["client_secret"])
    assert manage("GET", told).json() == now


@pytest.mark.requirement("RFC 7592", "2.2")
def test_an_update_leaves_what_an_operator_has_given(told: dict[str, Any]) -> None:
    Client.objects.update(
        may_introspect=True,
        hide_unknown_users=True,
        resource_identifiers=["https://api.example.com"],
        metadata={"branch_office": "Tbilisi", "contacts": ["ops@example.com"]},
    )
    asked = updated(told, may_introspect=False, hide_unknown_users=False)
    assert manage("PUT", told, asked).status_code == 200
    client = Client.objects.get()
    assert (client.may_introspect, client.hide_unknown_users) == (True, True)
    assert client.resource_identifiers == ["https://api.example.com"]
    assert client.metadata == {"branch_office": "Tbilisi"}


@pytest.mark.requirement("RFC 7592", "2.2")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": None}, "client_id: must be there"),
        ({"client_id": "another"}, "client_id: must be there"),
        ({"client_id": 5}, "client_id: must be there"),
        ({"client_secret": "s" * 43}, "client_secret: is not the one"),
        ({"client_secret": 5}, "client_secret: is not the one"),
        ({"registration_access_token": "x"}, "registration_access_token: is the provider's"),
        ({"registration_client_uri": "x"}, "registration_client_uri: is the provider's"),
        ({"client_secret_expires_at": 0}, "client_secret_expires_at: is the provider's"),
        ({"client_id_issued_at": 0}, "client_id_issued_at: is the provider's"),
        ({"scope": "openid payments"}, "scope: word 2"),
        ({"jwks": None}, "jwks: is missing"),
        ({"jwks": None, "jwks_uri": "http://127.0.0.1/"}, "jwks_uri: must"),
    ],
)
def test_a_wrong_update_is_refused_and_changes_nothing(
    told: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    before = stored()
    answer = manage("PUT", told, updated(told, **changes))
    refused(answer, "invalid_client_metadata", words, before)


@pytest.mark.requirement("RFC 7592", "2.2")
def test_an_update_with_its_own_secret_is_taken(told: dict[str, Any]) -> None:
    answer = manage("PUT", told, updated(told, client_secret=told["client_secret"]))
    assert answer.status_code == 200
    assert Client.objects.get().has_secret(told["client_secret"])


@pytest.mark.requirement("RFC 7592", "2.2")
def test_a_method_without_a_secret_ends_it_and_the_way_back_makes_a_new_one(
    told: dict[str, Any],
) -> None:
    asked = updated(told, token_endpoint_auth_method="private_key_jwt")
    assert "client_secret" not in manage("PUT", told, asked).json()
    assert Client.objects.get().secret_digest == ""
    asked = updated(told, client_secret=None)
    back = manage("PUT", told, asked).json()
    assert back["client_secret"] != told["client_secret"]
    assert back["client_secret_expires_at"] == 0
    assert Client.objects.get().has_secret(back["client_secret"])


@pytest.mark.requirement("RFC 7592", "2.2")
def test_client_secret_jwt_takes_the_secret_sent_along_or_makes_a_new_one(
    told: dict[str, Any],
) -> None:
    """Of a secret that was only compared, nothing is kept that could verify a MAC."""
    sent = updated(told, token_endpoint_auth_method="client_secret_jwt")
    assert "client_secret" not in manage("PUT", told, sent).json()
    assert Client.objects.get().secret_encrypted == told["client_secret"]
    basic = updated(told, token_endpoint_auth_method="client_secret_basic")
    assert manage("PUT", told, basic).status_code == 200
    assert Client.objects.get().secret_encrypted == ""
    unsent = updated(told, token_endpoint_auth_method="client_secret_jwt", client_secret=None)
    new = manage("PUT", told, unsent).json()["client_secret"]
    assert new != told["client_secret"]
    assert Client.objects.get().secret_encrypted == new


@pytest.mark.requirement("RFC 7592", "2.2")
def test_new_keys_are_used_at_once(told: dict[str, Any], alice: Any) -> None:
    old = relying_party(told)
    old.auth_req_id()
    new = key("ES256", "another")
    asked = updated(told, jwks={"keys": [new.public_jwk]})
    assert manage("PUT", told, asked).status_code == 200
    assert old.authenticate().status_code == 400
    old.key = new
    assert old.authenticate().status_code == 200


@pytest.mark.requirement("OIDC Core", "8.1")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (
            {"jwks": PUBLIC, "subject_type": "pairwise"},
            {"jwks": None, "jwks_uri": "https://victim.example.com/jwks.json"},
        ),
        (
            {"jwks": PUBLIC},
            {
                "jwks": None,
                "jwks_uri": "https://victim.example.com/jwks.json",
                "subject_type": "pairwise",
            },
        ),
        (
            {
                "jwks": PUBLIC,
                "subject_type": "pairwise",
                "backchannel_token_delivery_mode": "push",
                "backchannel_client_notification_endpoint": "https://victim.example.com/cb",
            },
            {
                "jwks": None,
                "jwks_uri": "https://victim.example.com/jwks.json",
                "backchannel_token_delivery_mode": "poll",
            },
        ),
    ],
)
def test_nobody_slips_into_anothers_sector_between_request_and_tokens(
    realm: Realm, settings: Any, alice: Any, first: dict[str, Any], then: dict[str, Any]
) -> None:
    """Only the request is signed; who has the secret could poll for the subject of a stranger."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": "pepper"}
    realm.settings = {"registration": "open", "push_delivery": True}
    realm.save()
    told = register(first)
    before = stored()
    answer = manage("PUT", told, updated(told, **then))
    refused(answer, "invalid_client_metadata", "stays as it was registered", before)


@pytest.mark.requirement("OIDC Core", "8.1")
def test_a_pairwise_client_changes_what_its_subjects_are_not_made_from(
    realm: Realm, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": "pepper"}
    told = register({"jwks_uri": "https://rp.example.com/old.json", "subject_type": "pairwise"})
    moved = updated(told, jwks_uri="https://rp.example.com/new.json", client_name="The Shop")
    assert manage("PUT", told, moved).status_code == 200
    assert manage("PUT", told, updated(told, subject_type="public")).status_code == 200


# --- §2.3: delete ---------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7592", "2.3")
def test_a_client_ends_itself_with_all_that_it_asked_for_and_was_granted(
    told: dict[str, Any], alice: Any
) -> None:
    rp = relying_party(told)
    redeemed, waiting = rp.auth_req_id(), rp.auth_req_id()
    approve(redeemed)
    tokens = rp.poll(redeemed).json()
    answer = manage("DELETE", told)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer["Cache-Control"] == "no-store"
    assert rp.userinfo(tokens["access_token"]).status_code == 401
    assert rp.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"
    assert rp.poll(waiting).json()["error"] == "invalid_client"
    assert find(waiting).status == AuthenticationRequest.Status.CANCELLED
    assert Grant.objects.get().revoked_at is not None


@pytest.mark.requirement("RFC 7592", "2.3")
def test_an_ended_client_stays_to_be_looked_at_with_nothing_that_would_prove_it(
    told: dict[str, Any],
) -> None:
    assert manage("DELETE", told).status_code == 204
    client = Client.objects.get()
    assert not client.enabled
    assert client.client_name == "The Shop"
    assert client.secret_digest == client.secret_encrypted == ""
    assert client.registration_token_digest == ""
    for method in ("GET", "PUT", "DELETE"):
        refused(manage(method, told, updated(told)), "invalid_token", "no such client", stored())
    Client.objects.update(enabled=True)  # an operator lets it in again
    assert manage("GET", told).status_code == 401
    assert relying_party(told).authenticate().json()["error"] == "invalid_client"


@pytest.mark.requirement("RFC 7592", "2.3")
def test_the_prompt_of_an_ended_client_is_not_sent(told: dict[str, Any], alice: Any) -> None:
    relying_party(told).auth_req_id()
    due = Delivery.objects.filter(state=Delivery.State.DUE)
    assert due.count() == 1
    manage("DELETE", told)
    assert due.count() == 0
