"""One thing that an import changes, as one line."""

import json
from typing import Any, Final, NamedTuple

MOST_SHOWN: Final = 80


class Change(NamedTuple):
    """In which realm, what of it, and what becomes of that. Holds no secret.

    `warning`: what stops working by it; empty for most.
    """

    realm: str
    subject: str
    what: str
    warning: str = ""

    def __str__(self) -> str:
        return f"{self.realm}: {self.subject}: {self.what}"


def from_to(old: Any, new: Any) -> str:
    """Both values when they are short enough to be read; `None` is what is not set."""
    before, after = _shown(old), _shown(new)
    if len(before) + len(after) > MOST_SHOWN:
        return "changed"
    return f"{before} -> {after}"


def _shown(value: Any) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)
