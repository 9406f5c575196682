"""One row whose value changes whenever realms, clients, keys or journeys do."""

import itertools
import uuid
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models, router, transaction
from django.db.models.signals import post_delete, post_save

M = TypeVar("M", bound=models.Model)

_changes_here = itertools.count(1)
_last_change_here = 0


def forget() -> None:
    """Have this process read its configuration anew at the next question."""
    global _last_change_here  # noqa: PLW0603 - a counter of the process
    _last_change_here = next(_changes_here)


def last_change_here() -> int:
    """Counts the changes that this process made itself, and so knows of at once."""
    return _last_change_here


class ConfigurationVersion(models.Model):
    """The one row. Its value is random, so that a rolled-back change is never taken for another."""

    value = models.UUIDField(default=uuid.uuid4)

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def change(cls, using: str | None = None) -> None:
        """Say to every process, from the commit on, that configuration has changed."""
        alias = using or router.db_for_write(cls)
        rows, value = cls.objects.using(alias), uuid.uuid4()
        if not rows.filter(pk=1).update(value=value):
            rows.update_or_create(pk=1, defaults={"value": value})  # the first change of all
        forget()
        transaction.on_commit(forget, using=alias, robust=True)


class ConfigurationQuerySet(models.QuerySet[M]):
    """Bulk writes send no signals, so they announce the change themselves."""

    def update(self, **kwargs: Any) -> int:
        changed = super().update(**kwargs)
        ConfigurationVersion.change(self.db)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        created = super().bulk_create(objs, *args, **kwargs)
        ConfigurationVersion.change(self.db)
        return created

    def bulk_update(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> int:
        changed = super().bulk_update(objs, *args, **kwargs)
        ConfigurationVersion.change(self.db)
        return changed


class ConfigurationModel(models.Model):
    """A model whose rows every process keeps in memory."""

    class Meta:
        abstract = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        post_save.connect(_changed, sender=cls)
        post_delete.connect(_changed, sender=cls)


def _changed(sender: type[models.Model], using: str, **kwargs: Any) -> None:
    ConfigurationVersion.change(using)
