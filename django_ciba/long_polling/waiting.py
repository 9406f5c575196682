"""The polls that one process holds: an entry in a dictionary each, and what ends its wait."""

import asyncio
import enum
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from django_ciba.conf import ciba_settings

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class End(enum.Enum):
    """Why a poll is held no longer."""

    SETTLED = enum.auto()  # its request is not pending any more: the endpoint is asked again
    TIME_UP = enum.auto()  # the answer that was held back is given
    GONE = enum.auto()  # its client has hung up: nobody is answered


class _Waiter:
    __slots__ = ("end", "looked_at")

    def __init__(self) -> None:
        self.end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.looked_at = False

    def finish(self, why: End) -> None:
        if not self.end.done():
            self.end.set_result(why)


class HeldPolls:
    """The polls held, by the digest of their auth_req_id; at most LONG_POLLING_MOST of them.

    Places are taken by threads that ask the endpoint, and given back by the event loop; all the
    rest belongs to the event loop alone.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiter] = {}
        self._taken = 0
        self._lock = threading.Lock()
        self.closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def take_place(self) -> bool:
        """Take a place; False when there is none left. Whoever took one gives it back."""
        with self._lock:
            if self._taken >= ciba_settings.LONG_POLLING_MOST:
                return False
            self._taken += 1
        return True

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1

    async def wait(self, digest: str, receive: Receive, seconds: float) -> End:
        """Wait for the first thing that ends the wait.

        CIBA Core §7.3: a client must not have two polls of one auth_req_id under way. When it has,
        the older one is let go: its client most likely listens to the newer one.
        """
        if self.closed:
            return End.TIME_UP
        waiter = _Waiter()
        if (older := self._waiting.get(digest)) is not None:
            older.finish(End.TIME_UP)
        self._waiting[digest] = waiter
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, waiter.finish, End.TIME_UP)
        hanging_up = loop.create_task(_hung_up(receive, waiter))
        try:
            return await waiter.end
        finally:
            timer.cancel()
            hanging_up.cancel()
            if self._waiting.get(digest) is waiter:
                del self._waiting[digest]

    def to_look_at(self, *, all_of_them: bool) -> list[str]:
        """The digests to ask the database about: all, or those it was not asked about yet.

        A request may be settled after the endpoint has looked and before its poll waits here, so
        that no message about it can come any more.
        """
        chosen = [
            digest for digest, each in self._waiting.items() if all_of_them or not each.looked_at
        ]
        for digest in chosen:
            self._waiting[digest].looked_at = True
        return chosen

    def settled(self, digests: Iterable[str]) -> None:
        """These requests are not pending any more."""
        for digest in digests:
            if (found := self._waiting.get(digest)) is not None:
                found.finish(End.SETTLED)

    def close(self) -> None:
        """Hold no more polls, and let go of those that are held."""
        self.closed = True
        for each in self._waiting.values():
            each.finish(End.TIME_UP)


async def _hung_up(receive: Receive, waiter: _Waiter) -> None:
    """ASGI §HTTP: after the body, the only message is that the client has gone."""
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        waiter.finish(End.GONE)
