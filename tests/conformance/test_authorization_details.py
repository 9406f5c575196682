"""Rich authorization requests (RFC 9396), from the request to the token."""

import json
from typing import Any

import pytest
from django.test import Client as HttpClient

from django_ciba.authorization_details import details_types
from django_ciba.models import (
    AuthenticationRequest,
    AuthorizationDetailsType,
    Client,
    Grant,
    Realm,
    Token,
)
from tests.authorization_details import PAYMENT, make_details_type, payment
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted, refused
from tests.provider import approve, find
from tests.relying_party import RelyingParty, claims_of

pytestmark = pytest.mark.django_db

INVALID = "invalid_authorization_details"
ACCOUNT = "account_information"


@pytest.fixture
def bank(realm: Realm, relying_party: RelyingParties) -> RelyingParty:
    """A client that may ask for payments and for a look at accounts, which has no schema."""
    make_details_type(realm)
    make_details_type(realm, type=ACCOUNT, name="", schema={}, template="")
    make_details_type(realm, type="of_others")
    return relying_party(authorization_details_types=[PAYMENT, ACCOUNT, "unknown_to_the_realm"])


@pytest.fixture
def plain(realm: Realm, relying_party: RelyingParties) -> RelyingParty:
    """One that sends forms, unsigned."""
    make_details_type(realm)
    return relying_party(authorization_details_types=[PAYMENT], require_signed_request_object=False)


def accounts(**changes: Any) -> dict[str, Any]:
    return {"type": ACCOUNT, "actions": ["list_accounts"], "identifier": "DE40", **changes}


def tokens(rp: RelyingParty, details: list[dict[str, Any]]) -> dict[str, Any]:
    auth_req_id = rp.auth_req_id(authorization_details=details)
    approve(auth_req_id)
    answer = rp.poll(auth_req_id)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


# --- the request -------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9396", "3")
def test_details_of_a_signed_request_are_kept_as_they_were_sent(bank: RelyingParty) -> None:
    details = [payment(), accounts(locations=["https://api.example.com/"])]
    assert find(bank.auth_req_id(authorization_details=details)).authorization_details == details


@pytest.mark.requirement("RFC 9396", "3")
def test_a_form_carries_the_details_as_json_text(plain: RelyingParty) -> None:
    details = [payment(creditorName="Müller & Söhne")]
    auth_req_id = accepted(plain.authenticate(authorization_details=json.dumps(details)))
    assert find(auth_req_id).authorization_details == details


@pytest.mark.requirement("RFC 9396", "3")
def test_a_signed_request_may_carry_the_details_as_json_text(bank: RelyingParty) -> None:
    auth_req_id = accepted(bank.authenticate(authorization_details=json.dumps([payment()])))
    assert find(auth_req_id).authorization_details == [payment()]


@pytest.mark.requirement("RFC 9396", "2")
def test_a_request_may_hold_several_objects_of_one_type(bank: RelyingParty) -> None:
    details = [payment(), payment(creditorName="Merchant B")]
    assert find(bank.auth_req_id(authorization_details=details)).authorization_details == details


@pytest.mark.requirement("RFC 9396", "2")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("payment", "must be a JSON array of objects"),
        ("{}", "must be a JSON array of objects"),
        ("[]", "must be a JSON array of objects"),
        ("[", "must be a JSON array of objects"),
        ('[{"type": "a", "type": "b"}]', "no member is named twice"),
        ("[" * 5000, "nothing is nested deeper than 32"),
        ("[" * 40 + "]" * 40, "nothing is nested deeper than 32"),
        ("[NaN]", "must be a JSON array of objects"),
        ('["payment_initiation"]', "authorization_details[0] must be an object"),
        ("[{}]", "authorization_details[0].type must be a non-empty string"),
        ('[{"type": ""}]', "authorization_details[0].type must be a non-empty string"),
        ('[{"type": ["payment_initiation"]}]', "[0].type must be a non-empty string"),
        (json.dumps([payment()] * 11), "holds more than 10 objects"),
        (json.dumps([payment(creditorName="x" * 8192)]), "is longer than 8192 bytes"),
        (json.dumps([payment(creditorName="a\0b")]), "holds a NUL character"),
        (json.dumps([{**payment(), "a\0b": 1}]), "holds a NUL character"),
        (json.dumps([payment(times=2**63)]), "is a number beyond"),
    ],
)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "form"])
def test_what_is_no_array_of_typed_objects_is_refused(
    bank: RelyingParty, value: str, words: str, signed: bool
) -> None:
    if not signed:
        Client.objects.update(require_signed_request_object=False)
        bank.signed = False
    refused(bank.authenticate(authorization_details=value), INVALID, words)


