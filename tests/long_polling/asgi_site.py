"""The test site under uvicorn, and a client of it that holds many connections at once."""

import hashlib
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.live_site import LiveSite
from tests.services import free_port
from tests.services.service import LOOPBACK

GENEROUS = 60  # seconds


class AsgiSite(LiveSite):
    """As LiveSite, in one process of uvicorn; `settings` are the site's own, beside its usual."""

    name = "ASGI site"

    def __init__(
        self,
        documents: Sequence[Mapping[str, Any]],
        *,
        users: Sequence[str] = ("alice",),
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        variables = {
            "DJANGO_SETTINGS_MODULE": "tests.faults.site_settings",
            "TEST_DJANGO_CIBA": json.dumps({"PROMPT_CHANNELS": [], **settings}),
            **(environment or {}),
        }
        super().__init__(documents, users=users, environment=variables)

    def _launch(self) -> None:
        self.port = self.port or free_port()
        command = [sys.executable, "-m", "uvicorn", "testproject.asgi:application"]
        options = {"--host": LOOPBACK, "--port": str(self.port), "--timeout-keep-alive": "60"}
        options |= {"--backlog": "4096", "--log-level": "warning"}
        flat = [part for option in options.items() for part in option]
        self._spawn([*command, *flat], environment=self.environment)

    # what is in its database

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement, run on the site's own database; `?` stands for a value."""
        if self.database_url.startswith("sqlite"):
            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"))) as lite:
                lite.execute("PRAGMA busy_timeout = 20000")
                rows = lite.execute(statement, values).fetchall()
                lite.commit()
                return rows
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []

    def was_polled(self, auth_req_id: str) -> bool:
        """Whether the endpoint has paced a poll of it, which it does just before it is held."""
        digest = hashlib.sha256(auth_req_id.encode()).hexdigest()
        rows = self.sql(
            "SELECT polled_us FROM django_ciba_authenticationrequest WHERE auth_req_id_digest = ?",
            digest,
        )
        return bool(rows[0][0])

    # what the kernel says of it

    def status(self, name: str) -> int:
        """A number out of /proc/PID/status, as VmRSS (KiB) or Threads."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name}:")]
        return int(line.split()[1])


class Poll:
    """One poll under way, on a connection and a thread of its own."""

    def __init__(self, site: AsgiSite, **sent: Any) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._answer: requests.Response | Exception | None = None
        self._thread = threading.Thread(target=self._ask, args=(site, sent), daemon=True)
        self._thread.start()

    def _ask(self, site: AsgiSite, sent: dict[str, Any]) -> None:
        address = f"{site.issuer()}/access_token"
        try:
            self._answer = self._session.post(address, timeout=GENEROUS, **sent)
        except Exception as error:  # noqa: BLE001 - raised again by whoever asks for the answer
            self._answer = error

    @property
    def is_held(self) -> bool:
        return self._thread.is_alive()

    def answer(self) -> requests.Response:
        """The answer, once it is there."""
        self._thread.join(GENEROUS)
        assert not self._thread.is_alive(), "the poll was not answered"
        if isinstance(self._answer, Exception):
            raise self._answer
        assert self._answer is not None
        return self._answer


def until(what: Callable[[], Any], why: str, *, within: float = GENEROUS) -> None:
    """Wait until it holds; it must within a generous time."""
    end = time.monotonic() + within
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.05)
