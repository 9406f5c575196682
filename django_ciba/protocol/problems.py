"""A fault and where it is: what every check of other people's JSON yields."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from django_ciba.protocol.errors import NOT_IN_DESCRIPTION

PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
MOST_SHOWN: Final = 60  # characters of a value that a message quotes
MOST_DEPTH: Final = 32
MOST_DESCRIBED: Final = 20  # faults in one error_description
# As much of a path as we wrote ourselves: names within a key are the caller's.
OWN_PATH: Final = re.compile(r"[a-z_0-9]+(?:\.keys)?(?:\[[0-9]+\](?:\.x5c)?)?")
MOST_INTEGER: Final = 2**53 - 1  # RFC 8259 §6: what every reader of JSON takes for the same number


class Problem(NamedTuple):
    """One fault: the JSON path of the member (empty for the whole) and what to change."""

    path: str
    message: str

    def __str__(self) -> str:
        """One line, whatever the path is made of: it may be somebody's control characters."""
        line = f"{self.path}: {self.message}" if self.path else self.message
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def described(problems: Sequence[Problem]) -> str:
    """RFC 6749 §5.2, RFC 7591 §3.2.2: faults of members that we know as an error_description."""
    faults = []
    for path, message in problems[:MOST_DESCRIBED]:
        found = OWN_PATH.match(path)
        faults.append(f"{found.group()}: {message}" if found else message)
    if len(problems) > MOST_DESCRIBED:
        faults.append(f"and {len(problems) - MOST_DESCRIBED} faults more")
    return NOT_IN_DESCRIPTION.sub("'", "; ".join(dict.fromkeys(faults)))


def under(path: str, problems: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """The same faults as seen from above: `path` put before each of their paths."""
    for below, message in problems:
        yield Problem(joined(path, below), message)


def joined(path: str, below: str) -> str:
    """`jwks` and `keys[0]` are `jwks.keys[0]`; `clients` and `[0]` are `clients[0]`."""
    if not path or not below or below.startswith("["):
        return path + below
    return f"{path}.{below}"


def member(name: object) -> str:
    """One step into an object. A name that could forge a line or a path is quoted."""
    text = str(name)
    return text if PLAIN_NAME.fullmatch(text) else f"[{json.dumps(text[:MOST_SHOWN])}]"


def shown(value: Any) -> str:
    """A value for a message: as JSON, in ASCII, cut when it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def unknown(name: str, known: Iterable[str], of: str) -> str:
    """What is said about a name that nobody knows: the nearest that somebody does."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"is not known in {of}" + (f"; did you mean {near[0]}?" if near else "")


def values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a JSON value with its path, level by level: any depth needs no recursion."""
    level = [(path, value)]
    while level:
        yield from level
        below: list[tuple[str, Any]] = []
        for at, each in level:
            if isinstance(each, Mapping):
                below += [(joined(at, member(name)), under) for name, under in each.items()]
            elif isinstance(each, list | tuple):
                below += [(f"{at}[{index}]", under) for index, under in enumerate(each)]
        level = below


def unstorable(value: Any, path: str = "") -> Iterator[Problem]:
    """RFC 8259 §6, §8.2: what JSON can say, but a database or another reader cannot hold."""
    for at, each in values(value, path):
        if isinstance(each, str):
            texts = [each]
        elif isinstance(each, Mapping):
            texts = [str(name) for name in each]
        else:
            texts = []
            if isinstance(each, int) and abs(each) > MOST_INTEGER:
                yield Problem(at, f"is a number beyond {MOST_INTEGER}")
        for text in texts:
            if "\x00" in text:
                yield Problem(at, "holds a NUL character, which a database does not store")
            elif any("\ud800" <= character <= "\udfff" for character in text):
                yield Problem(at, "holds half a character (a lone surrogate)")


def too_deep(value: Any) -> bool:
    """Whether objects and lists lie in one another more than 32 deep."""
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                below.extend(each.values())
            elif isinstance(each, list | tuple):
                below.extend(each)
        if not below:
            return False
        level = below
    return True
