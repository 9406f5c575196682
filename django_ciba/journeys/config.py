"""What a journey may set of a node: a frozen dataclass, read once, checked on every save.

    @dataclass(frozen=True)
    class Config:
        limit: Positive = option(100, "Amounts from this on are large.")

The type of a field says which JSON values it takes: int, float, bool, str, a `Literal` of words,
`tuple[str, ...]` (a list, in JSON), each also `| None`. `Annotated[int, check]` takes what `check`
says: a function of any value, which gives the problem, or None.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from django_ciba.conf import boolean, one_of, positive, texts

Problem = Callable[[Any], str | None]
Positive = Annotated[int, positive]

_DOC: Final = "django_ciba.journeys.doc"


@dataclass(frozen=True, slots=True)
class Option:
    """One member of a node's config: its default, meaning and check.

    One that is `required` has no default.
    """

    default: Any
    doc: str
    problem: Problem
    required: bool = False


def option(default: Any, doc: str) -> Any:
    """A field of a config that a journey may leave out: its default, and what it means."""
    return field(default=default, metadata={_DOC: doc})


def required(doc: str) -> Any:
    """A field of a config that every journey must set, and what it means."""
    return field(metadata={_DOC: doc})


def options_of(config: type) -> dict[str, Option]:
    """The options that a config class declares.

    Raises TypeError for what is no frozen dataclass, for a type that JSON has no value for, and
    for a default of another type than its field's.
    """
    name = config.__qualname__
    if not (is_dataclass(config) and vars(config)["__dataclass_params__"].frozen):
        raise TypeError(f"{name} must be a frozen dataclass")
    types = get_type_hints(config, include_extras=True)
    declared: dict[str, Option] = {}
    for each in fields(config):
        its_name, its_type = f"{name}.{each.name}", types[each.name]
        is_required = each.default is MISSING
        fault = None if is_required else _check(its_type, its_name, bare=True)(each.default)
        if fault is not None:
            raise TypeError(f"{its_name}: its default {fault}")
        declared[each.name] = Option(
            None if is_required else each.default,
            each.metadata.get(_DOC, ""),
            _check(its_type, its_name),
            is_required,
        )
    return declared


def configured(config: type, given: Mapping[str, Any]) -> Any:
    """An instance of that config class, out of JSON values that have been checked."""
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return config(**values)


def whole_number(value: Any) -> str | None:
    """An int; bool is no number here."""
    is_one = isinstance(value, int) and not isinstance(value, bool)
    return None if is_one else "must be a whole number"


def number(value: Any) -> str | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_one else "must be a number"


def string(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a string"


_CHECKS: Final[Mapping[Any, Problem]] = {
    bool: boolean,
    int: whole_number,
    float: number,
    str: string,
    tuple[str, ...]: texts,
}


def _check(declared: Any, name: str, *, bare: bool = False) -> Problem:
    """Which values a field of that type takes; `bare`: whatever it is annotated with."""
    if get_origin(declared) is Annotated:
        inner, *marks = get_args(declared)
        by_type = _check(inner, name, bare=bare)
        return by_type if bare else next((each for each in marks if callable(each)), by_type)
    if get_origin(declared) in (Union, UnionType):
        inner, *others = sorted(get_args(declared), key=lambda each: each is NoneType)
        if others != [NoneType]:
            raise TypeError(f"{name} may be of one type, or of that type or None")
        return _or_none(_check(inner, name, bare=bare))
    words = get_args(declared) if get_origin(declared) is Literal else ()
    if words and all(isinstance(each, str) for each in words):
        return one_of(*words)
    if declared not in _CHECKS:
        raise TypeError(
            f"{name} must be an int, float, bool, str, tuple[str, ...] or Literal of words, "
            "or one of these or None"
        )
    return _CHECKS[declared]


def _or_none(problem: Problem) -> Problem:
    return lambda value: None if value is None else problem(value)
