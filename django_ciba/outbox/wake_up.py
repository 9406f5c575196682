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
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction

from django_ciba.conf import ciba_settings

logger = logging.getLogger("django_ciba.outbox")

DELIVER = "django_ciba.deliver"
ADVANCE = "django_ciba.advance"

MAX_WAITING = 1000
FLUSH_SECONDS = 2.0

_waiting: "queue.Queue[tuple[str, int]]" = queue.Queue(MAX_WAITING)
_publisher: threading.Thread | None = None
_owner_pid = 0
_lock = threading.Lock()


def wake_up(task: str, *pks: int) -> None:
    """After the commit: have `task` run for each primary key. Never fails, never waits."""
    if pks and ciba_settings.TASK_RUNNER == "celery":
        transaction.on_commit(partial(_enqueue, task, pks), robust=True)


def _enqueue(task: str, pks: tuple[int, ...]) -> None:
    if current_app.conf.task_always_eager:
        for pk in pks:
            current_app.tasks[task].apply_async((pk,))
        return
    _start_publisher()
    for pk in pks:
        try:
            _waiting.put_nowait((task, pk))
        except queue.Full:
            logger.warning("the broker does not keep up; %s %s is left to the sweep", task, pk)


def _start_publisher() -> None:
    """One thread a process; a forked child needs a new one."""
    global _publisher, _owner_pid, _waiting  # noqa: PLW0603 - process-wide by nature
    if _publisher is not None and _publisher.is_alive() and _owner_pid == os.getpid():
        return
    with _lock:
        if _publisher is not None and _publisher.is_alive() and _owner_pid == os.getpid():
            return
        if _owner_pid != os.getpid():
            _waiting = queue.Queue(MAX_WAITING)
            atexit.register(_flush)
        _owner_pid = os.getpid()
        _publisher = threading.Thread(
            target=_publish, args=(_waiting,), name="django_ciba-wake-up", daemon=True
        )
        _publisher.start()


def _publish(waiting: "queue.Queue[tuple[str, int]]") -> None:
    while True:
        task, pk = waiting.get()
        try:
            options: dict[str, Any] = {"retry": False, "ignore_result": True}
            current_app.send_task(task, args=(pk,), **options)
        except Exception:
            # Whatever the broker's client raises: the row stays due, and the sweep takes it.
            logger.warning("no wake-up for %s %s: the sweep will find it", task, pk, exc_info=True)
        finally:
            waiting.task_done()


def _flush() -> None:
    """A process that ends at once, as a management command does, gets a moment to publish."""
    with _waiting.all_tasks_done:
        if _waiting.unfinished_tasks:
            _waiting.all_tasks_done.wait(FLUSH_SECONDS)
