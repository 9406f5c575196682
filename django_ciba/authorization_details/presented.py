"""One object of authorization details as a person reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from django_ciba.models import AuthorizationDetailsType
from django_ciba.protocol.legible import legible

from .words import in_words


@dataclass(frozen=True, slots=True)
class Member:
    """A name, with those of what it lies in before it, and its value, or its values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presented:
    """What it is called, what it asks for in words where its type has a template, and all of it.

    Only `words` is markup, of the operator's; everything else is to be escaped.
    """

    name: str
    words: SafeString | None
    members: tuple[Member, ...]


def presented(
    details: Mapping[str, Any], details_type: AuthorizationDetailsType | None
) -> Presented:
    """RFC 9396 §3, §12: one object for the user; of a type that is gone, by its name alone."""
    name = (details_type.name if details_type else "") or legible(str(details["type"]))
    words = in_words(details_type.template, details) if details_type else None
    rest = {name: value for name, value in details.items() if name != "type"}
    return Presented(name, words, tuple(_members(rest)))


def _members(value: Any, above: str = "") -> Iterator[Member]:
    """Every value with the way to it: JSON nests, and a small screen does not."""
    if isinstance(value, Mapping) and value:
        for name in sorted(value):
            yield from _members(value[name], _joined(above, legible(name)))
    elif isinstance(value, list) and any(isinstance(each, list | Mapping) for each in value):
        for number, each in enumerate(value, start=1):
            yield from _members(each, _joined(above, str(number)))
    elif isinstance(value, list):
        yield Member(above, tuple(_said(each) for each in value))
    elif above:
        yield Member(above, () if value in (None, {}) else (_said(value),))


def _joined(above: str, name: str) -> str:
    return f"{above} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} {name}" if above else name


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return pgettext("value", "yes") if value else pgettext("value", "no")
    return legible(value) if isinstance(value, str) else str(value)
