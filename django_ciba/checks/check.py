"""One system check: declared once, registered with Django, and documented from the declaration."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core import checks
from django.core.checks import CheckMessage
from django.db import router

from django_ciba.models import Realm

LEVELS: Final[Mapping[str, Callable[..., CheckMessage]]] = {
    "E": checks.Error,
    "W": checks.Warning,
    "I": checks.Info,
}


@dataclass(eq=False)  # Django keeps checks in a set, by identity
class Check:
    """What it is called, when it runs, what to do about it, and the function that looks.

    `find` gives a sentence for each fault. `deploy`: only `manage.py check --deploy` runs it.
    `database`: it asks the database, so it runs only for an alias that Django names (`--database`).
    """

    id: str
    title: str
    hint: str
    find: Callable[[], Iterable[str]]
    deploy: bool = False
    database: bool = False

    def __call__(
        self, app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any
    ) -> list[CheckMessage]:
        """Django's contract of a check function."""
        if self.database and router.db_for_read(Realm) not in (databases or ()):
            return []
        level = LEVELS[self.id.removeprefix("django_ciba.")[0]]
        return [level(message, hint=self.hint, id=self.id) for message in self.find()]

    def register(self) -> None:
        """Have Django run it, under the tags `django_ciba` and, where it applies, `database`."""
        kind = (checks.Tags.database,) if self.database else ()
        checks.register(self, "django_ciba", *kind, deploy=self.deploy)
