"""Who is meant: login_hint, id_token_hint, login_hint_token."""

import itertools
import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.hooks import CibaHooks
from django_ciba.jose import base64url, sign
from django_ciba.models import AuthenticationRequest, Client, Realm, SigningKey
from django_ciba.protocol.hints import UserHint
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused, tokens_of
from tests.provider import approve, find, key, make_realm, make_user
from tests.relying_party import RelyingParty, claims_of, compact

HINTS = ("login_hint", "id_token_hint", "login_hint_token")
ONE_HINT = f"send exactly one of {', '.join(HINTS)}"
ALPHA = f"{ISSUER}/realms/root/realms/alpha"


@pytest.fixture
def bob(db: None) -> AbstractBaseUser:
    return make_user("bob", first_name="Bob")


def asked(auth_req_id: str) -> str:
    """The name of the user whom that request asks."""
    user = find(auth_req_id).user
    return user.get_username() if user else ""


def nobody(answer: Any, hint: str) -> None:
    refused(answer, "unknown_user_id", f"{hint} names no user here")


class PhoneBook(CibaHooks):
    """A site that knows its users by telephone and personal number."""

    heard: list[UserHint] = []

    def find_user(self, hint: UserHint, client: Client) -> AbstractBaseUser | None:
        self.heard.append(hint)
        numbers = ("+995555000001", "01001011234")
        members = getattr(hint, "members", {})
        if any(value in numbers for value in members.values()):
            return get_user_model().objects.get(username="alice")
        return super().find_user(hint, client)


@pytest.fixture
def phone_book(settings: Any) -> type[PhoneBook]:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.PhoneBook"}
    PhoneBook.heard = []
    return PhoneBook


# --- exactly one -------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1")
@pytest.mark.parametrize("hints", [(), *itertools.combinations(HINTS, 2), HINTS], ids=" ".join)
@pytest.mark.parametrize("signed", [True, False])
def test_exactly_one_hint_is_taken(
    relying_party: RelyingParties, hints: tuple[str, ...], signed: bool
) -> None:
    rp = relying_party(require_signed_request_object=signed)
    changes: dict[str, Any] = {"login_hint": None, **dict.fromkeys(hints, "alice")}
    refused(rp.authenticate(**changes), "invalid_request", ONE_HINT)


@pytest.mark.requirement("CIBA Core", "7.1")
def test_the_number_of_hints_is_decided_before_any_user_is_looked_up(
    rp: RelyingParty, phone_book: type[PhoneBook]
) -> None:
    refused(rp.authenticate(id_token_hint="a.b.c"), "invalid_request", ONE_HINT)
    assert phone_book.heard == []
    accepted(rp.authenticate())
    assert len(phone_book.heard) == 1


@pytest.mark.requirement("RFC 6749", "3.1")
@pytest.mark.parametrize("signed", [True, False])
def test_an_empty_hint_counts_as_absent(relying_party: RelyingParties, signed: bool) -> None:
    rp = relying_party(require_signed_request_object=signed)
    accepted(rp.authenticate(id_token_hint="", login_hint_token=""))
    answer = rp.authenticate(login_hint="")
    refused(answer, "invalid_request", ONE_HINT, stored=1)


