"""The template of a type: what it asks for, in the operator's words.

A language of its own, small enough to be safe with other people's values: Django's syntax, with
the tags and filters named here. There is no loader, nothing to load or include, and no way to let
a value through unescaped. Values are JSON: there are members to reach, and no attributes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, SupportsIndex, overload

from django.template import Context, Engine, TemplateSyntaxError
from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ciba.protocol.legible import legible

MOST_TEMPLATE: Final = 10_000  # characters
# What a template's context has of its own; a member of that name would stand in for it.
RESERVED: Final = frozenset({"True", "False", "None"})


class WordsEngine(Engine):
    """RFC 9396 §12: what somebody else wrote is put before a user as text and nothing else."""

    default_builtins = ["django_ciba.authorization_details.template_language"]


_engine = WordsEngine(dirs=[], loaders=[], libraries={}, autoescape=True, string_if_invalid="")


def template_problem(template: str) -> str | None:
    """What is wrong with a template, and in which line; None when it can be used."""
    if len(template) > MOST_TEMPLATE:
        return f"must be at most {MOST_TEMPLATE} characters long"
    try:
        _engine.from_string(template)
    except TemplateSyntaxError as fault:
        line = getattr(getattr(fault, "token", None), "lineno", None)
        return f"line {line}: {fault}" if line else str(fault)
    except RecursionError:
        return "is nested too deeply"
    return None


def in_words(template: str, details: Mapping[str, Any]) -> SafeString | None:
    """The template with the object's members in it, as HTML; None where it says nothing.

    Every value is escaped, legible and kept apart from the writing direction around it.
    """
    if not template:
        return None
    members = {name: value for name, value in details.items() if name not in RESERVED}
    try:
        said = _engine.from_string(template).render(
            Context({name: _value(each) for name, each in members.items()})
        )
    except Exception:  # noqa: BLE001 - whatever an operator wrote: the user then sees every member
        return None
    return said if said.strip() else None


class _Text(str):
    """A string that goes into a page by itself, whatever it is written in."""

    __slots__ = ()

    def __html__(self) -> str:
        return format_html("<bdi>{}</bdi>", str(self))


class _Members:
    """A JSON object: its members, and none of a dict's methods."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = {legible(name): _value(each) for name, each in members.items()}

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_Text(name) for name in self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __str__(self) -> str:
        return ", ".join(f"{name}: {each}" for name, each in self._members.items())


class _Items(Sequence[Any]):
    """A JSON array: its items, and none of a list's methods that change it."""

    __slots__ = ("_items",)

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = tuple(_value(each) for each in items)

    @overload
    def __getitem__(self, at: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> "_Items": ...
    def __getitem__(self, at: Any) -> Any:
        return _Items(self._items[at]) if isinstance(at, slice) else self._items[at]

    def __len__(self) -> int:
        return len(self._items)

    def __str__(self) -> str:
        return ", ".join(str(each) for each in self._items)


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return _Text(legible(value))
    if isinstance(value, Mapping):
        return _Members(value)
    if isinstance(value, list | tuple):
        return _Items(value)
    return value
