"""The config of a node as a dataclass: what its types take, and what a node is given."""

from dataclasses import FrozenInstanceError, dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.conf import not_negative
from django_ciba.journeys import (
    Node,
    Positive,
    Step,
    Wait,
    document_problems,
    option,
    required,
)
from django_ciba.journeys.nodes import OWN_NODES
from django_ciba.models import Client
from tests.unit.journeys.arrange import begin, path

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Everything:
    city: str = required("Where to look.")
    days: int = option(3, "How far ahead.")
    warmth: float = option(20.5, "From which on it is warm.")
    wind: bool = option(False, "Whether wind counts.")
    unit: Literal["C", "F"] = option("C", "Of the warmth.")
    stations: tuple[str, ...] = option((), "Which to ask.")
    patience: Positive | None = option(None, "Seconds to wait; null: none.")
    tolerance: Annotated[int, not_negative] = option(0, "Degrees.")


class Forecast(Node[Everything]):
    """Tells what it was given."""

    type = "Forecast"
    label = "Forecast"
    outcomes = ("next",)
    seen: list[Everything] = []

    def step(self, step: Step[Everything]) -> str | Wait:
        if step.resumed:
            return "next"
        self.seen.append(step.config)
        return Wait(step.now + timedelta(seconds=60))


class Nested(Node):
    """A config inside the node, by its name."""

    type = "Nested"
    label = "Nested"
    outcomes = ("small", "large")

    @dataclass(frozen=True)
    class Config:
        limit: Positive = option(100, "Amounts from this on are large.")

    def step(self, step: Any) -> str:
        return "small" if step.config.limit > 50 else "large"


class Stricter(Nested):
    """A subclass without a config of its own has its parent's."""

    type = "Stricter"


@pytest.fixture(autouse=True)
def registered(settings: Any, site: None) -> None:
    names = [f"{__name__}.{name}" for name in ("Forecast", "Nested", "Stricter")]
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "JOURNEY_NODES": names}
    Forecast.seen.clear()


def forecast(**config: Any) -> dict[str, Any]:
    placed = {"type": "Forecast", "config": config, "outcomes": {"next": "@failure"}}
    return {"start": "only", "nodes": {"only": placed}}


def problems(**config: Any) -> list[tuple[str, str]]:
    found = list(document_problems(forecast(**config)))
    return [(where.removeprefix("nodes.only.config."), problem) for where, problem in found]


def test_a_node_is_given_its_config_typed_with_defaults_filled_in(
    client: Client, alice: AbstractBaseUser
) -> None:
    begin(forecast(city="Tbilisi"), client, alice)
    begin(forecast(city="Batumi", stations=["a", "b"], warmth=18, patience=5), client, alice)
    assert Forecast.seen == [
        Everything("Tbilisi"),
        Everything("Batumi", stations=("a", "b"), warmth=18, patience=5),
    ]
    with pytest.raises(FrozenInstanceError):
        Forecast.seen[0].city = "Kutaisi"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("city", [None, 1, ["Tbilisi"]], "must be a string"),
        ("days", [None, "3", 3.5, True], "must be a whole number"),
        ("warmth", [None, "20", False], "must be a number"),
        ("wind", [None, 0, "yes"], "must be True or False"),
        ("unit", [None, "K", ["C"]], "must be C or F"),
        ("stations", [None, "a", [1], [""]], "must be a list of strings"),
        ("patience", [0, "5", True], "must be a whole number from 1 to 2147483647"),
        ("tolerance", [None, -1], "must be a whole number from 0 to 2147483647"),
    ],
)
def test_a_value_that_its_type_does_not_take_is_named(
    name: str, values: list[Any], problem: str
) -> None:
    for value in values:
        assert problems(**{"city": "Tbilisi", name: value}) == [(name, problem)]


def test_every_value_that_its_type_takes_passes() -> None:
    given = {"days": -1, "warmth": 3, "wind": True, "unit": "F", "stations": [], "patience": 1}
    assert problems(city="", **given, tolerance=0) == []
    assert problems(city="Tbilisi", patience=None) == []


def test_an_option_without_a_default_must_be_set_and_one_that_is_unknown_must_not() -> None:
    assert problems(towns=1) == [
        ("towns", "is not an option of Forecast"),
        ("city", "is missing: Forecast has no default for it"),
    ]


def test_a_config_may_stand_inside_its_node_and_is_inherited(
    client: Client, alice: AbstractBaseUser
) -> None:
    for kind in (Nested, Stricter):
        assert kind.options["limit"].default == 100
        assert kind.options["limit"].doc == "Amounts from this on are large."
        document = forecast()
        wait = {"type": "PollingWait", "outcomes": {"done": "@failure"}}
        document["nodes"] = {
            "only": {
                "type": kind.type,
                "config": {"limit": 50},
                "outcomes": {"small": "wait", "large": "wait"},
            },
            "wait": wait,
        }
        assert path(begin(document, client, alice)) == [("only", "large")]
        document["nodes"]["only"]["config"] = {"limit": 0}
        assert list(document_problems(document)) == [
            ("nodes.only.config.limit", "must be a whole number from 1 to 2147483647")
        ]


def test_an_option_that_a_later_release_has_no_more_is_passed_over() -> None:
    """A request under way keeps the version of the journey that it started with."""
    assert Forecast().configured({"city": "Tbilisi", "moon": "full"}) == Everything("Tbilisi")


# --- what is refused when the class is made -----------------------------------------------------


def declares(config: type) -> None:
    type("Wrong", (Node,), {"Config": config, "step": lambda self, step: ""})


def test_a_config_that_is_no_frozen_dataclass_is_refused() -> None:
    class Plain:
        limit: int = 1

    @dataclass
    class Thawed:
        limit: int = 1

    for config in (Plain, Thawed):
        with pytest.raises(TypeError, match=f"{config.__name__} must be a frozen dataclass"):
            declares(config)


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (dict[str, int], None, "limit must be an int, float, bool, str, tuple"),
        (Literal[1, 2], 1, "limit must be an int, float, bool, str, tuple"),
        (timedelta, None, "limit must be an int, float, bool, str, tuple"),
        (int | str, 1, "limit may be of one type, or of that type or None"),
        (int, "1", "limit: its default must be a whole number"),
        (int, None, "limit: its default must be a whole number"),
    ],
)
def test_a_type_or_default_that_no_journey_could_mean_is_refused(
    annotation: Any, default: Any, message: str
) -> None:
    body = {"__annotations__": {"limit": annotation}, "limit": option(default, "")}
    config: Any = dataclass(frozen=True)(type("Config", (), body))
    with pytest.raises(TypeError, match=message):
        declares(config)


def test_every_option_of_our_own_nodes_says_what_it_means() -> None:
    for kind in OWN_NODES:
        for name, each in kind.options.items():
            assert each.doc.endswith("."), (kind.type, name)
