"""Pushes from workers that die of each: `python -m tests.faults.push_crash NUMBER`.

In a site of its own, named by the environment. So many requests are approved; the endpoint that
gets their tokens kills the worker of each first call, half of them before it answers and half just
after. Says as JSON what came of it all.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.callback_server import Received

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.site_settings")

PATIENCE: Final = 200.0  # seconds; the test that waits for us says how long is too long
TOKEN: Final = "8d67dc78-7faa-4d41-aabd-67707b374255"


class Murderer:
    """What the endpoint does: it kills whoever calls first for a request, and takes what comes.

    One call at a time: a worker that is told 204 may make its next call before the blow comes.
    That one is read after its sender's death, and is nobody's to kill for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: defaultdict[str, list[bytes]] = defaultdict(list)
        self.acknowledged: Counter[str] = Counter()
        self.killed_for: set[str] = set()
        self._last_killed = 0
        self._turn = Lock()
        self._now = ""
        self._after = False

    @property
    def kills(self) -> int:
        return len(self.killed_for)

    def called(self, received: "Received") -> None:
        self._turn.acquire()  # until it is answered
        self._now = received.body["auth_req_id"]
        self.calls[self._now].append(received.octets)
        first = self._now not in self.killed_for and self._worker() != self._last_killed
        self._after = first and self.kills % 2 == 1
        if first and not self._after:
            self._kill()

    def answer(self, handler: BaseHTTPRequestHandler, over: Event) -> None:
        from tests.callback_server import status

        try:
            status(204)(handler, over)
            self.acknowledged[self._now] += 1
            if self._after:
                self._kill()
        finally:
            self._turn.release()

    def _kill(self) -> None:
        self._last_killed = self._worker()
        os.kill(self._last_killed, signal.SIGKILL)
        self.killed_for.add(self._now)

    def _worker(self) -> int:
        from tests.faults.mortal_worker import PID_FILE

        return int((self.folder / PID_FILE).read_text())


@contextmanager
def workers() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.mortal_worker"], start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def fill(number: int, url: str) -> None:
    from tests.faults.races import relying_party, set_up
    from tests.provider import approve

    set_up()
    rp = relying_party()
    rp.client.backchannel_token_delivery_mode = "push"
    rp.client.backchannel_client_notification_endpoint = url
    rp.client.save()
    for _ in range(number):
        approve(rp.auth_req_id(client_notification_token=TOKEN))


def wait() -> None:
    from django_ciba.models import Delivery

    end = time.monotonic() + PATIENCE
    while Delivery.objects.filter(state="due").exists():
        if time.monotonic() > end:
            raise TimeoutError(Counter(Delivery.objects.values_list("state", flat=True)))
        time.sleep(0.1)


def main(number: int) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from django_ciba.models import AuthenticationRequest, Delivery, Grant, Token
    from tests.callback_server import CallbackServer

    murderer = Murderer(Path(settings.VAR))
    with CallbackServer(murderer.answer) as server:
        server.meanwhile = murderer.called
        fill(number, server.url)
        with workers():
            wait()
    bodies = [json.loads(calls[0]) for calls in murderer.calls.values()]
    now = timezone.now()

    def usable(body: dict[str, Any]) -> bool:
        return Token.objects.live_access_token(body["access_token"], now) is not None

    requests = AuthenticationRequest.objects.all()
    print(
        json.dumps(
            {
                "kills": murderer.kills,
                "told": len(murderer.calls),
                "acknowledged": len(murderer.acknowledged),
                "token_sets": Counter(len(set(each)) for each in murderer.calls.values()),
                "usable": sum(map(usable, bodies)),
                "called_again": sum(len(each) > 1 for each in murderer.calls.values()),
                "deliveries": Counter(Delivery.objects.values_list("state", flat=True)),
                "requests": Counter(requests.values_list("status", flat=True)),
                "grants": Grant.objects.filter(revoked_at__isnull=True).count(),
                "tokens": Token.objects.count(),
                "kept": sum(bool(each.client_notification_token) for each in requests)
                + sum(bool(each.payload) for each in Delivery.objects.all()),
                "failures": list(map(repr, server.failures)),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
