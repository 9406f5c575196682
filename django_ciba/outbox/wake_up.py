"""Tell a worker that something is due, without ever holding up the web request that says so.

Publishing happens on one background thread a process: a broker that is down, or frozen in the
middle of a publish, holds that thread and nobody else. A wake-up that is lost costs time only; the
sweep finds the row.
"""

import atexit
import logging
import os
import queue
import threading
from typing import Any

from celery import current_app
from django.db import router, transaction

from django_ciba.conf import ciba_settings
from django_ciba.models import Delivery

logger = logging.getLogger("django_ciba.outbox")

DELIVER = "django_ciba.deliver"

MAX_WAITING = 1000
FLUSH_SECONDS = 2.0

Waiting = queue.Queue[tuple[str, int]]

_waiting: Waiting = queue.Queue(MAX_WAITING)
_publisher: threading.Thread | None = None
_lock = threading.Lock()


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
    _start_publisher()
    for pk in pks:
        try:
            _waiting.put_nowait((task, pk))
        except queue.Full:
            logger.warning("the broker does not keep up; %s %s is left to the sweep", task, pk)


def _run_here(task: str, pks: tuple[int, ...]) -> None:
    """Celery's eager mode. A web process knows no tasks until somebody needs them."""
    if task not in current_app.tasks:
        current_app.loader.import_default_modules()
    for pk in pks:
        current_app.tasks[task].apply_async((pk,))


def _start_publisher() -> None:
    """One thread a process."""
    global _publisher  # noqa: PLW0603 - process-wide by nature
    if _publisher is not None and _publisher.is_alive():
        return
    with _lock:
        if _publisher is None or not _publisher.is_alive():
            _publisher = threading.Thread(
                target=_publish, args=(_waiting,), name="django_ciba-wake-up", daemon=True
            )
            _publisher.start()


def _publish(waiting: Waiting) -> None:
    """Send what waits, by a connection of this thread's own.

    Celery's pool would do in most processes, but a forked one shares its sockets with its parent.
    """
    options: dict[str, Any] = {"retry": False, "ignore_result": True}
    held: Any = None
    while True:
        task, pk = waiting.get()
        tries = 2 if held else 1  # the broker may have closed a held connection since
        while tries:
            tries -= 1
            try:
                held = held or current_app.connection_for_write()
                current_app.send_task(task, args=(pk,), connection=held, **options)
                tries = 0
            except Exception as error:  # noqa: BLE001 - a broker's client may raise anything
                # The row stays due, and the sweep takes it.
                _drop(held)
                held = None
                if not tries:
                    logger.warning(
                        "no wake-up for %s %s, the sweep will find it: %r", task, pk, error
                    )
        waiting.task_done()


def _drop(connection: Any) -> None:
    """Let go of a connection without a word to the broker, which may not be listening."""
    try:
        if connection is not None:
            connection.collect()
    except Exception:
        logger.debug("letting go of a connection to the broker", exc_info=True)


def _flush() -> None:
    """A process that ends at once, as a management command does, gets a moment to publish."""
    with _waiting.all_tasks_done:
        if _waiting.unfinished_tasks:
            _waiting.all_tasks_done.wait(FLUSH_SECONDS)


def _forget_parent() -> None:
    """A forked process has neither the parent's thread nor a use for what waited there.

    Its locks were copied as they stood, and whoever held one is not here to let it go.
    """
    global _waiting, _publisher, _lock
    _waiting, _publisher, _lock = queue.Queue(MAX_WAITING), None, threading.Lock()


atexit.register(_flush)
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_parent)
