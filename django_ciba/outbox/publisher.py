"""Publish on a background thread, so that no web request waits for a broker, or fails with it."""

import atexit
import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

logger = logging.getLogger("django_ciba.outbox")

T = TypeVar("T")

MAX_WAITING = 1000
FLUSH_SECONDS = 2.0


class Publisher(Generic[T]):
    """One thread a process: a broker that is down, or frozen, holds that thread and nobody else.

    `connect` opens a connection, `send` sends one item by it, and `drop` lets go of one that may
    not be listening any more. What cannot be sent is lost, and `without` says in the log what
    comes of that.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Callable[[], Any],
        send: Callable[[Any, T], None],
        drop: Callable[[Any], None],
        without: str,
    ) -> None:
        self.name = name
        self._connect, self._send, self._drop_connection = connect, send, drop
        self._without = without
        self._waiting: queue.Queue[T] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        atexit.register(self._flush)
        if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
            os.register_at_fork(after_in_child=self._forget_parent)

    def put(self, item: T) -> None:
        """Have `item` sent soon. Never fails, never waits."""
        self._start()
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            logger.warning(
                "the broker does not keep up: no wake-up for %s; %s", item, self._without
            )

    def join(self) -> None:
        """Wait until all that was put has been sent, or is lost."""
        self._waiting.join()

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._publish, args=(self._waiting,), name=self.name, daemon=True
                )
                self._thread.start()

    def _publish(self, waiting: "queue.Queue[T]") -> None:
        """Send what waits, by a connection of this thread's own."""
        held: Any = None
        while True:
            item = waiting.get()
            tries = 2 if held else 1  # the broker may have closed a held connection since
            while tries:
                tries -= 1
                try:
                    held = held or self._connect()
                    self._send(held, item)
                    tries = 0
                except Exception as error:  # noqa: BLE001 - a broker's client may raise anything
                    self._drop(held)
                    held = None
                    if not tries:
                        logger.warning("no wake-up for %s: %r; %s", item, error, self._without)
            waiting.task_done()

    def _drop(self, connection: Any) -> None:
        try:
            if connection is not None:
                self._drop_connection(connection)
        except Exception:
            logger.debug("letting go of a connection to the broker", exc_info=True)

    def _flush(self) -> None:
        """A process that ends at once, as a management command does, gets a moment to publish."""
        with self._waiting.all_tasks_done:
            if self._waiting.unfinished_tasks:
                self._waiting.all_tasks_done.wait(FLUSH_SECONDS)

    def _forget_parent(self) -> None:
        """A forked process has neither the parent's thread nor a use for what waited there.

        Its locks were copied as they stood, and whoever held one is not here to let it go.
        """
        self._waiting, self._thread, self._lock = queue.Queue(MAX_WAITING), None, threading.Lock()
