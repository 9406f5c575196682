"""What is published when a request is settled, and who hears it."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from django_ciba import signals
from django_ciba.long_polling import publishing
from django_ciba.long_polling.redis_channel import Subscription
from tests.services import Redis

DIGEST = "ab" * 32
PATIENCE = 30  # seconds


class Heard(list[str]):
    """What a subscription has heard."""

    def settled(self, digests: list[str]) -> None:
        self.extend(digests)


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not what():
            await asyncio.sleep(0.02)


def test_every_end_of_a_request_is_heard(redis_server: Redis, settings: Any) -> None:
    settings.DJANGO_CIBA = {"LONG_POLLING_REDIS": redis_server.url}
    heard = Heard()

    async def listen() -> None:
        subscription = Subscription(heard.settled)
        listening = asyncio.create_task(subscription.run())
        await until(lambda: subscription.hears)
        for number, signal in enumerate(publishing.SETTLING):
            settled = SimpleNamespace(auth_req_id_digest=f"{number}{DIGEST}")
            signal.send_robust(sender=SimpleNamespace, authentication_request=settled)
        await until(lambda: len(heard) == len(publishing.SETTLING))
        listening.cancel()
        await asyncio.wait([listening])
        assert not subscription.hears

    asyncio.run(listen())
    assert heard == [f"{number}{DIGEST}" for number in range(len(publishing.SETTLING))]


def test_what_ends_nothing_is_not_published() -> None:
    assert signals.request_created not in publishing.SETTLING
    assert signals.request_redeemed not in publishing.SETTLING


def test_without_a_redis_nothing_is_published(settings: Any) -> None:
    settings.DJANGO_CIBA = {}
    waiting = publishing._publisher._waiting.qsize()
    settled = SimpleNamespace(auth_req_id_digest=DIGEST)
    signals.request_approved.send(sender=SimpleNamespace, authentication_request=settled)
    assert publishing._publisher._waiting.qsize() == waiting


def test_a_redis_that_is_not_there_neither_fails_nor_holds_whoever_publishes(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DJANGO_CIBA = {"LONG_POLLING_REDIS": "redis://127.0.0.1:1/0"}
    publishing._publisher._forget_parent()  # and its connection, as a new process has none
    settled = SimpleNamespace(auth_req_id_digest=DIGEST)
    signals.request_approved.send(sender=SimpleNamespace, authentication_request=settled)
    publishing._publisher.join()
    assert "held polls find out by the database" in caplog.text
