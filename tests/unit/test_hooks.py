"""Who a hint means, on this site's user model and on others, and what a site may decide itself."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import Q

from django_ciba.hooks import CibaHooks, _comparison, hooks
from django_ciba.models import Client
from django_ciba.protocol.hints import PlainHint, SubjectIdentifier
from tests.provider import make_client, make_realm

ROOT = Path(__file__).parents[2]
ISSUER = "https://op.example.com/oauth2"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.DJANGO_CIBA = {"ISSUER": ISSUER}


@pytest.fixture
def client(db: None) -> Client:
    return make_client(make_realm())[0]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.com", first_name="Alice")


def found(client: Client, hint: str) -> AbstractBaseUser | None:
    return CibaHooks().find_user(PlainHint(hint), client)


def named(client: Client, name: str, **members: str) -> AbstractBaseUser | None:
    return CibaHooks().find_user(SubjectIdentifier(name, members), client)


# --- plain hints --------------------------------------------------------------------------------


def test_a_user_name_an_address_and_a_primary_key_mean_the_user(
    client: Client, alice: User
) -> None:
    for hint in ("alice", "alice@example.com", str(alice.pk)):
        assert found(client, hint) == alice, hint


def test_an_address_is_found_in_any_case_and_a_user_name_only_in_its_own(
    client: Client, alice: User
) -> None:
    assert found(client, "Alice@Example.COM") == alice
    assert found(client, "ALICE") is None


@pytest.mark.parametrize("hint", ["bob", "alice@example.org", "alice%", "al_ce", "4711", " alice"])
def test_a_hint_that_fits_nobody_means_nobody(client: Client, alice: User, hint: str) -> None:
    assert found(client, hint) is None


def test_an_empty_hint_means_nobody_not_even_the_one_without_an_address(client: Client) -> None:
    User.objects.create_user("bob", email="")
    assert found(client, "") is None
    assert named(client, "account", uri="acct:") is None
    assert named(client, "email", email="") is None
    assert CibaHooks().user_for_subject("", client) is None


@pytest.mark.parametrize(
    "spelling",
    [
        "{:+d}",
        "0{}",
        " {}",
        "{} ",
        "{}.0",
        "{}_0",
        "-{}",
        "{:#x}",
        "{}e0",
    ],
)
def test_a_primary_key_has_one_spelling(client: Client, alice: User, spelling: str) -> None:
    assert found(client, spelling.format(alice.pk)) is None


@pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u0966", "\U0001d7d8"])
def test_digits_of_other_scripts_are_no_primary_key(client: Client, alice: User, zero: str) -> None:
    hint = "".join(chr(ord(zero) + int(digit)) for digit in str(alice.pk))
    assert int(hint) == alice.pk
    assert found(client, hint) is None


@pytest.mark.parametrize(
    "number",
    [2**31, 2**32, 2**63 - 1, 2**63, 2**64 + 1, 10**100, -1, -(2**63) - 1],
    ids=str,
)
def test_a_number_that_no_column_holds_means_nobody(
    client: Client, alice: User, number: int
) -> None:
    assert found(client, str(number)) is None
    assert CibaHooks().user_for_subject(str(number), client) is None


def test_a_number_longer_than_python_reads_means_nobody(client: Client, alice: User) -> None:
    assert CibaHooks().user_for_subject("9" * 5000, client) is None


def test_a_hint_that_fits_two_means_nobody(client: Client, alice: User) -> None:
    User.objects.create_user("alice@example.com", "eve@example.com")
    assert found(client, "alice@example.com") is None
    assert found(client, "alice") == alice


def test_a_user_who_calls_himself_by_anothers_key_is_not_taken_for_her(
    client: Client, alice: User
) -> None:
    User.objects.create_user(str(alice.pk), "eve@example.com")
    assert found(client, str(alice.pk)) is None
    assert CibaHooks().user_for_subject(str(alice.pk), client) == alice


def test_two_who_share_an_address_are_nobody(client: Client, alice: User) -> None:
    User.objects.create_user("alice2", "ALICE@example.com")
    assert found(client, "alice@example.com") is None
    assert named(client, "email", email="Alice@example.com") is None


def test_one_user_whom_a_hint_fits_twice_is_one_user(client: Client) -> None:
    bob = User.objects.create_user("bob@example.com", "bob@example.com")
    assert found(client, "bob@example.com") == bob


def test_the_fields_are_the_sites_choice(client: Client, alice: User, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "LOGIN_HINT_FIELDS": ["first_name"]}
    assert found(client, "Alice") == alice
    assert found(client, "alice") is None
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "LOGIN_HINT_FIELDS": []}
    assert found(client, "Alice") is None


def test_a_hint_costs_one_statement(
    client: Client, alice: User, django_assert_num_queries: Any
) -> None:
    for hint in ("alice", "nobody", str(2**70)):
        with django_assert_num_queries(1):
            found(client, hint)


# --- subject identifiers ------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9493", "3.2")
def test_the_formats_that_this_user_model_can_answer(client: Client, alice: User) -> None:
    assert named(client, "email", email="Alice@example.com") == alice
    assert named(client, "opaque", id=str(alice.pk)) == alice
    assert named(client, "account", uri="acct:alice@example.com") == alice
    assert named(client, "account", uri="ACCT:alice@example.com") == alice
    assert named(client, "iss_sub", iss=ISSUER, sub=str(alice.pk)) == alice
    assert named(client, "iss_sub", iss=f"{ISSUER}/", sub=str(alice.pk)) == alice


def test_formats_that_mean_nobody_here(client: Client, alice: User) -> None:
    assert named(client, "phone_number", phone_number="+447700900123") is None
    assert named(client, "msisdn", msisdn="447700900123") is None
    assert named(client, "personal_number", personal_number="01001012345") is None
    assert named(client, "account", uri="mailto:alice@example.com") is None
    assert named(client, "account", uri="alice@example.com") is None
    assert named(client, "iss_sub", iss="https://elsewhere.example", sub=str(alice.pk)) is None
    assert named(client, "opaque", id="alice") is None
    assert named(client, "something", new="alice") is None


def test_the_issuer_that_counts_is_the_clients_realms(client: Client, alice: User) -> None:
    below = make_client(make_realm("alpha", client.realm))[0]
    sub = str(alice.pk)
    assert named(below, "iss_sub", iss=f"{ISSUER}/realms/root/realms/alpha", sub=sub) == alice
    assert named(below, "iss_sub", iss=ISSUER, sub=sub) is None


# --- other user models --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("username", "Alice", Q(username="Alice")),
        ("email", "Alice@x", Q(email__iexact="Alice@x")),
        ("pk", "7", Q(id=7)),
        ("id", "7", Q(id=7)),
        ("pk", "seven", None),
        ("phone_number", "+44", None),
        ("groups", "7", None),
        ("logentry", "7", None),
        ("is_active", "True", Q(is_active=True)),
        ("is_active", "1", None),
        ("last_login", "yesterday", None),
    ],
)
def test_what_a_field_is_compared_with(name: str, value: str, expected: Q | None) -> None:
    assert _comparison(User, name, value) == expected


SETTINGS = """
import os
os.environ.setdefault("CIBA_VAR", {folder!r})
from testproject.settings import *
INSTALLED_APPS = ["other_users", *(each for each in INSTALLED_APPS if each != "testproject.shop")]
AUTH_USER_MODEL = "other_users.Member"
DJANGO_CIBA = {{"ISSUER": {issuer!r}}}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
"""
MODELS = """
import uuid
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import BaseUserManager, PermissionsMixin
from django.db import models