@pytest.mark.requirement("RFC 9396", "2")
@pytest.mark.parametrize("value", [{}, [], 7, True, [7], [payment(), None], payment()])
def test_another_json_value_in_a_signed_request_is_refused(bank: RelyingParty, value: Any) -> None:
    refused(bank.authenticate(authorization_details=value), INVALID)


@pytest.mark.requirement("RFC 9396", "2")
def test_the_size_of_an_array_in_a_signed_request_is_bounded_too(bank: RelyingParty) -> None:
    details = [payment(creditorName="x" * 8192)]
    refused(bank.authenticate(authorization_details=details), INVALID, "longer than 8192 bytes")


@pytest.mark.requirement("RFC 9396", "5")
@pytest.mark.parametrize(
    "name", ["never_heard_of", "of_others", "unknown_to_the_realm", "a\u202eb"]
)
def test_a_type_that_realm_or_client_does_not_know_is_refused(
    bank: RelyingParty, name: str
) -> None:
    answer = bank.authenticate(authorization_details=[payment(), payment(type=name)])
    refused(
        answer, INVALID, "authorization_details[1].type is not one that this client may ask for"
    )


@pytest.mark.requirement("RFC 9396", "10")
def test_a_client_that_is_registered_for_no_type_is_refused(realm: Realm, rp: RelyingParty) -> None:
    make_details_type(realm)
    refused(rp.authenticate(authorization_details=[payment()]), INVALID, "may ask for")


@pytest.mark.requirement("RFC 9396", "5")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"creditorName": None}, "authorization_details[0] lacks creditorName"),
        (
            {"creditorName": 7},
            "authorization_details[0].creditorName must be of type string",
        ),
        (
            {"instructedAmount": {"currency": "EUR"}},
            "authorization_details[0].instructedAmount lacks amount",
        ),
        (
            {"instructedAmount": {"currency": "eur", "amount": "1.00"}},
            "authorization_details[0].instructedAmount.currency does not match the pattern",
        ),
        (
            {"actions": ["initiate", "steal"]},
            "authorization_details[0].actions[1] must be one of initiate, cancel",
        ),
        ({"actions": ["cancel"] * 3}, "authorization_details[0].actions must hold at most 2"),
        ({"times": 0}, "authorization_details[0].times must be at least 1"),
        ({"times": True}, "authorization_details[0].times must be of type integer"),
        ({"creditorName": "x" * 71}, "creditorName must be at most 70 characters long"),
        (
            {"creditor": "Merchant A"},
            "authorization_details[0] holds a member that its type does not define; it takes",
        ),
        (
            {"creditorAccount": {"iban": "DE40", "bic": "A"}},
            "authorization_details[0].creditorAccount holds a member that its type does not define",
        ),
    ],
)
def test_an_object_that_breaks_the_schema_of_its_type_is_refused(
    bank: RelyingParty, changes: dict[str, Any], words: str
) -> None:
    refused(bank.authenticate(authorization_details=[payment(**changes)]), INVALID, words)


@pytest.mark.requirement("RFC 9396", "5")
def test_a_refusal_says_nothing_that_the_caller_sent(realm: Realm, bank: RelyingParty) -> None:
    AuthorizationDetailsType.objects.filter(type=PAYMENT).update(
        schema={"additionalProperties": {"type": "string"}}
    )
    name = 'evil"\\\u202e<script>'
    answer = bank.authenticate(authorization_details=[{"type": PAYMENT, name: ["secret"]}])
    refused(answer, INVALID, "authorization_details[0].* must be of type string")


