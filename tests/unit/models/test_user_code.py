"""CIBA Core §7.1 user_code: hashed, compared slowly, locked after too many wrong ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.models import User

from django_ciba.models import UserCode

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CIBA Core", "7.1.2")]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def limits(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "USER_CODE_MAX_FAILURES": 3,
        "USER_CODE_LOCKOUT": 60,
    }


@pytest.fixture
def code(limits: None) -> UserCode:
    kept = UserCode(user=User.objects.create_user("alice"))
    kept.set_code("4711")
    kept.save()
    return kept


def read(code: UserCode) -> UserCode:
    return UserCode.objects.get(pk=code.pk)


def locked_by(code: UserCode, now: datetime, guesses: int) -> bool:
    """Whether it takes just so many wrong guesses to lock the code."""
    for _ in range(guesses):
        assert not read(code).is_locked(now)
        assert not code.accepts("0000", now)
    return read(code).is_locked(now)


def test_the_code_is_stored_as_a_slow_hash_only(code: UserCode, settings: Any) -> None:
    assert "4711" not in code.code_hash
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    code.set_code("4711")
    assert identify_hasher(code.code_hash).algorithm == "pbkdf2_sha256"
    assert "4711" not in str(code)


def test_the_right_code_is_right_each_time(code: UserCode) -> None:
    for _ in range(5):
        assert code.accepts("4711", NOON)


@pytest.mark.parametrize("wrong", ["", "471", "47110", "\uff14\uff17\uff11\uff11", " 4711", "0000"])
def test_anything_else_is_wrong(code: UserCode, wrong: str) -> None:
    assert not code.accepts(wrong, NOON)
    assert read(code).failures == 1


def test_wrong_ones_in_a_row_lock_the_code_even_for_the_right_one(code: UserCode) -> None:
    assert locked_by(code, NOON, 3)
    assert not code.accepts("4711", NOON)
    end = NOON + timedelta(seconds=60)
    assert read(code).locked_until == end
    assert not code.accepts("4711", end - MOMENT)
    assert code.accepts("4711", end)
    assert (read(code).failures, read(code).locked_until) == (0, None)


def test_guesses_while_it_is_locked_do_not_lock_it_for_longer(code: UserCode) -> None:
    assert locked_by(code, NOON, 3)
    for second in range(59):
        assert not code.accepts("0000", NOON + timedelta(seconds=second))
    assert code.accepts("4711", NOON + timedelta(seconds=60))


def test_the_right_one_takes_the_count_back(code: UserCode) -> None:
    for _ in range(4):
        assert not code.accepts("0000", NOON)
        assert not code.accepts("0000", NOON)
        assert code.accepts("4711", NOON)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_after_each_lockout_there_are_no_more_guesses_than_before_it(
    code: UserCode, settings: Any, limit: int
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "USER_CODE_MAX_FAILURES": limit}
    now = NOON
    for lockout in range(4):
        assert locked_by(code, now, limit), lockout
        now += timedelta(seconds=60)


def test_a_lower_limit_holds_for_those_who_have_failed_more_often(
    code: UserCode, settings: Any
) -> None:
    for _ in range(2):
        code.accepts("0000", NOON)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "USER_CODE_MAX_FAILURES": 2}
    for _ in range(2):
        code.accepts("0000", NOON)
    assert read(code).is_locked(NOON)


def test_a_new_code_unlocks(code: UserCode) -> None:
    assert locked_by(code, NOON, 3)
    code.set_code("0815")
    code.save()
    assert code.accepts("0815", NOON)
    assert not code.accepts("4711", NOON)


def test_a_stale_copy_does_not_forget_the_failures_of_others(code: UserCode) -> None:
    """Two processes hold the row; the count is the database's."""
    one, other = read(code), read(code)
    assert not one.accepts("0000", NOON)
    assert not other.accepts("0000", NOON)
    assert not one.accepts("0000", NOON)
    assert not other.accepts("4711", NOON)
    assert read(code).is_locked(NOON)
