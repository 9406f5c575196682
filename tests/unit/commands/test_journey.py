"""ciba_journey: journeys to start from, printed."""

import json

import pytest

from django_ciba.journeys import TEMPLATES, document_problems
from tests.unit.commands.conftest import Run


def test_every_template_is_listed_with_its_purpose(run: Run) -> None:
    lines = run("ciba_journey", "list-templates").out
    assert lines == [f"{name}: {each.description}" for name, each in TEMPLATES.items()]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_printed_as_a_document_that_can_be_saved(run: Run, name: str) -> None:
    document = json.loads("\n".join(run("ciba_journey", "show", name).out))
    assert document == {"name": TEMPLATES[name].label, **TEMPLATES[name].document}
    assert list(document_problems(document)) == []


def test_a_name_that_is_none_is_told_which_there_are(run: Run) -> None:
    assert run("ciba_journey", "show", "sms").error == (
        "there is no such template; there is push, number-matching, passkey, passcode, "
        "email-link, two-step-user-code"
    )