@pytest.mark.requirement("RFC 9396", "5")
@pytest.mark.parametrize(
    ("schema", "taken"),
    [
        ({"allOf": [{"properties": {"a": {"type": "string"}}}]}, True),
        ({"properties": {"b": True}}, False),
        ({"additionalProperties": True}, True),
        ({"unevaluatedProperties": True}, True),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": True}}}}, True),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"b": True}}}}, False),
        ({"description": "nothing but the type"}, False),
    ],
)
def test_a_member_that_the_type_does_not_define_is_refused_unless_its_schema_opens_it(
    bank: RelyingParty, schema: dict[str, Any], taken: bool
) -> None:
    AuthorizationDetailsType.objects.filter(type=PAYMENT).update(schema=schema)
    answer = bank.authenticate(authorization_details=[{"type": PAYMENT, "a": "b"}])
    if taken:
        accepted(answer)
    else:
        refused(answer, INVALID, "holds a member that its type does not define")


@pytest.mark.requirement("RFC 9396", "2.2")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"locations": "https://api.example.com"}, "locations must be an array of strings"),
        ({"actions": ["read", 7]}, "actions must be an array of strings"),
        ({"identifier": ["a"]}, "identifier must be a string"),
        ({"amount": "1.00"}, "does not define; it takes type, locations, actions, datatypes"),
    ],
)
def test_a_type_without_a_schema_takes_the_common_members_alone(
    bank: RelyingParty, changes: dict[str, Any], words: str
) -> None:
    accepted(bank.authenticate(authorization_details=[accounts()]))
    answer = bank.authenticate(authorization_details=[accounts(**changes)])
    refused(answer, INVALID, words, stored=1)


@pytest.mark.requirement("RFC 9396", "5")
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://schemas.example.com/payment.json"},
        {"properties": {"creditorName": {"$ref": "#/$defs/nothing"}}},
        {"properties": {"creditorName": {"type": "strin"}}},
        {"properties": {"creditorName": {"pattern": "("}}},
        {"$ref": "#"},
        {"properties": {"creditorName": {"$ref": "#/properties/creditorName"}}},
        ["no schema"],
    ],
)
def test_a_schema_that_came_past_the_checks_lets_nothing_through(
    bank: RelyingParty, schema: Any
) -> None:
    """Nothing is fetched, nobody is asked; the fault is the provider's."""
    AuthorizationDetailsType.objects.filter(type=PAYMENT).update(schema=schema)
    answer = bank.authenticate(authorization_details=[payment()])
    refused(answer, "server_error", "cannot check authorization_details", status=500)


