"""Tell a worker that something is due, without ever holding up the web request that says so.

A wake-up that is lost costs time only; the sweep finds the row.
"""

from typing import Any

from celery import current_app
from django.db import router, transaction

from django_ciba.conf import ciba_settings
from django_ciba.models import Delivery
from django_ciba.outbox.publisher import Publisher

DELIVER = "django_ciba.deliver"


def wake_up(task: str, *pks: int) -> None:
    """After the commit: have `task` run for each primary key. Never fails, never waits."""
    if pks and ciba_settings.TASK_RUNNER == "celery":
        # Not a partial: Django fails to name one when it logs what a robust callback raised.
        transaction.on_commit(
            lambda: _enqueue(task, pks), using=router.db_for_write(Delivery), robust=True
        )


def _enqueue(task: str, pks: tuple[int, ...]) -> None:
    if current_app.conf.task_always_eager:
        _run_here(task, pks)
        return
    for pk in pks:
        _publisher.put((task, pk))


def _run_here(task: str, pks: tuple[int, ...]) -> None:
    """Celery's eager mode. A web process knows no tasks until somebody needs them."""
    if task not in current_app.tasks:
        current_app.loader.import_default_modules()
    for pk in pks:
        current_app.tasks[task].apply_async((pk,))


def _connect() -> Any:
    """By the app that is current when somebody publishes, which this module may be older than."""
    return current_app.connection_for_write()


def _send(connection: Any, item: tuple[str, int]) -> None:
    """By a connection of the publisher's own: a forked process shares those of Celery's pool."""
    task, pk = item
    options: dict[str, Any] = {"retry": False, "ignore_result": True}
    current_app.send_task(task, args=(pk,), connection=connection, **options)


_publisher = Publisher[tuple[str, int]](
    "django_ciba-wake-up",
    connect=_connect,
    send=_send,
    # Without a word to the broker, which may not be listening.
    drop=lambda connection: connection.collect(),
    without="the sweep will find it",
)
