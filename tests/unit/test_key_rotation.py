"""Scheduled rotation: KEY_ROTATION, one rotation however many workers look, no unread key signs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ciba.due import rotate_keys, rotate_keys_task
from django_ciba.models import Realm, SigningKey, configuration

State = SigningKey.State
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.get_default_timezone())
DAY = 86400
QUARTER = 90 * DAY


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "TASK_RUNNER": "none",
        "SIGNING_ALGS": ["ES256"],
        "KEY_ROTATION": QUARTER,
        "CONFIGURATION_MAX_AGE": 3600.0,
    }


@pytest.fixture
def realm(db: None) -> Realm:
    """A realm whose keys were made at noon."""
    with time_machine.travel(NOON, tick=False):
        made = Realm.objects.create(name="root")
        SigningKey.objects.ensure(made)
    return made


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def kids(realm: Realm, alg: str = "ES256") -> dict[str, str]:
    """State to key id, for the keys in use."""
    return {state: key.kid for state, key in SigningKey.objects.live(realm, alg).items()}


def rotated(seconds: float) -> int:
    """How many keys began to sign in a sweep so long after noon."""
    with time_machine.travel(after(seconds), tick=False):
        return rotate_keys()


def test_a_key_signs_for_as_long_as_the_setting_says(realm: Realm) -> None:
    first = kids(realm)
    assert rotated(QUARTER - 1) == 0
    assert kids(realm) == first
    assert rotated(QUARTER) == 1
    second = kids(realm)
    assert second["current"] == first["next"]
    assert second["next"] not in first.values()
    retired = SigningKey.objects.get(kid=first["current"])
    assert (retired.state, retired.retired_at) == (State.RETIRED, after(QUARTER))
    assert rotated(QUARTER + 1) == 0
    assert rotated(2 * QUARTER - 1) == 0
    assert rotated(2 * QUARTER) == 1
    assert kids(realm)["current"] == second["next"]


def test_without_the_setting_nothing_rotates(realm: Realm, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "KEY_ROTATION": None}
    assert rotated(100 * QUARTER) == 0


def test_a_realm_has_a_rhythm_of_its_own(realm: Realm) -> None:
    with time_machine.travel(NOON, tick=False):
        branch = Realm.objects.create(name="b", parent=realm, settings={"key_rotation": 7 * DAY})
        SigningKey.objects.ensure(branch)
    before = kids(realm)
    assert rotated(7 * DAY) == 1
    assert kids(realm) == before
    assert len(SigningKey.objects.filter(realm=branch)) == 3


def test_a_key_that_clients_may_not_have_read_does_not_sign_by_schedule(realm: Realm) -> None:
    """Its operator has retired the next key an hour ago: the new one waits for its day."""
    SigningKey.objects.filter(state=State.NEXT).update(created_at=after(QUARTER - 3600))
    before = kids(realm)
    assert rotated(QUARTER) == 0
    assert rotated(QUARTER - 3600 + DAY - 1) == 0
    assert kids(realm) == before
    assert rotated(QUARTER - 3600 + DAY) == 1
    assert kids(realm)["current"] == before["next"]


def test_a_missing_next_key_is_published_and_signs_when_its_time_has_come(realm: Realm) -> None:
    SigningKey.objects.filter(state=State.NEXT).delete()
    current = kids(realm)["current"]
    assert rotated(QUARTER) == 0
    made = kids(realm)
    assert made["current"] == current
    assert rotated(QUARTER + DAY - 1) == 0
    assert kids(realm) == made
    assert rotated(QUARTER + DAY) == 1
    assert kids(realm)["current"] == made["next"]


def test_a_next_key_that_is_lost_is_replaced_and_the_current_one_goes_on(realm: Realm) -> None:
    SigningKey.objects.filter(state=State.NEXT).update(private_pem="")
    before = kids(realm)
    assert rotated(QUARTER) == 0
    made = kids(realm)
    assert made["current"] == before["current"]
    assert made["next"] != before["next"]
    assert SigningKey.objects.get(kid=before["next"]).state == State.RETIRED
    assert rotated(QUARTER + DAY) == 1


def test_a_worker_that_comes_second_finds_nothing_due(realm: Realm) -> None:
    """Both saw that the rotation is due before either of them began."""
    moment = after(QUARTER)
    with time_machine.travel(moment, tick=False):
        assert SigningKey.objects.rotate_by_schedule(realm, "ES256", moment) is not None
        before = kids(realm)
        assert SigningKey.objects.rotate_by_schedule(realm, "ES256", moment) is None
    assert kids(realm) == before


def test_a_sweep_in_which_nothing_is_due_asks_the_database_nothing(realm: Realm) -> None:
    """Nor does it make other processes read their configuration again."""
    configuration().realm("/").keys  # type: ignore[union-attr]  # noqa: B018 - held from now on
    with CaptureQueriesContext(connection) as asked:
        assert rotated(QUARTER - 1) == 0
    assert len(asked) == 0


def test_a_realm_that_fails_does_not_keep_the_others_waiting(
    realm: Realm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(NOON, tick=False):
        SigningKey.objects.ensure(Realm.objects.create(name="b", parent=realm))
    whole: Callable[..., Any] = type(SigningKey.objects.all()).rotate_by_schedule

    def broken(keys: Any, of: Realm, *rest: Any) -> Any:
        if of.path == "/":
            raise RuntimeError
        return whole(keys, of, *rest)

    monkeypatch.setattr(type(SigningKey.objects), "rotate_by_schedule", broken)
    assert rotated(QUARTER) == 1
    assert "realm /: the ES256 key was not rotated" in caplog.messages


def test_celery_and_the_command_rotate_alike(
    realm: Realm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rotate_keys_task.name == "django_ciba.rotate_keys"
    assert 0 < rotate_keys_task.soft_time_limit < rotate_keys_task.time_limit
    first = kids(realm)
    with time_machine.travel(after(QUARTER), tick=False):
        rotate_keys_task()
    assert kids(realm)["current"] == first["next"]
    second = kids(realm)
    with time_machine.travel(after(2 * QUARTER), tick=False):
        call_command("ciba_run_due")
    assert capsys.readouterr().out == "1 thing done\n"
    assert kids(realm)["current"] == second["next"]
