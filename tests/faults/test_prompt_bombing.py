"""Push fatigue: of a hundred requests from eight processes few reach the user, as limited."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_races import database_url, race

__all__ = ["database_url"]  # the fixture: each test runs on SQLite and on PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

HUNDRED = 104  # eight processes, thirteen requests each


def bombed(act: str, database_url: str, folder: Path) -> tuple[Counter[str], dict[str, Any]]:
    """(how often each answer was given, what reached the user) of one race."""
    crowd = {"RACE_PROCESSES": "8", "RACE_THREADS": "1"}
    (came,) = race(act, 1, database_url, folder, **crowd)
    answers = Counter(answer for caller in came.pop("results") for answer in caller)
    assert answers.total() == HUNDRED
    return answers, came


def test_of_a_hundred_requests_of_one_client_three_reach_the_user(
    database_url: str, tmp_path: Path
) -> None:
    answers, came = bombed("bomb", database_url, tmp_path)
    assert answers == {"200": 3, "access_denied": HUNDRED - 3}
    assert came == {
        "rows": 3,
        "rows_of": {"shop": 3},
        "messages": 3,
        "cards": 3,
        "for_nobody": 0,
        "limits": ["open_prompts_per_client"],
    }


def test_the_same_a_hundred_times_is_one_card_and_one_message(
    database_url: str, tmp_path: Path
) -> None:
    answers, came = bombed("bomb_alike", database_url, tmp_path)
    assert answers == {"200": 3, "access_denied": HUNDRED - 3}
    assert (came["rows"], came["cards"], came["messages"]) == (3, 1, 1)


def test_two_clients_in_parallel_have_no_more_than_the_users_cap(
    database_url: str, tmp_path: Path
) -> None:
    answers, came = bombed("bomb_by_two", database_url, tmp_path)
    assert answers == {"200": 5, "access_denied": HUNDRED - 5}
    assert came["rows"] == came["messages"] == came["cards"] == 5
    assert max(came["rows_of"].values()) == 3


def test_whoever_asks_and_cancels_without_end_asks_twenty_times_in_the_window(
    database_url: str, tmp_path: Path
) -> None:
    answers, came = bombed("churn", database_url, tmp_path)
    assert answers == {"200": 20, "access_denied": HUNDRED - 20}
    assert (came["rows"], came["cards"]) == (20, 0)
    assert "prompts_per_user" in came["limits"]


def test_after_three_denials_nothing_comes_through_until_the_first_is_old_enough(
    database_url: str, tmp_path: Path
) -> None:
    answers, came = bombed("cool_down", database_url, tmp_path)
    assert answers == {"access_denied": HUNDRED}
    assert came == {"asked": 3, "afterwards": "200"}


def test_a_client_that_must_not_learn_who_exists_sees_no_difference(
    database_url: str, tmp_path: Path
) -> None:
    answers, came = bombed("hidden", database_url, tmp_path)
    (seen,) = answers
    status, body, polled, told = json.loads(seen)
    assert (status, polled, told["error"]) == (200, 400, "authorization_pending")
    assert body == {"expires_in": 600, "interval": 2}
    assert (came["rows"], came["for_nobody"]) == (3, HUNDRED - 3)
    assert came["messages"] == came["cards"] == 3


def test_reports_of_what_looks_the_same_do_not_block_each_other(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("report_alike", 15, database_url, tmp_path):
        assert Counter(each["results"]) == {"reported": 20}
        assert each["statuses"] == ["denied", "denied"]
        assert each["reports"] == 2
