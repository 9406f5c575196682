"""Do what is due: messages, timers, expiries, key rotation. The worker where there is no Celery."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseProblem
from django.db import close_old_connections
from django.utils import timezone

from django_ciba.due import rotate_keys, run_due
from django_ciba.management.command import OperatorCommand

logger = logging.getLogger("django_ciba.management")

BATCH: Final = 100
LONGEST_BACKOFF: Final = 30.0
SLICE: Final = 0.25  # a signal ends the wait within this many seconds


class Command(OperatorCommand):
    help = (
        "Do what is due once: send prompts, pings and pushes, walk journey timers, note expiries, "
        "and rotate signing keys where KEY_ROTATION says so. With --loop, go on until SIGTERM or "
        "SIGINT: the worker of a site without Celery, and a second net for one with it. Any number "
        "of these may run at the same time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until stopped")
        parser.add_argument(
            "--interval",
            type=float,
            default=1.0,
            metavar="SECONDS",
            help="wait this long when nothing is due (default: 1)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        interval = options["interval"]
        if not 0.1 <= interval <= 3600:
            raise CommandError("--interval must be 0.1 to 3600 seconds")
        if options["loop"]:
            self._loop(interval)
        else:
            done = _all_due()
            self.stdout.write("1 thing done" if done == 1 else f"{done} things done")

    def _loop(self, interval: float) -> None:
        failures = 0
        with _stopping() as stop:
            self.stdout.write(f"doing what is due, and looking again every {interval:g} s")
            self.stdout.flush()
            while not stop:
                try:
                    close_old_connections()
                    # Whole batches follow each other at once, and a signal ends between them.
                    wait = interval if run_due(at_most=BATCH) + rotate_keys() == 0 else 0.0
                    failures = 0
                except DatabaseProblem as problem:
                    failures += 1
                    wait = min(interval * 2 ** min(failures, 10), LONGEST_BACKOFF)
                    logger.error("database: %s; trying again in %.1f s", problem, wait)
                    close_old_connections()
                until = time.monotonic() + wait
                while not stop and (left := until - time.monotonic()) > 0:
                    time.sleep(min(left, SLICE))
        self.stdout.write("stopped")


def _all_due() -> int:
    """Everything that is due at this moment, batch by batch; how much that was."""
    now = timezone.now()
    total = rotate_keys(now)
    while done := run_due(now, at_most=BATCH):
        total += done
    return total


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """A list that a signal fills: what is under way is finished. A second signal ends it at once.

    A list, since a handler that takes a lock could wait for the very code that it interrupts.
    """
    received: list[int] = []
    previous: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for each, before in previous.items():
            signal.signal(each, before)

    if threading.current_thread() is threading.main_thread():  # else signals are not ours
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, note) or signal.SIG_DFL
    try:
        yield received
    finally:
        for each, before in previous.items():
            signal.signal(each, before)
