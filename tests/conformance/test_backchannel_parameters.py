"""The parameters of an authentication request, one rule at a time."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.db import connections

from django_ciba.models import AcrMapping, Journey, Realm, UserCode
from tests.asked_often import ASKED_OFTEN
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted, at, refused
from tests.provider import PUSH_JOURNEY, find, make_realm
from tests.relying_party import RelyingParty

TEXTS = (
    "scope",
    "acr_values",
    "binding_message",
    "ui_locales",
)


def change_realm(realm: Realm, **settings: Any) -> None:
    realm.settings = settings
    realm.save()


@pytest.mark.requirement("CIBA Core", "7.1")
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [1, 1.5, True, False, ["push"], [], {"push": 1}, {}])
def test_a_text_parameter_of_another_type_is_refused(
    rp: RelyingParty, name: str, value: Any
) -> None:
    refused(rp.authenticate(**{name: value}), "invalid_request", f"{name} must be a string")


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize("name", ["scope", "acr_values", "ui_locales"])
def test_a_text_parameter_holds_no_nul(rp: RelyingParty, name: str) -> None:
    refused(rp.authenticate(**{name: "openid\0"}), "invalid_request", f"{name} holds NUL")


# --- scope -------------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1", row="scope")
@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("openid", "openid"),
        ("openid profile", "openid profile"),
        ("profile openid", "profile openid"),
        ("email profile openid", "email profile openid"),
        ("openid openid profile openid", "openid profile"),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_a_scope_holds_openid_in_any_order(
    relying_party: RelyingParties, asked: str, kept: str, signed: bool
) -> None:
    rp = relying_party(require_signed_request_object=signed)
    assert find(accepted(rp.authenticate(scope=asked))).scope == kept


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("scope", [None, "", "profile", "OpenID", "openid2", "open id", "\topenid"])
def test_a_scope_without_openid_is_invalid_scope(rp: RelyingParty, scope: str | None) -> None:
    refused(rp.authenticate(scope=scope), "invalid_scope", "scope must hold openid")


@pytest.mark.requirement("RFC 6749", "3.3")
@pytest.mark.parametrize(
    "scope",
    [
        "openid phone",  # of the realm, not of the client
        "openid payments",  # of the client, not of the realm
        "openid offline_access",
        "openid  profile",
        " openid",
        "openid\tprofile openid",
        'openid "',
        "openid £",
    ],
)
def test_a_scope_beyond_client_and_realm_is_invalid_scope_and_says_what_may_be_asked_for(
    relying_party: RelyingParties, scope: str
) -> None:
    rp = relying_party(scope="openid profile payments")
    words = "this client may ask for openid profile"
    answer = refused(rp.authenticate(scope=scope), "invalid_scope", words)
    assert "payments" not in answer.json()["error_description"]


@pytest.mark.requirement("Protocol", "3", row="scope")
def test_a_realm_may_know_scopes_of_its_own(relying_party: RelyingParties, realm: Realm) -> None:
    rp = relying_party(scope="openid payments profile")
    change_realm(realm, scopes=["openid", "payments"])
    accepted(rp.authenticate(scope="openid payments"))
    answer = rp.authenticate(scope="openid profile")
    refused(answer, "invalid_scope", "may ask for openid payments", stored=1)


# --- acr_values --------------------------------------------------------------------------------


@pytest.fixture
def second_journey(realm: Realm) -> Journey:
    journey = Journey.objects.create(realm=realm, name="Second", document=PUSH_JOURNEY)
    AcrMapping.objects.create(realm=realm, acr="urn:bank:strong", journey=journey)
    return journey


@pytest.mark.requirement("OIDC Core", "3.1.2.1", row="acr_values")
@pytest.mark.parametrize(
    ("asked", "acr", "journey"),
    [
        ("push", "push", "CIBA Push Journey"),
        ("urn:bank:strong", "urn:bank:strong", "Second"),
        ("urn:bank:strong push", "urn:bank:strong", "Second"),
        ("push urn:bank:strong", "push", "CIBA Push Journey"),
        ("unknown urn:bank:strong push", "urn:bank:strong", "Second"),
        (" push ", "push", "CIBA Push Journey"),
        ("unknown", "", "CIBA Push Journey"),
        ("PUSH", "", "CIBA Push Journey"),
        ("£", "", "CIBA Push Journey"),
        ("x" * 2000, "", "CIBA Push Journey"),
        (" ", "", "CIBA Push Journey"),
        (None, "", "CIBA Push Journey"),
    ],
)
@pytest.mark.usefixtures("second_journey")
def test_the_first_value_that_is_mapped_wins(
    rp: RelyingParty, asked: str | None, acr: str, journey: str
) -> None:
    row = find(accepted(rp.authenticate(acr_values=asked)))
    assert row.acr == acr
    assert row.journey_version.journey.name == journey


@pytest.mark.requirement("Protocol", "3", row="acr_values")
@pytest.mark.parametrize("asked", [None, "", "unknown", "unknown PUSH"])
def test_a_realm_may_demand_a_mapped_value(
    rp: RelyingParty, realm: Realm, asked: str | None
) -> None:
    change_realm(realm, require_mapped_acr=True)
    words = "acr_values must hold one of acr_values_supported"
    refused(rp.authenticate(acr_values=asked), "invalid_request", words)
    accepted(rp.authenticate(acr_values="unknown push"))


@pytest.mark.requirement("Protocol", "3", row="acr_values")
def test_a_mapping_of_another_realm_is_none_of_ours(
    relying_party: RelyingParties, realm: Realm
) -> None:
    alpha = make_realm("alpha", realm)
    journey = Journey.objects.get(realm=alpha)
    AcrMapping.objects.create(realm=alpha, acr="alpha only", journey=journey)
    AcrMapping.objects.create(realm=alpha, acr="alpha", journey=journey)
    assert find(accepted(relying_party().authenticate(acr_values="alpha"))).acr == ""
    rp = relying_party(realm=alpha)
    assert find(accepted(rp.authenticate(acr_values="alpha"))).acr == "alpha"


@pytest.mark.requirement("Protocol", "3", row="acr_values")
def test_a_realm_without_any_journey_is_a_fault_of_ours(rp: RelyingParty, realm: Realm) -> None:
    realm.default_journey = None
    realm.save()
    words = "the provider has no journey for this request"
    refused(rp.authenticate(), "server_error", words, status=500)
    accepted(rp.authenticate(acr_values="push"))


# --- binding_message ---------------------------------------------------------------------------


@pytest.mark.requirement("PingAM", "bc-authorize", row="binding_message")
@pytest.mark.requirement("CIBA Core", "7.1", row="binding_message")
@pytest.mark.parametrize(
    "message",
    [
        "Allow ExampleBank to transfer £50 from 'Main' to 'Savings'? (EB-0246326)",
        "W4SCT",
        "1",
        "£50",
        "€ 5",
        "$5 to Bob",
        "₾20",
        "(EB-1)",
        "+5",
        "#7",
        "¿Pagar 5 €?",
        "«Да»",
        "Überweisung",
        "Y\u0301es",  # an accent of its own
        "გადარიცხვა 50 ₾",
        "支払い 5,000円",
        "دفع ٥٠ ريال",  # noqa: RUF001
        "می\u200cخواهم",  # noqa: RUF001 - Persian needs the joiner's opposite
        "क्\u200dष",  # and Devanagari the joiner
        "Pay\u00a05",
        "Pizza 🍕",
        "x" * 100,
        "🍕".join("x" * 50) + "x",
    ],
)
def test_a_message_in_any_script_is_kept_as_it_is(rp: RelyingParty, message: str) -> None:
    assert find(accepted(rp.authenticate(binding_message=message))).binding_message == message


@pytest.mark.requirement("PingAM", "bc-authorize", row="binding_message")
@pytest.mark.parametrize("message", ["x" * 101, "🍕" * 101, "x" * 10_000])
@pytest.mark.parametrize("signed", [True, False])
def test_a_message_of_more_than_100_characters_is_refused(
    relying_party: RelyingParties, message: str, signed: bool
) -> None:
    rp = relying_party(require_signed_request_object=signed)
    answer = rp.authenticate(binding_message=message)
    refused(answer, "invalid_binding_message", "more than 100 characters")


@pytest.mark.requirement("PingAM", "bc-authorize", row="binding_message")
@pytest.mark.parametrize(
    "message",
    [" x", "\u00a0x", "\u3000x", "\nx", "\0x", "🍕", "©", "→", "\u0301e", "\u200dx", "\u202ex"],
    ids=ascii,
)
def test_a_message_begins_with_a_letter_number_or_punctuation_mark(
    rp: RelyingParty, message: str
) -> None:
    words = "must begin with a letter, number or punctuation mark"
    refused(rp.authenticate(binding_message=message), "invalid_binding_message", words)


UNSEEN = [
    *"\0\t\n\r\x0b\x0c\x1b\x7f\x85\u2028\u2029",
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    *"\u00ad\u180e\u200b\u2060\u2063\ufeff\ufff9\U000e0041",
    *"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0",
    *"\ue000\U000f0000\u0378\ufdd0\uffff\U0010ffff",
]


@pytest.mark.requirement("PingAM", "bc-authorize", row="binding_message")
@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_cannot_be_seen_or_shows_as_something_else_is_refused(
    rp: RelyingParty, character: str
) -> None:
    words = "holds a line break, control or invisible character"
    for message in (f"Pay {character}5", f"Pay 5{character}"):
        refused(rp.authenticate(binding_message=message), "invalid_binding_message", words)


@pytest.mark.requirement("Protocol", "3", row="binding_message")
@pytest.mark.parametrize(
    "message", ["a\u200db", "5\u200c0", "x\u200d", "می\u200c", "می\u200cx", "x\u200cمی"], ids=ascii
)
def test_a_joiner_stands_between_letters_that_it_joins_or_nowhere(
    rp: RelyingParty, message: str
) -> None:
    words = "holds a line break, control or invisible character"
    refused(rp.authenticate(binding_message=message), "invalid_binding_message", words)


@pytest.mark.requirement("Protocol", "3", row="binding_message")
def test_a_tower_of_marks_that_covers_other_lines_is_refused(rp: RelyingParty) -> None:
    answer = rp.authenticate(binding_message="Pay e" + "\u0301" * 5)
    refused(answer, "invalid_binding_message", "stacks too many marks on one letter")
    accepted(rp.authenticate(binding_message="Pay e" + "\u0301" * 4 + "e" + "\u0301" * 4))


@pytest.mark.requirement("Protocol", "3", row="binding_message")
def test_a_realm_may_narrow_it_by_a_pattern(rp: RelyingParty, realm: Realm) -> None:
    change_realm(realm, binding_message_pattern=r"[A-Z0-9-]{1,20}")
    accepted(rp.authenticate(binding_message="EB-0246326"))
    accepted(rp.authenticate(binding_message=None))
    for message in ("Pay 5", "EB-1 x", "X" * 21):
        answer = rp.authenticate(binding_message=message)
        words = "does not fit this provider's displays"
        refused(answer, "invalid_binding_message", words, stored=2)


@pytest.mark.requirement("CIBA Core", "7.1", row="binding_message")
def test_a_request_may_come_without_a_message(rp: RelyingParty) -> None:
    assert find(accepted(rp.authenticate(binding_message=None))).binding_message == ""
    assert find(accepted(rp.authenticate(binding_message=""))).binding_message == ""


# --- requested_expiry --------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1", row="requested_expiry")
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (None, 600),
        ("", 600),
        (120, 120),
        ("120", 120),
        ("0120", 120),
        (10, 10),
        (9, 10),
        (1, 10),
        ("1", 10),
        (1800, 1800),
        (1801, 1800),
        ("86400", 1800),
        (2**31, 1800),
        (2**63, 1800),
        (str(2**63), 1800),
        (10**4000, 1800),
        ("9" * 5000, 1800),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_the_lifetime_is_what_was_asked_for_within_the_bounds(
    rp: RelyingParty, asked: Any, given: int
) -> None:
    answer = rp.authenticate(requested_expiry=asked)
    row = find(accepted(answer))
    assert answer.json()["expires_in"] == given
    assert (row.expires_at - row.created_at).total_seconds() == given


@pytest.mark.requirement("CIBA Core", "7.1", row="requested_expiry")
def test_the_bounds_and_the_default_are_the_realms_own(rp: RelyingParty, realm: Realm) -> None:
    change_realm(
        realm,
        auth_req_id_lifetime=90,
        auth_req_id_lifetime_min=60,
        auth_req_id_lifetime_max=300,
        **ASKED_OFTEN,
    )
    given = {
        asked: rp.authenticate(requested_expiry=asked).json()["expires_in"]
        for asked in (None, 1, 60, 61, 300, 301)
    }
    assert given == {None: 90, 1: 60, 60: 60, 61: 61, 300: 300, 301: 300}


@pytest.mark.requirement("CIBA Core", "7.1", row="requested_expiry")
@pytest.mark.parametrize(
    "asked",
    [
        0,
        -1,
        "0",
        "00",
        "-1",
        "+1",
        " 60",
        "60 ",
        "60\n",
        "1_0",
        "60.0",
        "1e2",
        "0x10",
        "٦٠",
        "60s",
        60.0,
        1e300,
        True,
        False,
        [60],
        [],
        {"seconds": 60},
    ],
    ids=ascii,
)
def test_a_lifetime_that_is_no_positive_whole_number_is_refused(
    rp: RelyingParty, asked: Any
) -> None:
    words = "requested_expiry must be a positive whole number of seconds"
    refused(rp.authenticate(requested_expiry=asked), "invalid_request", words)


# --- user_code ---------------------------------------------------------------------------------


@pytest.fixture
def careful(relying_party: RelyingParties, alice: AbstractBaseUser) -> RelyingParty:
    """A client that is registered for user codes; Alice has one."""
    code = UserCode(user=alice)  # type: ignore[misc]
    code.set_code("4711")
    code.save()
    return relying_party(backchannel_user_code_parameter=True)


MISSING = "this user has a user_code: ask for it and send it"
WRONG = "user_code is wrong, or locked for a while after wrong ones"


@pytest.mark.requirement("CIBA Core", "7.1.2")
def test_the_right_user_code_is_taken(careful: RelyingParty) -> None:
    accepted(careful.authenticate(user_code="4711"))


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("code", [None, ""])
def test_a_user_code_that_is_needed_and_absent_is_missing_user_code(
    careful: RelyingParty, code: str | None
) -> None:
    refused(careful.authenticate(user_code=code), "missing_user_code", MISSING)


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("code", ["4712", "4711 ", "04711", "٤٧١١", "x" * 5000])
def test_a_wrong_user_code_is_invalid_user_code(careful: RelyingParty, code: str) -> None:
    refused(careful.authenticate(user_code=code), "invalid_user_code", WRONG)


@pytest.mark.requirement("CIBA Core", "7.1.2")
@pytest.mark.parametrize("code", [4711, True, ["4711"], {"code": "4711"}])
def test_a_user_code_is_a_text(careful: RelyingParty, code: Any) -> None:
    answer = careful.authenticate(user_code=code)
    refused(answer, "invalid_request", "user_code must be a string")


@pytest.mark.requirement("CIBA Core", "7.1.2")
@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("code", [None, "wrong", 1])
def test_a_client_that_is_not_registered_for_it_needs_none_and_none_is_looked_at(
    relying_party: RelyingParties, code: Any
) -> None:
    accepted(relying_party(client_id="other").authenticate(user_code=code))


@pytest.mark.requirement("CIBA Core", "7.1.2")
def test_a_user_who_has_set_none_needs_none(relying_party: RelyingParties) -> None:
    rp = relying_party(backchannel_user_code_parameter=True)
    accepted(rp.authenticate())
    accepted(rp.authenticate(user_code="whatever"))


@pytest.mark.requirement("Protocol", "3", row="user_code")
def test_five_wrong_codes_lock_the_right_one_out_for_a_while(careful: RelyingParty) -> None:
    with at():
        for _ in range(5):
            refused(careful.authenticate(user_code="0000"), "invalid_user_code", WRONG)
        refused(careful.authenticate(user_code="4711"), "invalid_user_code", WRONG)
    with at(899):
        refused(careful.authenticate(user_code="4711"), "invalid_user_code", WRONG)
    with at(900):
        accepted(careful.authenticate(user_code="4711"))


@pytest.mark.requirement("Protocol", "3", row="user_code")
def test_a_right_code_takes_the_count_of_wrong_ones_back(careful: RelyingParty) -> None:
    for stored in range(3):
        for _ in range(4):
            answer = careful.authenticate(user_code="0000")
            refused(answer, "invalid_user_code", WRONG, stored=stored)
        accepted(careful.authenticate(user_code="4711"))


@pytest.mark.requirement("Protocol", "3", row="user_code")
def test_a_missing_or_mistyped_code_is_no_failure(careful: RelyingParty) -> None:
    for _ in range(6):
        refused(careful.authenticate(), "missing_user_code")
        refused(careful.authenticate(user_code=4711), "invalid_request")
    accepted(careful.authenticate(user_code="4711"))


@pytest.mark.requirement("Protocol", "3", row="user_code")
def test_the_count_of_wrong_codes_outlives_atomic_requests(
    careful: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    refused(careful.authenticate(user_code="0000"), "invalid_user_code", WRONG)
    assert UserCode.objects.get().failures == 1


@pytest.mark.requirement("Protocol", "3", row="hide_unknown_users")
@pytest.mark.parametrize("code", [None, "0000"])
@pytest.mark.parametrize("hint", ["alice", "nobody"])
def test_a_client_that_must_not_learn_who_exists_learns_it_by_no_user_code(
    careful: RelyingParty, hint: str, code: str | None
) -> None:
    careful.client.hide_unknown_users = True
    careful.client.save()
    row = find(accepted(careful.authenticate(login_hint=hint, user_code=code)))
    assert row.user is None
    assert row.deliveries.count() == 0
    assert find(accepted(careful.authenticate(user_code="4711"))).user is not None


# --- the rest ----------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1", row="client_notification_token")
@pytest.mark.parametrize("token", ["8d67dc78-7faa-4d41-aabd-67707b374255", "£", "", 1, [], "\0"])
def test_a_poll_clients_notification_token_is_ignored(rp: RelyingParty, token: Any) -> None:
    row = find(accepted(rp.authenticate(client_notification_token=token)))
    assert row.client_notification_token == ""


@pytest.mark.requirement("OIDC Core", "3.1.2.1", row="ui_locales")
@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("ka", "ka"),
        ("ka de-CH-1996 en", "ka de-CH-1996 en"),
        ("de, en;q=0.5", ""),
        ("not_a_tag en", "en"),
        ("£ <script> en", "en"),
        ("x" * 5000, ""),
        ("en " * 500, ""),
    ],
    ids=lambda value: value[:20],
)
def test_locales_are_kept_in_order_and_what_is_none_is_left_out(
    rp: RelyingParty, asked: str, kept: str
) -> None:
    assert find(accepted(rp.authenticate(ui_locales=asked))).ui_locales == kept
