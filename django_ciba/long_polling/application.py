"""The ASGI application in front of Django's that holds polls (CIBA Core §7.3).

    application = LongPolling(get_asgi_application())

A token request goes through the site's own request cycle, in a small pool of threads. When the
endpoint answers authorization_pending to a client that is registered for long polling, the answer
is held back, and thread and database connection are free: what waits is an entry in a dictionary.
When the request is settled, the endpoint is asked again, and that is the answer; when time is up,
the answer that was held back is.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from django_ciba.conf import ciba_settings
from django_ciba.long_polling.redis_channel import Subscription
from django_ciba.long_polling.waiting import End, HeldPolls, Receive

if TYPE_CHECKING:
    from django_ciba.grants import HeldPoll
    from django_ciba.long_polling.site import Answer, Scope, Site

logger = logging.getLogger("django_ciba.long_polling")

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

THREADS = 8
LOOK_EACH = 1.0  # seconds
# With Redis, for what nobody tells: a request that has expired, a message that was lost.
LOOK_AT_ALL_EACH = 5  # looks
AT_ONCE = 5000  # digests in one statement


class LongPolling:
    """An ASGI application: holds polls, and hands everything else on to `application`.

    `threads` is how many token requests are worked on at once, and so how many database
    connections they use, whatever number is held.
    """

    def __init__(self, application: Application, *, threads: int = THREADS) -> None:
        self.application = application
        self.polls = HeldPolls()
        # By name: asgi.py imports this module before it has loaded the apps and their models.
        self._site: Site = import_string("django_ciba.long_polling.site.Site")(self.polls)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="django_ciba-poll")
        self._subscription = Subscription(self.polls.settled)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def __call__(self, scope: "Scope", receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._site.is_token_request(scope):
            await self._token_request(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    async def _token_request(self, scope: "Scope", receive: Receive, send: Send) -> None:
        self._open()
        body = await _body(receive, ciba_settings.MAX_BODY_BYTES)
        if body is None:
            return
        answer, poll = await self._ask(scope, body)
        if poll is not None:
            try:
                self._look()
                seconds = ciba_settings.LONG_POLLING_SECONDS
                end = await self.polls.wait(poll.digest, receive, seconds)
            finally:
                self.polls.give_back()
            if end is End.GONE:
                return
            if end is End.SETTLED:
                answer, _ = await self._ask(scope, body, poll)
        await _send(answer, send)

    async def _ask(
        self, scope: "Scope", body: bytes, held: "HeldPoll | None" = None
    ) -> "tuple[Answer, HeldPoll | None]":
        asked = self._pool.submit(self._site.ask, scope, body, held)
        try:
            return await asyncio.wrap_future(asked)
        except asyncio.CancelledError:  # so some servers say that the client has gone
            asked.add_done_callback(self._nobody_waits)
            raise

    def _nobody_waits(self, asked: "Future[tuple[Answer, HeldPoll | None]]") -> None:
        """Give back the place that was taken for a poll whose client has gone meanwhile."""
        if not asked.cancelled() and asked.exception() is None and asked.result()[1] is not None:
            self.polls.give_back()

    # what ends a wait

    def _open(self) -> None:
        """Listen to Redis where it is set, and to the signals that end this process; once."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = loop
        if ciba_settings.LONG_POLLING_REDIS:
            self._listening = loop.create_task(self._subscription.run())
        _before_the_server_hears_of_it(lambda: loop.call_soon_threadsafe(self.polls.close))

    def _look(self) -> None:
        """Have the database looked at for as long as anything is held."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_while_held())

    async def _look_while_held(self) -> None:
        """Once a second, ask for all that wait: one statement for each AT_ONCE of them."""
        loop, looks, failing = asyncio.get_running_loop(), 0, False
        while True:
            await asyncio.sleep(LOOK_EACH)
            if not self.polls:
                return
            looks += 1
            everything = not self._subscription.hears or looks % LOOK_AT_ALL_EACH == 0
            digests = self.polls.to_look_at(all_of_them=everything)
            for at in range(0, len(digests), AT_ONCE):
                some = digests[at : at + AT_ONCE]
                try:
                    self.polls.settled(
                        await loop.run_in_executor(self._pool, self._site.settled, some)
                    )
                except Exception as error:
                    if not failing:
                        logger.error("the database does not say what is settled", exc_info=error)
                    failing = True
                else:
                    failing = False

    # the life of the process

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """ASGI's lifespan: Django's own application knows none, so it ends here."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._open()
                await send({"type": "lifespan.startup.complete"})
            else:
                self.polls.close()
                for task in filter(None, (self._listening, self._looking)):
                    task.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _body(receive: Receive, most: int) -> bytes | None:
    """The request's body, or as much of it as shows that it is too long; None without a client."""
    content: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        content += message.get("body", b"")
        if not message.get("more_body") or len(content) > most:
            return content


async def _send(answer: "Answer", send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


def _before_the_server_hears_of_it(ending: Callable[[], Any]) -> None:
    """Call `ending` when this process is told to end.

    ASGI's lifespan says so only after the last request has been answered, which is too late for
    those that are held. The server's own handler runs next. A server that has none in this thread
    ends in a way of its own, and polls end with it, or at their time.
    """

    def handler(previous: Callable[..., Any]) -> Callable[..., None]:
        def handle(number: int, frame: Any) -> None:
            with suppress(RuntimeError):  # the loop has been closed
                ending()
            previous(number, frame)

        return handle

    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)
        if callable(previous):
            with suppress(ValueError):  # not the main thread
                signal.signal(number, handler(previous))
