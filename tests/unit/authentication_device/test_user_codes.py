"""The page of the user code."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.models import UserCode
from tests.unit.authentication_device.conftest import failed_logins, signed_in

pytestmark = pytest.mark.django_db

PAGE = "/ciba/user-code/"
GOOD = {"password": "alice's password", "code": "blue42", "code_again": "blue42"}


def code_of(user: User) -> UserCode | None:
    return UserCode.objects.filter(user_id=user.pk).first()


def given_code(user: User, code: str = "first1") -> UserCode:
    stored = UserCode(user_id=user.pk)
    stored.set_code(code)
    stored.save()
    return stored


def save(browser: Client, **changes: Any) -> Any:
    return browser.post(PAGE, GOOD | changes | {"save": "1"})


def test_the_page_explains_and_says_that_there_is_none(browser: Client) -> None:
    text = browser.get(PAGE).content.decode()
    assert "You have no user code." in text
    assert "keeps strangers who know your name or number" in text
    assert "Remove user code" not in text


def test_a_code_is_set_as_a_hash(browser: Client, alice: User) -> None:
    answer = save(browser)
    assert (answer.status_code, answer["Location"]) == (303, f"{PAGE}?done=saved")
    stored = code_of(alice)
    assert stored is not None
    assert "blue42" not in stored.code_hash
    assert stored.accepts("blue42", timezone.now())
    text = browser.get(answer["Location"]).content.decode()
    assert "Your new user code is saved." in text
    assert "You have a user code." in text
    assert "blue42" not in text


def test_a_changed_code_replaces_the_old_one_and_unlocks(browser: Client, alice: User) -> None:
    now = timezone.now()
    old = given_code(alice)
    UserCode.objects.filter(pk=old.pk).update(failures=5, locked_until=now + timedelta(hours=1))
    assert "is locked until" in browser.get(PAGE).content.decode()
    assert save(browser).status_code == 303
    stored = code_of(alice)
    assert stored is not None
    assert (stored.pk, stored.failures, stored.locked_until) == (old.pk, 0, None)
    assert stored.accepts("blue42", now)
    assert not stored.accepts("first1", now)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"password": "wrong"}, "This is not your password."),
        ({"password": ""}, "This field is required."),
        ({"code": "abc", "code_again": "abc"}, "at least 4 characters"),
        ({"code": "a1" * 33, "code_again": "a1" * 33}, "at most 64 characters"),
        ({"code_again": "blue43"}, "The two codes differ. Enter the same code twice."),
        ({"code": "7777", "code_again": "7777"}, "more than one repeated character"),
        ({"code": "Alice", "code_again": "Alice"}, "a code that is not your user name"),
        (
            {"code": "alice's password", "code_again": "alice's password"},
            "a code that is not your password",
        ),
        ({"code": "blue\x0042", "code_again": "blue\x0042"}, "Null characters are not allowed."),
    ],
    ids=[
        "wrong password",
        "no password",
        "short",
        "long",
        "different",
        "repeated",
        "user name",
        "password",
        "nul",
    ],
)
def test_a_bad_form_says_what_to_change_and_saves_nothing(
    browser: Client, alice: User, changes: dict[str, str], says: str
) -> None:
    answer = save(browser, **changes)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert says in text
    assert 'aria-invalid="true"' in text
    assert "<title>Not saved" in text
    assert code_of(alice) is None


def test_no_value_is_shown_again(browser: Client) -> None:
    text = save(browser, code_again="other99").content.decode()
    for secret in ("blue42", "other99", "alice&#x27;s password"):
        assert secret not in text


def test_four_characters_are_enough(browser: Client, alice: User) -> None:
    assert save(browser, code="4711", code_again="4711").status_code == 303
    assert code_of(alice) is not None


def test_a_user_who_has_no_password_here_is_not_asked_for_it(alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    browser = Client()
    browser.force_login(alice)
    assert 'name="password"' not in browser.get(PAGE).content.decode()
    assert browser.post(PAGE, {"code": "blue42", "code_again": "blue42"}).status_code == 303
    assert code_of(alice) is not None


def test_a_code_is_removed(browser: Client, alice: User) -> None:
    given_code(alice)
    answer = browser.post(PAGE, {"remove": "1", "remove-password": "alice's password"})
    assert (answer.status_code, answer["Location"]) == (303, f"{PAGE}?done=removed")
    assert code_of(alice) is None
    assert "Your user code is removed." in browser.get(answer["Location"]).content.decode()


def test_a_code_is_not_removed_without_the_password(browser: Client, alice: User) -> None:
    given_code(alice)
    answer = browser.post(PAGE, {"remove": "1", "remove-password": "wrong"})
    assert answer.status_code == 422
    assert "This is not your password." in answer.content.decode()
    assert code_of(alice) is not None


@pytest.mark.parametrize(
    "sent",
    [GOOD | {"password": "wrong", "save": "1"}, {"remove": "1", "remove-password": "wrong"}],
    ids=["save", "remove"],
)
def test_a_wrong_password_is_a_failed_login_like_any_other(
    browser: Client, alice: User, sent: dict[str, str]
) -> None:
    """django-axes and its like count what this signal says."""
    given_code(alice)
    with failed_logins() as failures:
        answer = browser.post(PAGE, sent)
    assert answer.status_code == 422
    assert "This is not your password." in answer.content.decode()
    assert failures == [("alice", PAGE)]


def test_another_users_password_is_wrong(browser: Client, bob: User) -> None:
    answer = save(browser, password="bob's password", username="bob")
    assert answer.status_code == 422
    assert "This is not your password." in answer.content.decode()


def test_a_right_password_is_no_failed_login(browser: Client) -> None:
    with failed_logins() as failures:
        assert save(browser).status_code == 303
    assert failures == []


def test_nobody_touches_another_users_code(browser: Client, alice: User, bob: User) -> None:
    bobs = given_code(bob)
    save(browser)
    browser.post(PAGE, {"remove": "1", "remove-password": "alice's password"})
    assert code_of(alice) is None
    kept = code_of(bob)
    assert kept is not None
    assert kept.code_hash == bobs.code_hash


def test_a_code_needs_a_login_and_the_csrf_token(alice: User) -> None:
    anonymous = Client()
    assert anonymous.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
    assert "You are signed out" in anonymous.post(PAGE, GOOD).content.decode()
    assert signed_in(alice, enforce_csrf_checks=True).post(PAGE, GOOD).status_code == 403
    assert code_of(alice) is None


def test_the_word_in_the_address_is_one_of_ours(browser: Client) -> None:
    text = browser.get(PAGE, {"done": "<b>you won</b>"}).content.decode()
    assert "you won" not in text
