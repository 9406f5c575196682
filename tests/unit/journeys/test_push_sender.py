"""PushSender: what each way to approve demands."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.journeys import demand_of
from django_ciba.models import Client
from tests.unit.journeys.arrange import begin, seeds


def sends(**config: Any) -> dict[str, Any]:
    outcomes = {"sent": "verify", "not_registered": "@failure"}
    return seeds(send={"type": "PushSender", "config": config, "outcomes": outcomes})


@pytest.mark.parametrize(("entry", "tries"), [("pick", 1), ("type", 3)])
def test_a_number_may_be_wrong_more_than_once_only_where_it_is_typed(
    client: Client, alice: AbstractBaseUser, entry: str, tries: int
) -> None:
    """One of three is guessed too soon."""
    found = begin(sends(push_type="challenge", number_entry=entry, tries=3), client, alice)
    assert (demand_of(found).number, demand_of(found).tries) == (entry, tries)


def test_a_plain_prompt_demands_a_yes_and_no_more(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(sends(push_type="default"), client, alice)
    assert (found.demand, found.number) == ({}, "")
