"""ciba_run_due and ciba_cleanup."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from django.test import override_settings
from django.utils import timezone

from django_ciba.models import AuthenticationRequest, Delivery, Realm
from tests.asked_often import ASKED_OFTEN
from tests.unit.commands.conftest import Run, Start

ROOT = Path(__file__).parents[3]


def test_what_is_due_is_done_once(run: Run, start: Start) -> None:
    start(now=timezone.now() - timedelta(seconds=601))
    Delivery.objects.all().delete()
    assert run("ciba_run_due").out == ["1 thing done"]
    assert AuthenticationRequest.objects.get().due_at is None
    assert run("ciba_run_due").out == ["0 things done"]


def test_more_than_a_batch_is_done(run: Run, start: Start, root: Realm) -> None:
    root.settings = {**root.settings, **ASKED_OFTEN}
    root.save()
    for _ in range(103):
        start(now=timezone.now() - timedelta(seconds=601))
    Delivery.objects.all().delete()
    assert run("ciba_run_due").out == ["103 things done"]


@pytest.mark.django_db
@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf", "3601"])
def test_an_interval_is_a_sensible_number(run: Run, interval: str) -> None:
    ran = run("ciba_run_due", f"--interval={interval}")
    assert ran.error == "--interval must be 0.1 to 3600 seconds"


def test_cleanup_prints_what_it_deleted(run: Run, start: Start) -> None:
    start(now=timezone.now() - timedelta(seconds=5000))
    start()
    with override_settings(DJANGO_CIBA={"RETENTION": 60}):
        out = run("ciba_cleanup").out
    assert "authentication_requests: 1" in out
    assert AuthenticationRequest.objects.count() == 1
    assert all(line.endswith(": 0") for line in run("ciba_cleanup").out)


# --- the loop, as a process of its own ------------------------------------------------------------


class Site:
    """A site with a database of its own, and commands run in it as in a shell."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "loop.sqlite3"
        self.environment = {
            **os.environ,
            "CIBA_VAR": str(folder),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "DJANGO_SETTINGS_MODULE": "testproject.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def manage(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "django", *argv]

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            self.manage(*argv), env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def count_due(self) -> int:
        with closing(sqlite3.connect(self.database)) as connection:
            statement = "SELECT count(due_at) FROM django_ciba_authenticationrequest"
            return int(connection.execute(statement).fetchone()[0])


class Loop:
    """ciba_run_due --loop, with what it prints as it prints it."""

    def __init__(self, site: Site) -> None:
        self.process = subprocess.Popen(
            site.manage("ciba_run_due", "--loop", "--interval", "0.2"),
            env=site.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: Queue[str] = Queue()
        self.reader = Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def waits_for(self, text: str) -> str:
        while True:
            line = self.lines.get(timeout=60)
            if text in line:
                return line


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def loop(site: Site) -> Iterator[Loop]:
    found = Loop(site)
    yield found
    found.end()


START_ONE = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from django_ciba.models import AuthenticationRequest, Client, Journey, Realm
long_ago = timezone.now() - timedelta(seconds=700)
realm = Realm.objects.create(name="root")
journey = Journey.objects.create(realm=realm, name="j", document={"start": "", "nodes": {}})
AuthenticationRequest.objects.create(
    client=Client.objects.create(realm=realm, client_id="shop"),
    user=User.objects.create_user("alice"),
    auth_req_id_digest="d", created_at=long_ago, expires_at=long_ago, due_at=long_ago,
    scope="openid", polling_interval=2, journey_version=journey.version,
)
"""


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_the_loop_outlives_a_broken_database_and_ends_at_a_signal(site: Site, loop: Loop) -> None:
    assert loop.waits_for("doing what is due, and looking again every 0.2 s")
    line = loop.waits_for("database: ")
    assert "no such table" in line
    assert line.endswith("trying again in 0.4 s")
    assert loop.waits_for("database: ").endswith("trying again in 0.8 s")

    site.run("migrate", "--verbosity", "0")
    site.run("shell", "--verbosity", "0", "-c", START_ONE)
    deadline = time.monotonic() + 60
    while site.count_due():
        assert time.monotonic() < deadline, "the loop has not done what was due"
        time.sleep(0.1)

    loop.process.send_signal(signal.SIGTERM)
    assert loop.process.wait(timeout=30) == 0
    assert loop.waits_for("stopped")


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_the_loop_ends_at_ctrl_c_while_it_waits(site: Site, loop: Loop) -> None:
    loop.waits_for("database: ")
    loop.process.send_signal(signal.SIGINT)
    assert loop.process.wait(timeout=30) == 0
    assert loop.waits_for("stopped")


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_exit_codes_are_those_of_a_shell(site: Site) -> None:
    site.run("migrate", "--verbosity", "0")
    environment = site.environment

    def code(*argv: str, stdin: str = "") -> int:
        done = subprocess.run(
            site.manage(*argv),
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    document = '{"realm": "/", "settings": {"signing_algs": ["ES256"]}}'
    assert code("ciba_import", "-", stdin="{") == 1
    assert code("ciba_import", "-", stdin=document) == 0
    assert code("ciba_client", "secret", "nobody", "--settings", "testproject.settings") == 1
    assert code("ciba_keys", "retire", "-" + "k" * 42) == 1
    assert code("ciba_answer", "-" + "a" * 42, "approve") == 1
    assert code("ciba_run_due") == 0
