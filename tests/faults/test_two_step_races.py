"""A middle token and a passcode work once, also for twenty who come at the same moment."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.test_races import database_url, race

__all__ = ["database_url"]

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]


def test_of_twenty_polls_at_once_one_gets_the_middle_token(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("middle_token", 20, database_url, tmp_path):
        assert Counter(each["results"]) == {"200": 1, "invalid_grant": 19}
        assert each["status"] == "pending"
        assert each["awaits_second_step"]


def test_of_twenty_right_passcodes_at_once_one_counts(database_url: str, tmp_path: Path) -> None:
    for each in race("second_step", 20, database_url, tmp_path):
        assert Counter(each["results"]) == {"200": 1, "invalid_request": 19}
        assert each["status"] == "authorized"
        assert each["renamed"]
        assert each["step"] == 1


def test_of_twenty_wrong_passcodes_at_once_five_are_tried(
    database_url: str, tmp_path: Path
) -> None:
    for each in race("guesses", 20, database_url, tmp_path):
        assert Counter(each["results"]) == {"invalid_user_code": 5, "invalid_request": 15}
        assert each["status"] == "failed"
