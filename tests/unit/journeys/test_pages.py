"""The how-tos about journeys: what they print can be saved, and runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import TEMPLATES, document_problems
from django_ciba.models import Client
from tests.unit.test_docs import DOCS, blocks, run_printed_tests

BUILD = (DOCS / "how-to" / "build-a-journey.md").read_text(encoding="utf-8")
WRITE = (DOCS / "how-to" / "write-a-node.md").read_text(encoding="utf-8")


def test_every_template_is_on_the_page() -> None:
    assert [name for name in TEMPLATES if f"| `{name}` |" not in BUILD] == []


@pytest.mark.django_db
def test_the_printed_journey_can_be_saved() -> None:
    (block,) = blocks(BUILD, "json")
    assert list(document_problems(json.loads(block.text))) == []


@pytest.mark.django_db
def test_the_printed_dry_run_ends_as_the_page_says(
    client: Client, alice: AbstractBaseUser, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = blocks(BUILD, "python")
    names: dict[str, Any] = {}
    exec(compile(block.text, "try_it.py", "exec"), names)  # noqa: S102 - our own page
    assert names["tried"]("wrong", 30, "approve").ended == "authorized"
    done = names["tried"]("wrong", "wrong", "wrong")
    names["show"](done)
    assert capsys.readouterr().out.splitlines()[-1] == done.ended == "failed"


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_the_printed_node_passes_its_printed_test(tmp_path: Path) -> None:
    written = [each for each in blocks(WRITE, "python") if each.file != "settings.py"]
    fixtures = 'pytest_plugins = ["django_ciba.testing.fixtures"]\n'
    (tmp_path / "conftest.py").write_text(fixtures, encoding="utf-8")
    assert "5 passed" in run_printed_tests(written, tmp_path)
