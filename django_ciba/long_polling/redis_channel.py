"""One channel of Redis, on which every process that holds polls hears what has been settled.

The word is a hurry and not the truth: a process that hears of a request looks at the database, and
one that hears nothing looks there each second.
"""

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django_ciba.conf import ciba_settings

logger = logging.getLogger("django_ciba.long_polling")

CHANNEL = "django_ciba.settled"
TIMEOUT = 2.0  # seconds for one word with Redis
HEARTBEAT = 5.0  # seconds of silence after which Redis is asked whether it is there
AGAIN_AFTER = 1.0  # seconds


def connection(package: str) -> Any:
    """A client that tries each thing once. redis is imported where it is used: few sites do."""
    retry, backoff = import_module("redis.retry"), import_module("redis.backoff")
    # asyncio has a Retry of its own.
    kind = import_module(f"{package}.retry") if package != "redis" else retry
    return import_module(package).Redis.from_url(
        ciba_settings.LONG_POLLING_REDIS,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=kind.Retry(backoff.NoBackoff(), 0),
    )


class Subscription:
    """Hears of settled requests for as long as it runs; `hears` says whether Redis is there."""

    def __init__(self, settled: Callable[[list[str]], None]) -> None:
        self._settled = settled
        self.hears = False

    async def run(self) -> None:
        """Listen without end, and subscribe again whenever Redis was away."""
        warned = False
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - a broker's client may raise anything
                if self.hears or not warned:
                    logger.warning("Redis does not wake held polls, the database does: %r", error)
                    warned = True
            finally:
                self.hears = False
            await asyncio.sleep(AGAIN_AFTER)

    async def _listen(self) -> None:
        async with connection("redis.asyncio") as redis, redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            asked = False
            while True:
                message = await channel.get_message(timeout=HEARTBEAT)
                if message is None and asked:
                    raise TimeoutError("Redis has stopped answering")
                if message is None:
                    await channel.ping()
                    asked = True
                    continue
                # Whatever it says, the first word being that we are subscribed, it is there.
                self.hears, asked = True, False
                if message["type"] == "message":
                    self._settled([message["data"].decode("ascii", "replace")])