# --- login_hint: a string ----------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1")
@pytest.mark.usefixtures("bob", "asked_often")
def test_a_user_is_named_by_user_name_email_or_user_id(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    for hint in ("alice", "alice@example.com", "ALICE@Example.com", str(alice.pk)):
        assert asked(accepted(rp.authenticate(login_hint=hint))) == "alice"


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize(
    "hint",
    [
        "nobody",
        "Alice",
        "alice ",
        " alice",
        "alice@example.com\n",
        "0",
        "-1",
        "1e0",
        "٣",
        "9" * 19,
        "9" * 1000,
        "9223372036854775808",
        "%",
        "' OR '1'='1",
        "£",
        "🔑",
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_a_hint_that_fits_nobody_is_unknown_user_id(
    relying_party: RelyingParties, hint: str, signed: bool
) -> None:
    rp = relying_party(require_signed_request_object=signed)
    nobody(rp.authenticate(login_hint=hint), "login_hint")


@pytest.mark.requirement("CIBA Core", "13")
def test_the_number_of_a_user_has_one_spelling(rp: RelyingParty, alice: AbstractBaseUser) -> None:
    for hint in (f"0{alice.pk}", f"+{alice.pk}", f" {alice.pk}", f"{alice.pk}.0"):
        nobody(rp.authenticate(login_hint=hint), "login_hint")


@pytest.mark.requirement("CIBA Core", "7.1")
def test_a_hint_that_fits_two_users_fits_nobody(rp: RelyingParty) -> None:
    make_user("alice@example.com", email="other@example.com")
    nobody(rp.authenticate(login_hint="alice@example.com"), "login_hint")
    make_user("alice2", email="shared@example.com")
    make_user("alice3", email="Shared@example.com")
    nobody(rp.authenticate(login_hint="shared@example.com"), "login_hint")


@pytest.mark.requirement("CIBA Core", "7.1")
def test_the_site_chooses_the_fields_that_a_hint_is_compared_with(
    rp: RelyingParty, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "LOGIN_HINT_FIELDS": ["email"]}
    nobody(rp.authenticate(login_hint="alice"), "login_hint")
    accepted(rp.authenticate(login_hint="alice@example.com"))


@pytest.mark.requirement("CIBA Core", "7.1")
def test_a_hint_is_at_most_1000_characters_long(rp: RelyingParty) -> None:
    make_user("x" * 150)
    nobody(rp.authenticate(login_hint="x" * 1000), "login_hint")
    words = "login_hint must be a string of at most 1000 characters"
    refused(rp.authenticate(login_hint="x" * 1001), "invalid_request", words)


@pytest.mark.requirement("CIBA Core", "7.1")
@pytest.mark.parametrize("hint", ["ali\0ce", 7, 1.5, True, False, ["alice"], [], [{}]])
def test_a_hint_that_is_no_text_and_no_object_is_malformed(rp: RelyingParty, hint: Any) -> None:
    refused(rp.authenticate(login_hint=hint), "invalid_request", "login_hint must be a string")


# --- login_hint: an object ---------------------------------------------------------------------


def as_object_and_as_text(rp: RelyingParty, subject: dict[str, Any]) -> list[Any]:
    """The same subject as a claim that is an object, and as a claim that holds its JSON."""
    texts = (json.dumps(subject), f"  {json.dumps(subject, indent=1)}")
    return [rp.authenticate(login_hint=each) for each in (subject, *texts)]


@pytest.mark.requirement("RFC 9493", "3.2.1")
@pytest.mark.parametrize("uri", ["acct:alice@example.com", "ACCT:ALICE@example.com"])
def test_an_account_is_found_by_its_acct_uri(rp: RelyingParty, uri: str) -> None:
    for answer in as_object_and_as_text(rp, {"format": "account", "uri": uri}):
        assert asked(accepted(answer)) == "alice"


@pytest.mark.requirement("RFC 9493", "3.2.1")
@pytest.mark.parametrize(
    "uri", ["https://example.com/alice", "alice@example.com", "acct:", "acct:bob@example.com"]
)
def test_an_account_with_another_uri_is_nobody(rp: RelyingParty, uri: str) -> None:
    nobody(rp.authenticate(login_hint={"format": "account", "uri": uri}), "login_hint")


@pytest.mark.requirement("RFC 9493", "3.2.2")
@pytest.mark.parametrize("email", ["alice@example.com", "Alice@EXAMPLE.com"])
def test_a_subject_is_found_by_email(rp: RelyingParty, email: str) -> None:
    for answer in as_object_and_as_text(rp, {"format": "email", "email": email}):
        assert asked(accepted(answer)) == "alice"
    nobody_answer = rp.authenticate(login_hint={"format": "email", "email": "alice"})
    refused(nobody_answer, "unknown_user_id", stored=3)


@pytest.mark.requirement("RFC 9493", "3.2.3")
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_subject_is_found_by_issuer_and_sub_with_or_without_the_final_slash(
    rp: RelyingParty, alice: AbstractBaseUser, slash: str
) -> None:
    subject = {"format": "iss_sub", "iss": ISSUER + slash, "sub": str(alice.pk)}
    for answer in as_object_and_as_text(rp, subject):
        assert asked(accepted(answer)) == "alice"


@pytest.mark.requirement("RFC 9493", "3.2.3")
@pytest.mark.parametrize(
    "iss", ["https://other.example.com", "https://op.example.com", ALPHA, "/", "op.example.com"]
)
def test_a_subject_of_another_issuer_is_nobody(
    rp: RelyingParty, alice: AbstractBaseUser, iss: str
) -> None:
    subject = {"format": "iss_sub", "iss": iss, "sub": str(alice.pk)}
    nobody(rp.authenticate(login_hint=subject), "login_hint")


@pytest.mark.requirement("RFC 9493", "3.2.4")
def test_a_subject_is_found_by_an_opaque_id(rp: RelyingParty, alice: AbstractBaseUser) -> None:
    for answer in as_object_and_as_text(rp, {"format": "opaque", "id": str(alice.pk)}):
        assert asked(accepted(answer)) == "alice"


@pytest.mark.requirement("RFC 9493", "3.2.5")
def test_a_telephone_number_is_nobody_where_the_user_model_has_none(rp: RelyingParty) -> None:
    subject = {"format": "phone_number", "phone_number": "+995555000001"}
    nobody(rp.authenticate(login_hint=subject), "login_hint")


@pytest.mark.requirement("RFC 9493", "3.2.5")
@pytest.mark.requirement("TBC", "login_hint")
@pytest.mark.usefixtures("phone_book")
@pytest.mark.parametrize(
    "subject",
    [
        {"format": "phone_number", "phone_number": "+995555000001"},
        {"msisdn": "+995555000001"},
        {"personal_number": "01001011234"},
    ],
)
def test_the_sites_hook_finds_users_by_telephone_and_personal_number(
    rp: RelyingParty, subject: dict[str, Any]
) -> None:
    for answer in as_object_and_as_text(rp, subject):
        assert asked(accepted(answer)) == "alice"


@pytest.mark.requirement("RFC 9493", "3.2")
@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ({}, "needs a format"),
        ({"email": "alice@example.com"}, "needs a format"),
        ({"msisdn": "1", "personal_number": "2"}, "exactly one of personal_number, msisdn"),
        ({"msisdn": "1", "email": "alice@example.com"}, "exactly one of"),
        ({"format": None}, "the format of a subject is one of"),
        ({"format": "did", "url": "did:example:123456"}, "the format of a subject is one of"),
        ({"format": "aliases", "identifiers": []}, "the format of a subject is one of"),
        ({"format": ["email"], "email": "alice@example.com"}, "the format of a subject is one of"),
        ({"format": "EMAIL", "email": "alice@example.com"}, "the format of a subject is one of"),
        ({"format": "email"}, "the subject needs email as a non-empty string"),
        ({"format": "email", "email": ""}, "the subject needs email"),
        ({"format": "email", "email": None}, "the subject needs email"),
        ({"format": "email", "email": ["alice@example.com"]}, "the subject needs email"),
        ({"format": "email", "email": "alice\0@example.com"}, "the subject needs email"),
        ({"format": "email", "email": "x" * 1001}, "the subject needs email"),
        ({"format": "iss_sub", "iss": ISSUER}, "the subject needs sub"),
        ({"format": "iss_sub", "sub": "1"}, "the subject needs iss"),
        ({"format": "iss_sub", "iss": ISSUER, "sub": 1}, "the subject needs sub"),
        ({"format": "account"}, "the subject needs uri"),
        ({"format": "opaque", "id": True}, "the subject needs id"),
        ({"format": "phone_number", "phone_number": 995}, "the subject needs phone_number"),
        ({"msisdn": ""}, "the subject needs msisdn"),
        ({"msisdn": 995555000001}, "the subject needs msisdn"),
        ({"personal_number": {}}, "the subject needs personal_number"),
    ],
)
def test_a_malformed_subject_is_invalid_request_and_says_what_it_needs(
    rp: RelyingParty, subject: dict[str, Any], words: str
) -> None:
    for answer in as_object_and_as_text(rp, subject):
        refused(answer, "invalid_request", words)


@pytest.mark.requirement("RFC 8259", "4")
@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}x",
        '{"format": "email", "email": "alice@example.com"',
        "{'format': 'email'}",
        '{"format": "email", "format": "opaque", "email": "a@example.com", "id": "1"}',
        '{"format": NaN}',
        '{"a":' + "[" * 9_000 + "]" * 9_000 + "}",
    ],
    ids=range(7),
)
def test_a_hint_that_begins_like_an_object_must_be_one(
    relying_party: RelyingParties, text: str
) -> None:
    unsigned = relying_party(require_signed_request_object=False)
    refused(unsigned.authenticate(login_hint=text), "invalid_request", "JSON")