class Member(AbstractBaseUser, PermissionsMixin):
    number = models.UUIDField(primary_key=True, default=uuid.uuid4)
    login = models.CharField(max_length=50, unique=True)
    mail = models.EmailField()
    mobile = models.CharField(max_length=20, blank=True)
    USERNAME_FIELD = "login"
    EMAIL_FIELD = "mail"
    objects = BaseUserManager()
"""
ASK = """
import json, sys, uuid
import django
django.setup()
from django.core.management import call_command
from django_ciba.hooks import CibaHooks
from django_ciba.models import Client, Realm
from django_ciba.protocol.hints import PlainHint, SubjectIdentifier
from other_users.models import Member
call_command("migrate", run_syncdb=True, verbosity=0)
member = Member.objects.create(
    number=uuid.UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
    login="alice", mail="Alice@example.com", mobile="+447700900123",
)
client = Client(realm=Realm(name="root", path="/"), client_id="shop")
ask = CibaHooks()
plain = json.loads(sys.argv[1])
formats = json.loads(sys.argv[2])
found = [ask.find_user(PlainHint(each), client) for each in plain]
found += [ask.find_user(SubjectIdentifier(name, members), client) for name, members in formats]
print(json.dumps({
    "found": [None if each is None else str(each.pk) for each in found],
    "subject": ask.subject(member, client),
    "again": str(ask.user_for_subject(ask.subject(member, client), client).pk),
    "claims": ask.claims(member, {"openid", "profile", "email", "phone"}, client),
    "may": ask.may_sign_in(member),
}))
"""


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_a_user_model_with_names_and_keys_of_its_own(tmp_path: Path) -> None:
    """AUTH_USER_MODEL cannot be changed in a process that has loaded its models."""
    package = tmp_path / "other_users"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(MODELS)
    text = SETTINGS.format(folder=str(tmp_path), issuer=ISSUER)
    (tmp_path / "other_settings.py").write_text(text)
    number = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    fits = ["alice", "alice@EXAMPLE.com", number]
    fits_not = ["Alice", "3f2504e0", str(2**70), "alice@example.org", ""]
    formats = [
        ("email", {"email": "alice@example.com"}),
        ("account", {"uri": "acct:alice@example.com"}),
        ("phone_number", {"phone_number": "+447700900123"}),
        ("msisdn", {"msisdn": "+447700900123"}),
        ("opaque", {"id": number}),
        ("iss_sub", {"iss": ISSUER, "sub": number}),
    ]
    ran = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(fits + fits_not), json.dumps(formats)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "other_settings",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["found"] == [number] * 3 + [None] * 5 + [number] * 6
    assert (said["subject"], said["again"]) == (number, number)
    assert said["claims"] == {"preferred_username": "alice", "email": "Alice@example.com"}
    assert said["may"] is True


# --- the rest -----------------------------------------------------------------------------------


def test_claims_are_those_that_the_scopes_allow_without_blanks(client: Client, alice: User) -> None:
    ask = CibaHooks()
    assert ask.claims(alice, {"openid"}, client) == {}
    assert ask.claims(alice, {"openid", "email"}, client) == {"email": "alice@example.com"}
    assert ask.claims(alice, {"openid", "profile", "unknown"}, client) == {
        "name": "Alice",
        "given_name": "Alice",
        "preferred_username": "alice",
    }


def test_an_inactive_user_may_not_sign_in(alice: User) -> None:
    assert CibaHooks().may_sign_in(alice)
    alice.is_active = False
    assert not CibaHooks().may_sign_in(alice)


class ByNickname(CibaHooks):
    """A site's own."""


def test_the_sites_class_answers_one_instance_a_process(settings: Any) -> None:
    assert type(hooks()) is CibaHooks
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.ByNickname"}
    assert type(hooks()).__name__ == "ByNickname"
    assert hooks() is hooks()


@pytest.mark.parametrize("path", [f"{__name__}.ROOT", f"{__name__}.AbstractBaseUser"])
def test_a_path_to_something_else_is_refused(settings: Any, path: str) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": path}
    with pytest.raises(TypeError):
        hooks()
