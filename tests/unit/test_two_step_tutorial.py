"""The lesson about two steps, as it is printed: its files, its commands, its answers."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.relying_party import claims_of
from tests.services.service import free_port
from tests.unit.test_docs import (
    DOCS,
    PATIENCE,
    TUTORIAL,
    Project,
    blocks,
    eventually,
    quiet,
    typed,
)

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

PAGE = DOCS / "tutorial" / "two-step-user-code.md"


def curl(words: list[str], shell: Mapping[str, str], **headers: str) -> requests.Response:
    """A line of curl, as far as this page uses it, with the shell's variables filled in."""
    *options, url = words
    data: list[tuple[str, str]] = []
    for name, value in zip(options[::2], options[1::2], strict=True):
        for variable, content in shell.items():
            value = value.replace(variable, content)  # noqa: PLW2901
        if name == "--data-urlencode":
            parameter, _, content = value.partition("=")
            data.append((parameter, content))
        elif name == "--header":
            headers |= dict([value.split(": ", 1)])
        else:
            assert (name, value) == ("--request", "POST")
    if not data:
        return requests.get(url, headers=headers, timeout=PATIENCE)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return requests.post(url, urlencode(data), headers=headers, timeout=PATIENCE)


@pytest.fixture
def lesson(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """The first lesson's project, what this page adds to it, and both processes; page, and prompts.

    The page is given with a port of its own.
    """
    site = f"localhost:{free_port()}"
    before, page = (
        path.read_text(encoding="utf-8").replace("localhost:8000", site)
        for path in (TUTORIAL, PAGE)
    )
    project = Project(tmp_path)
    project.write_files_of(before)
    for line in typed(before, "python"):
        if "runserver" in line:
            break
        project.run(*quiet(line))
    project.write_files_of(page)
    importing, checking, web, worker = typed(page, "python")
    project.run(*importing)
    assert "no issues" in project.run(*checking)
    with (
        project.running(*web, "--noreload") as (server, log),
        project.running(*worker) as (loop, prompts),
    ):
        eventually(log, "Quit the server", server)
        yield page, lambda pattern: eventually(prompts, pattern, loop)[1]


def test_the_calls_get_the_answers_that_are_printed(lesson: tuple[str, Any]) -> None:
    page, printed_by_the_worker = lesson
    start, poll, finish, redeem, claims = typed(page, "curl")
    printed = [json.loads(each.text) for each in blocks(page, "json") if each.file is None]
    started, middle, wrong, entered, tokens, userinfo = printed
    shell: dict[str, str] = {}

    answer = curl(start, shell).json()
    assert answer.keys() == started.keys()
    assert answer["expires_in"] == started["expires_in"]
    shell["$AUTH_REQ_ID"] = answer["auth_req_id"]

    passcode = printed_by_the_worker(r"passcode (\d{6})")
    end = time.monotonic() + PATIENCE
    while (answer := curl(poll, shell)).status_code != 200 and time.monotonic() < end:
        assert answer.json()["error"] in ("authorization_pending", "slow_down")
        time.sleep(0.2)
    assert answer.json().keys() == middle.keys()
    assert middle["expires_in"] - 30 < answer.json()["expires_in"] <= middle["expires_in"]
    shell["$MIDDLE_TOKEN"] = answer.json()["id_token"]
    assert curl(poll, shell).json()["error"] == "invalid_grant"

    shell["$PASSCODE"] = f"{(int(passcode) + 1) % 1_000_000:06}"
    assert curl(finish, shell).json() == wrong
    problem = curl(finish, shell, Accept="application/problem+json")
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["title"] == "invalid_user_code"
    shell["$PASSCODE"] = passcode
    answer = curl(finish, shell, Accept="application/problem+json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == entered.keys()
    shell["$SECOND_AUTH_REQ_ID"] = answer.json()["auth_req_id"]

    answer = curl(redeem, shell)
    assert answer.json().keys() == tokens.keys()
    assert answer.json()["scope"] == tokens["scope"]
    assert claims_of(answer.json()["id_token"])["amr"] == ["otp"]
    shell["$ACCESS_TOKEN"] = answer.json()["access_token"]
    answer = curl(claims, shell)
    assert answer.headers["Content-Type"] == "application/jwt"
    assert claims_of(answer.text) == userinfo
