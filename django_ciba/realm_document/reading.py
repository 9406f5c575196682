"""From the octets of a file to a JSON value, with faults that a person can find again."""

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from django_ciba.protocol.problems import Problem, joined, member, values

MOST_BYTES: Final = 32 * 1024 * 1024


class InvalidDocument(Exception):
    """Nothing was imported; `problems` names every fault."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class Members(dict[str, Any]):
    """A JSON object that remembers which of its members were written more than once."""

    repeated: tuple[str, ...] = ()


def read(data: bytes) -> Any:
    """RFC 8259: the value of a JSON text; a byte order mark before it is passed over.

    Members named twice are kept for `document_problems`, which knows their paths.
    Errors: `InvalidDocument` for bad UTF-8, syntax, `NaN`, huge numbers and nesting.
    """
    if len(data) > MOST_BYTES:
        raise InvalidDocument([Problem("", f"is larger than {MOST_BYTES} bytes")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InvalidDocument([Problem("", f"is not UTF-8 (byte {fault.start})")]) from None
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        raise InvalidDocument([Problem("", f"is not JSON: {where}: {fault.msg}")]) from None
    except ValueError as fault:  # the decoder's words for numbers do not say where
        raise InvalidDocument([Problem("", f"is not JSON that we read: {fault}")]) from None
    except RecursionError:
        raise InvalidDocument([Problem("", "is JSON nested too deeply")]) from None


def repeated_members(value: Any) -> Iterator[Problem]:
    """RFC 8259 §4: members of a value from `read` that were written more than once."""
    for path, each in values(value):
        if isinstance(each, Members):
            for name in each.repeated:
                yield Problem(joined(path, member(name)), "is written more than once")


def _members(pairs: list[tuple[str, Any]]) -> Members:
    members = Members(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        members.repeated = tuple(name for name in members if names.count(name) > 1)
    return members


def _integer(digits: str) -> int:
    if len(digits) > 100:
        raise ValueError("it holds a number of more than 100 digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("it holds a number that is too large")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_integer,
    parse_float=_finite,
    parse_constant=_no_constant,
)
