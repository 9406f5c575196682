"""Correct under concurrency by the database: real processes, both engines."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.services import PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 280


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/race.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    return server.create_database(f"race_{abs(hash(request.node.name))}")


def race(
    act: str, rounds: int, database_url: str, folder: Path, **variables: str
) -> list[dict[str, Any]]:
    """Run the race in processes of its own; what each round came to."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "CIBA_VAR": str(folder),
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.racers", act, str(rounds)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    lines = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == rounds, ran.stderr[-4000:]
    return [json.loads(line) for line in lines]


@pytest.mark.requirement("CIBA Core", "10.1.1")
def test_twenty_token_requests_at_once_give_one_200_a_hundred_times_over(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("redeem", 100, database_url, tmp_path):
        assert Counter(each["results"]) == {"200": 1, "invalid_grant": 19}
        assert each["status"] == "redeemed"
        assert each["grants"] == 1
        assert each["tokens"] == 2


@pytest.mark.requirement("CIBA Core", "11")
def test_polls_at_the_same_moment_never_undo_an_answer_and_one_of_two_answers_counts(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("answer", 50, database_url, tmp_path):
        answers = Counter(each["results"])
        won = [verdict for verdict in ("approved", "denied") if answers[verdict]]
        assert len(won) == 1, each
        assert answers["answered"] + answers["ended"] == 1, each
        assert each["answer"] == won[0]
        assert each["status"] in (
            ("authorized", "redeemed") if won == ["approved"] else ("denied",)
        )
        known = {"authorization_pending", "slow_down", "access_denied", "200", "invalid_grant"}
        assert set(answers) <= known | {*won, "answered", "ended"}


def test_of_an_approval_and_ten_cancellations_at_once_one_thing_happens(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("cancel", 30, database_url, tmp_path):
        results = Counter(each["results"])
        if each["status"] == "cancelled":  # whoever cancels again is told the same
            assert (results["200"], results["approved"]) == (10, 0), each
            assert results["ended"] == 1
        else:
            assert each["status"] == "authorized"
            assert (results["invalid_grant"], results["approved"]) == (10, 1), each


@pytest.mark.requirement("RFC 9700", "4.14.2")
def test_one_refresh_token_twenty_times_at_once_gives_one_pair_and_ends_the_family(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("refresh", 20, database_url, tmp_path):
        assert Counter(each["results"]) == {"200": 1, "invalid_grant": 19}
        assert each["tokens"] == 4
        assert each["revoked"]


def test_twenty_workers_who_find_a_rotation_due_rotate_once(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("rotation", 20, database_url, tmp_path):
        assert sum(each["results"]) == 1, each
        assert each["signs"]
        assert each["made"] == 1


@pytest.mark.requirement("RFC 7523", "3")
def test_one_assertion_twenty_times_at_once_proves_the_client_once(
    database_url: str, tmp_path: Path
) -> None:
    rounds = race("assertion", 20, database_url, tmp_path)
    for number, each in enumerate(rounds, 1):
        assert Counter(each["results"]) == {"200": 1, "invalid_client": 19}
        assert each["requests"] == number


@pytest.mark.requirement("RFC 7591", "3")
def test_one_initial_access_token_twenty_times_at_once_registers_one_client(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("register", 20, database_url, tmp_path):
        assert Counter(each["results"]) == {"201": 1, "invalid_token": 19}
        assert each["clients"] == 1
        assert each["uses_left"] == 0


def test_twenty_guesses_of_a_passcode_at_once_are_three(database_url: str, tmp_path: Path) -> None:
    for each in race("passcode", 20, database_url, tmp_path):
        results = Counter(each["results"])
        assert each["counted"] == results["wrong"] <= 3, each
        if each["status"] == "authorized":  # whoever knew it was in time
            assert results["wrong"] <= 2
            assert results[each["name"]] == 1
            assert results["over"] == 19 - results["wrong"]
        else:
            assert (each["status"], results["wrong"]) == ("failed", 3), each
            assert not each["renamed"]
            assert results["over"] == 17