@pytest.mark.requirement("RFC 8259", "8.2")
def test_half_a_character_in_a_hint_is_refused(rp: RelyingParty) -> None:
    text = '{"format": "email", "email": "\\ud800"}'
    answer = rp.authenticate(login_hint=text)
    refused(answer, "invalid_request", "login_hint: JSON holds a lone surrogate")


# --- id_token_hint -----------------------------------------------------------------------------


def id_token(rp: RelyingParty) -> str:
    """An ID token that this client got from us."""
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    return str(rp.poll(auth_req_id).json()["id_token"])


def hinted_by(rp: RelyingParty, token: Any) -> Any:
    return rp.authenticate(login_hint=None, id_token_hint=token)


def our_key(realm: Realm, alg: str = "ES256") -> Any:
    return SigningKey.objects.get(realm=realm, alg=alg, state=SigningKey.State.CURRENT).private_key


def hint_claims(user: AbstractBaseUser, **changes: Any) -> dict[str, Any]:
    claims = {
        "iss": ISSUER,
        "aud": "shop",
        "sub": str(user.pk),
        "exp": NOW + 3600,
        "iat": NOW,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
@pytest.mark.usefixtures("bob")
def test_an_id_token_of_ours_names_its_subject(relying_party: RelyingParties, alg: str) -> None:
    rp = relying_party(id_token_signed_response_alg=alg)
    token = id_token(rp)
    assert asked(accepted(hinted_by(rp, token))) == "alice"
    unsigned = relying_party(client_id="unsigned", require_signed_request_object=False)
    answer = hinted_by(unsigned, token)
    refused(answer, "invalid_request", "that this issuer gave this client", stored=2)


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
def test_an_id_token_signed_by_a_retired_key_is_still_ours(rp: RelyingParty, realm: Realm) -> None:
    token = id_token(rp)
    SigningKey.objects.rotate(realm, "ES256", at_once=True)
    accepted(hinted_by(rp, token))


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "bank"},
        {"aud": ["bank", "pub"]},
        {"aud": None},
        {"aud": "SHOP"},
        {"iss": None},
        {"iss": f"{ISSUER}/"},
        {"iss": ALPHA},
        {"iss": [ISSUER]},
    ],
)
def test_an_id_token_for_another_client_or_of_another_issuer_is_refused(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser, changes: dict[str, Any]
) -> None:
    with at():
        answer = hinted_by(rp, sign(hint_claims(alice, **changes), our_key(realm)))
    refused(answer, "invalid_request", "an ID token that this issuer gave this client")


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
def test_an_id_token_may_have_other_audiences_beside_the_client(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser
) -> None:
    with at():
        accepted(hinted_by(rp, sign(hint_claims(alice, aud=["shop", "bank"]), our_key(realm))))


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
def test_an_id_token_of_another_realm_is_refused(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser
) -> None:
    alpha = make_realm("alpha", realm)
    with at():
        claims = hint_claims(alice)
        answer = hinted_by(rp, sign(claims, our_key(alpha)))
        refused(answer, "invalid_request", "id_token_hint: no registered key fits")
        nameless = compact({"alg": "ES256"}, claims, our_key(alpha))
        answer = hinted_by(rp, nameless)
        refused(answer, "invalid_request", "id_token_hint: the signature does not verify")


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
def test_an_id_token_that_the_client_signed_itself_is_refused(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    with at():
        answer = hinted_by(rp, compact({"alg": "ES256"}, hint_claims(alice), rp.key))
        refused(answer, "invalid_request", "id_token_hint: the signature does not verify")
        unsigned = compact({"alg": "none"}, hint_claims(alice))
        refused(hinted_by(rp, unsigned), "invalid_request", "id_token_hint: alg must be")


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
def test_an_expired_id_token_is_refused_unless_the_realm_takes_it(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser
) -> None:
    def hinted(exp: int | None) -> Any:
        return hinted_by(rp, sign(hint_claims(alice, exp=exp), our_key(realm)))

    with at():
        refused(hinted(NOW - 30), "invalid_request", "id_token_hint: claim exp lies in the past")
        refused(hinted(None), "invalid_request", "id_token_hint: claim exp is needed")
        accepted(hinted(NOW - 29))
        realm.settings = {"accept_expired_id_token_hint": True}
        realm.save()
        accepted(hinted(NOW - 30))
        accepted(hinted(NOW - 86_400))


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
@pytest.mark.parametrize("expired", [False, True])
def test_signed_userinfo_is_no_id_token(
    relying_party: RelyingParties, realm: Realm, expired: bool
) -> None:
    """It is signed by the same keys, for the same client, of the same subject."""
    realm.settings = {"accept_expired_id_token_hint": expired}
    realm.save()
    rp = relying_party(userinfo_signed_response_alg="ES256")
    userinfo = rp.userinfo(tokens_of(rp)["access_token"]).content.decode()
    answer = rp.authenticate(login_hint=None, id_token_hint=userinfo)
    refused(answer, "invalid_request", "id_token_hint: claim exp is needed", stored=1)


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("sub", [None, "", "0", "nobody", 1, ["1"], "1\0"])
def test_an_id_token_whose_subject_is_gone_is_unknown_user_id(
    rp: RelyingParty, realm: Realm, alice: AbstractBaseUser, sub: Any
) -> None:
    with at():
        answer = hinted_by(rp, sign(hint_claims(alice, sub=sub), our_key(realm)))
    nobody(answer, "id_token_hint")


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
@pytest.mark.parametrize("value", ["x", "a.b.c", "a.b.c.d.e", {"sub": "1"}, ["a"], 1, True])
def test_an_id_token_hint_that_is_no_jwt_is_refused(rp: RelyingParty, value: Any) -> None:
    refused(hinted_by(rp, value), "invalid_request", "hint")


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
def test_an_access_token_is_no_id_token(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    access_token = rp.poll(auth_req_id).json()["access_token"]
    answer = hinted_by(rp, access_token)
    refused(answer, "invalid_request", "id_token_hint: a signed JWT has three parts", stored=1)


# --- login_hint_token --------------------------------------------------------------------------

HINTER = "https://hints.example.org"


@pytest.fixture
def trusting(rp: RelyingParty, realm: Realm) -> RelyingParty:
    """A relying party of a realm that trusts one issuer of hints."""
    jwks = {"keys": [key("ES256", "hinter").public_jwk]}
    realm.settings = {"trusted_hint_issuers": [{"issuer": HINTER, "jwks": jwks}]}
    realm.save()
    return rp


def hint_token(name: str = "hinter", **changes: Any) -> str:
    claims = {
        "iss": HINTER,
        "aud": ISSUER,
        "exp": NOW + 300,
        "sub_id": {"format": "email", "email": "alice@example.com"},
        **changes,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return sign(present, key("ES256", name))


def hinted(rp: RelyingParty, token: Any) -> Any:
    with at():
        return rp.authenticate(login_hint=None, login_hint_token=token)


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
@pytest.mark.usefixtures("bob")
def test_a_trusted_issuer_names_the_user(trusting: RelyingParty, alice: AbstractBaseUser) -> None:
    subjects = [
        {"format": "email", "email": "alice@example.com"},
        {"format": "opaque", "id": str(alice.pk)},
        {"format": "iss_sub", "iss": ISSUER, "sub": str(alice.pk)},
    ]
    for subject in subjects:
        assert asked(accepted(hinted(trusting, hint_token(sub_id=subject)))) == "alice"


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
def test_a_trusted_issuers_own_sub_is_for_the_sites_hook_to_find(
    trusting: RelyingParty, phone_book: type[PhoneBook]
) -> None:
    accepted(hinted(trusting, hint_token(sub_id=None, sub="01001011234")))
    (hint,) = phone_book.heard
    assert getattr(hint, "members", {}) == {"iss": HINTER, "sub": "01001011234"}


@pytest.mark.requirement("CIBA Core", "13")
def test_a_sub_that_we_cannot_place_is_unknown_user_id(
    trusting: RelyingParty, alice: AbstractBaseUser
) -> None:
    nobody(hinted(trusting, hint_token(sub_id=None, sub=str(alice.pk))), "login_hint_token")
    stranger = {"format": "email", "email": "nobody@example.com"}
    nobody(hinted(trusting, hint_token(sub_id=stranger)), "login_hint_token")


@pytest.mark.requirement("CIBA Core", "13")
@pytest.mark.parametrize("exp", [NOW - 30, NOW - 3600, 0])
def test_an_expired_hint_token_has_an_error_of_its_own(trusting: RelyingParty, exp: int) -> None:
    answer = hinted(trusting, hint_token(exp=exp))
    refused(answer, "expired_login_hint_token", "login_hint_token has expired: get a new one")


@pytest.mark.requirement("CIBA Core", "13")
def test_a_hint_token_is_taken_to_the_last_second_of_the_leeway(trusting: RelyingParty) -> None:
    accepted(hinted(trusting, hint_token(exp=NOW - 29)))


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
def test_a_forged_hint_token_is_not_called_expired(trusting: RelyingParty) -> None:
    answer = hinted(trusting, hint_token("stranger", exp=NOW - 3600))
    refused(answer, "invalid_request", "login_hint_token: no registered key fits")


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": None}, "its iss is not trusted here"),
        ({"iss": "https://other.example.org"}, "its iss is not trusted here"),
        ({"iss": f"{HINTER}/"}, "its iss is not trusted here"),
        ({"iss": [HINTER]}, "its iss is not trusted here"),
        ({"iss": {}}, "its iss is not trusted here"),
        ({"exp": None}, "claim exp is needed"),
        ({"exp": True}, "claim exp must be a number"),
        ({"exp": "never"}, "claim exp must be a number"),
        ({"nbf": NOW + 31}, "claim nbf lies in the future"),
        ({"aud": None}, "aud must hold the issuer"),
        ({"aud": "shop"}, "aud must hold the issuer"),
        ({"aud": []}, "aud must be a string or a list of strings"),
        ({"sub_id": None}, "sub_id or sub must name the user"),
        ({"sub_id": None, "sub": ""}, "sub_id or sub must name the user"),
        ({"sub_id": None, "sub": 1}, "sub_id or sub must name the user"),
        ({"sub_id": None, "sub": "1\0"}, "sub_id or sub must name the user"),
        ({"sub_id": "alice"}, "sub_id or sub must name the user"),
        ({"sub_id": {}}, "needs a format"),
        ({"sub_id": {"format": "email"}}, "the subject needs email"),
    ],
)
def test_a_wrong_hint_token_says_what_is_wrong(
    trusting: RelyingParty, changes: dict[str, Any], words: str
) -> None:
    refused(hinted(trusting, hint_token(**changes)), "invalid_request", words)


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
@pytest.mark.parametrize("value", ["x", "a.b.c", "a.b.c.d.e", {"iss": HINTER}, ["a"], 1, True])
def test_a_login_hint_token_that_is_no_jwt_is_refused(trusting: RelyingParty, value: Any) -> None:
    refused(hinted(trusting, value), "invalid_request", "hint")


@pytest.mark.requirement("RFC 9068", "5")
@pytest.mark.parametrize("typ", ["at+jwt", "application/AT+JWT", "token-introspection+jwt"])
def test_another_jwt_of_the_trusted_issuer_is_no_hint(trusting: RelyingParty, typ: str) -> None:
    token = compact({"alg": "ES256", "typ": typ}, claims_of(hint_token()), key("ES256", "hinter"))
    refused(hinted(trusting, token), "invalid_request", "login_hint_token: typ does not say")


@pytest.mark.requirement("RFC 9068", "5")
def test_an_access_token_of_our_own_is_no_hint_where_a_realm_trusts_itself(
    relying_party: RelyingParties, realm: Realm
) -> None:
    rp = relying_party(access_token_format="jwt")
    value = tokens_of(rp)["access_token"]
    jwks = rp.http.get(f"{rp.mount}connect/jwk_uri").json()
    realm.settings = {"trusted_hint_issuers": [{"issuer": ISSUER, "jwks": jwks}]}
    realm.save()
    answer = rp.authenticate(login_hint=None, login_hint_token=value)
    refused(answer, "invalid_request", "login_hint_token: typ does not say", stored=1)


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
def test_where_nobody_is_trusted_no_hint_token_is_taken(rp: RelyingParty) -> None:
    refused(hinted(rp, hint_token()), "invalid_request", "its iss is not trusted here")


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
def test_the_client_cannot_sign_hint_tokens_for_the_trusted_issuer(trusting: RelyingParty) -> None:
    claims = {"iss": HINTER, "aud": ISSUER, "exp": NOW + 300, "sub": "alice"}
    token = compact({"alg": "ES256"}, claims, trusting.key)
    answer = hinted(trusting, token)
    refused(answer, "invalid_request", "login_hint_token: the signature does not verify")
    answer = hinted(trusting, compact({"alg": "none"}, claims))
    refused(answer, "invalid_request", "login_hint_token: alg must be")
    answer = hinted(trusting, compact({"alg": "HS256"}, claims, b"secret"))
    refused(answer, "invalid_request", "login_hint_token: alg must be")


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
def test_the_trust_of_one_realm_is_not_anothers_unless_it_lies_below(
    trusting: RelyingParty, relying_party: RelyingParties, realm: Realm
) -> None:
    below = relying_party(realm=make_realm("alpha", realm))
    accepted(hinted(below, hint_token(aud=ALPHA)))
    refused(
        hinted(below, hint_token(aud=ISSUER)),
        "invalid_request",
        "aud must hold the issuer",
        stored=1,
    )
    beta = make_realm("beta", realm, trusted_hint_issuers=[])
    refused(
        hinted(relying_party(realm=beta), hint_token(aud=beta.issuer)),
        "invalid_request",
        "its iss is not trusted here",
        stored=1,
    )


# --- who is there ------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "13")
def test_a_locked_account_is_access_denied_with_403(
    rp: RelyingParty, alice: AbstractBaseUser
) -> None:
    alice.is_active = False
    alice.save()
    refused(rp.authenticate(), "access_denied", "cannot be used", status=403)


@pytest.mark.requirement("Protocol", "3", row="hide_unknown_users")
def test_a_client_may_be_kept_from_learning_who_is_there(
    relying_party: RelyingParties, alice: AbstractBaseUser
) -> None:
    rp = relying_party(hide_unknown_users=True)
    known = rp.authenticate()
    unknown = rp.authenticate(login_hint="nobody")
    alice.is_active = False
    alice.save()
    locked = rp.authenticate()
    for answer in (unknown, locked):
        assert answer.status_code == 200
        assert {**answer.json(), "auth_req_id": ""} == {**known.json(), "auth_req_id": ""}
        auth_req_id = answer.json()["auth_req_id"]
        assert len(auth_req_id) == len(known.json()["auth_req_id"])
        assert asked(auth_req_id) == ""
        assert find(auth_req_id).deliveries.count() == 0
        assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"
    with at():
        late = accepted(rp.authenticate(login_hint="nobody"))
    with at(600):
        assert rp.poll(late).json()["error"] == "expired_token"
    malformed = rp.authenticate(login_hint={"format": "email"})
    assert malformed.json()["error"] == "invalid_request"
    assert AuthenticationRequest.objects.count() == 4


@pytest.mark.requirement("CIBA Core", "7.1")
def test_a_hint_token_with_a_payload_that_is_no_object_is_refused(trusting: RelyingParty) -> None:
    for payload in (b"[]", b'"x"', b"null", b"1"):
        token = compact({"alg": "ES256"}, payload, key("ES256", "hinter"))
        words = "login_hint_token: the JWT payload is not a JSON object"
        refused(hinted(trusting, token), "invalid_request", words)
    twice = base64url(b'{"iss":"a","iss":"b"}')
    answer = hinted(trusting, f"{base64url(b'{}')}.{twice}.")
    refused(answer, "invalid_request", "login_hint_token: ")