@pytest.mark.requirement("RFC 9396", "5")
def test_without_the_library_a_type_with_a_schema_lets_nothing_through(
    bank: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(details_types, "INSTALLED", False)
    answer = bank.authenticate(authorization_details=[payment()])
    refused(answer, "server_error", "cannot check authorization_details", status=500)
    accepted(bank.authenticate(authorization_details=[accounts()]))


# --- the token ---------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9396", "7")
def test_the_token_response_says_what_was_granted(bank: RelyingParty) -> None:
    answer = tokens(bank, [payment(), accounts()])
    assert answer["authorization_details"] == [payment(), accounts()]
    assert Grant.objects.get().authorization_details == [payment(), accounts()]
    assert "authorization_details" not in claims_of(answer["id_token"])


@pytest.mark.requirement("RFC 9396", "7")
def test_a_token_without_details_does_not_mention_them(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    assert "authorization_details" not in rp.poll(auth_req_id).json()


@pytest.mark.requirement("RFC 9396", "6")
def test_a_token_request_may_ask_for_part_of_what_was_granted(bank: RelyingParty) -> None:
    auth_req_id = bank.auth_req_id(authorization_details=[payment(), accounts()])
    approve(auth_req_id)
    first = bank.poll(auth_req_id, authorization_details=json.dumps([accounts()])).json()
    assert first["authorization_details"] == [accounts()]
    access = Token.objects.get(kind=Token.Kind.ACCESS)
    assert access.authorization_details == [accounts()]
    assert Token.objects.get(kind=Token.Kind.REFRESH).authorization_details == [
        payment(),
        accounts(),
    ]


@pytest.mark.requirement("RFC 9396", "6")
def test_a_refresh_narrows_one_access_token_and_not_its_grant(bank: RelyingParty) -> None:
    granted = [payment(), accounts()]
    first = tokens(bank, granted)
    narrow = json.dumps([dict(reversed(payment().items()))])  # the order of members is no matter
    second = bank.refresh(first["refresh_token"], authorization_details=narrow).json()
    assert second["authorization_details"] == [payment()]
    third = bank.refresh(second["refresh_token"]).json()
    assert third["authorization_details"] == granted


@pytest.mark.requirement("RFC 9396", "6.1")
@pytest.mark.parametrize(
    "asked",
    [
        [payment(creditorName="Merchant B")],
        [payment(), payment(times=2)],
        [payment(instructedAmount={"currency": "EUR", "amount": "123.5"})],
        [payment(times=True)],
        [{"type": "never_heard_of"}],
    ],
)
def test_what_is_not_equal_to_a_granted_object_is_refused_and_spends_nothing(
    bank: RelyingParty, asked: list[dict[str, Any]]
) -> None:
    auth_req_id = bank.auth_req_id(authorization_details=[payment(), payment(times=1)])
    approve(auth_req_id)
    answer = bank.poll(auth_req_id, authorization_details=json.dumps(asked))
    refused(answer, INVALID, "is not equal to an object that was granted", stored=1)
    assert find(auth_req_id).status == AuthenticationRequest.Status.AUTHORIZED
    first = bank.poll(auth_req_id).json()
    answer = bank.refresh(first["refresh_token"], authorization_details=json.dumps(asked))
    refused(answer, INVALID, "is not equal to an object that was granted", stored=1)
    assert bank.refresh(first["refresh_token"]).status_code == 200


@pytest.mark.requirement("RFC 9396", "8")
@pytest.mark.parametrize("asked", ["{}", "[", '[{"type": 7}]', "[" * 99])
def test_malformed_details_at_the_token_endpoint_are_refused(
    bank: RelyingParty, asked: str
) -> None:
    first = tokens(bank, [payment()])
    answer = bank.refresh(first["refresh_token"], authorization_details=asked)
    refused(answer, INVALID, stored=1)
    assert bank.refresh(first["refresh_token"]).status_code == 200


@pytest.mark.requirement("RFC 9396", "6")
def test_a_type_that_the_client_has_lost_is_in_no_new_token(bank: RelyingParty) -> None:
    first = tokens(bank, [payment(), accounts()])
    Client.objects.update(authorization_details_types=[ACCOUNT])
    second = bank.refresh(first["refresh_token"]).json()
    assert second["authorization_details"] == [accounts()]
    asked = json.dumps([payment()])
    answer = bank.refresh(second["refresh_token"], authorization_details=asked)
    refused(answer, INVALID, "was granted", stored=1)
    auth_req_id = bank.auth_req_id(authorization_details=[accounts()])
    approve(auth_req_id)
    AuthorizationDetailsType.objects.filter(type=ACCOUNT).delete()
    assert "authorization_details" not in bank.poll(auth_req_id).json()


@pytest.mark.requirement("RFC 9396", "9.2")
def test_introspection_and_userinfo_show_what_this_one_token_is_for(bank: RelyingParty) -> None:
    first = tokens(bank, [payment(), accounts()])
    narrow = json.dumps([accounts()])
    second = bank.refresh(first["refresh_token"], authorization_details=narrow).json()
    for answer, expected in ((first, [payment(), accounts()]), (second, [accounts()])):
        token = answer["access_token"]
        found = bank.post("introspect", {"token": token}).json()
        assert found["authorization_details"] == expected
        assert bank.userinfo(token).json()["authorization_details"] == expected
    found = bank.post("introspect", {"token": second["refresh_token"]}).json()
    assert found["authorization_details"] == [payment(), accounts()]


@pytest.mark.requirement("RFC 9396", "9.1")
def test_a_jwt_access_token_holds_what_it_is_for(bank: RelyingParty) -> None:
    Client.objects.update(access_token_format=Client.AccessTokenFormat.JWT)
    first = tokens(bank, [payment(), accounts()])
    assert claims_of(first["access_token"])["authorization_details"] == [payment(), accounts()]
    narrow = json.dumps([payment()])
    second = bank.refresh(first["refresh_token"], authorization_details=narrow).json()
    assert claims_of(second["access_token"])["authorization_details"] == [payment()]


# --- discovery ---------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9396", "10")
def test_discovery_lists_the_types_of_the_realm(realm: Realm, client: HttpClient) -> None:
    address = "/oauth2/.well-known/openid-configuration"
    assert "authorization_details_types_supported" not in client.get(address).json()
    make_details_type(realm)
    make_details_type(realm, type=ACCOUNT)
    found = client.get(address).json()["authorization_details_types_supported"]
    assert found == [ACCOUNT, PAYMENT]
