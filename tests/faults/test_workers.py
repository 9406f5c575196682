"""Real Celery workers on every broker: what they send, and what is sent although they die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kombu
import pytest

from tests.live_site import LiveSite, LiveWorker, realm_document
from tests.services import PostgreSQL, Service

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

ROOT = Path(__file__).parents[2]
GENEROUS = 60  # seconds
LEASE = 3
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
SHOP = {"client_id": "shop", "client_secret": SECRET, "require_signed_request_object": False}
CHANNELS = ["console", "tests.faults.channels.HeldChannel"]


@pytest.fixture(scope="module", params=["filesystem", "redis", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest) -> str:
    if request.param == "filesystem":
        return "filesystem://"
    server: Service = request.getfixturevalue(f"{request.param}_server")
    return server.url


class Watched:
    """A site with its worker, and what both leave in files."""

    def __init__(self, site: LiveSite, worker: LiveWorker) -> None:
        self.site = site
        self.worker = worker
        self.var = site.folder / "var"

    def ask(self, message: str, *, user: str = "alice") -> None:
        answer = self.site.http.post(
            f"{self.site.url}/oauth2/bc-authorize",
            data={"scope": "openid", "login_hint": user, "binding_message": message},
            auth=("shop", SECRET),
            timeout=GENEROUS / 2,
        )
        assert answer.status_code == 200, answer.text

    def lines(self, name: str, message: str) -> list[int]:
        """The processes that noted that message in that file of the site."""
        path = self.var / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        noted = [line.partition(" ") for line in lines]
        return [int(pid) for pid, _, said in noted if said == message]

    def waiting_messages(self) -> list[Path] | int:
        """What the broker holds for the worker."""
        if self.worker.url == "filesystem://":
            return list((self.var / "broker" / "messages").iterdir())
        with kombu.Connection(self.worker.url) as connection:
            return int(connection.SimpleQueue("celery").qsize())

    def empty_broker(self) -> None:
        if self.worker.url == "filesystem://":
            for message in (self.var / "broker" / "messages").iterdir():
                message.unlink()
            return
        with kombu.Connection(self.worker.url) as connection:
            connection.SimpleQueue("celery").clear()

    def let_go(self) -> None:
        """Let the held channel send what it holds, and all that comes."""
        (self.var / "go").touch()

    def hold(self) -> None:
        (self.var / "go").unlink(missing_ok=True)


def until(what: Callable[[], Any], why: str) -> None:
    end = time.monotonic() + GENEROUS
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.05)


def environment(broker_url: str, *, sweep_seconds: float, **settings: Any) -> dict[str, str]:
    ours = {"PROMPT_CHANNELS": CHANNELS, "DELIVERY_LEASE": LEASE, **settings}
    return {
        "DJANGO_SETTINGS_MODULE": "tests.faults.site_settings",
        "CELERY_BROKER_URL": broker_url,
        "TEST_SWEEP_SECONDS": str(sweep_seconds),
        "TEST_DJANGO_CIBA": json.dumps(ours),
    }


@contextmanager
def running(variables: dict[str, str]) -> Iterator[Watched]:
    documents = [realm_document("/", clients=[SHOP])]
    site = LiveSite(documents, users=["alice", "bob"], environment=variables, workers=1)
    with site, LiveWorker(site) as worker:
        yield Watched(site, worker)
        worker.shut_down(immediate=True)  # a warm shutdown takes as long as beat sleeps


@pytest.fixture(scope="module")
def running_site(broker_url: str) -> Iterator[Watched]:
    with running(environment(broker_url, sweep_seconds=1)) as found:
        yield found


@pytest.fixture
def watched(running_site: Watched) -> Iterator[Watched]:
    running_site.hold()
    with running_site.site.telling(), running_site.worker.telling():
        yield running_site


def prompted(message: str) -> str:
    return f"[prompt for alice] shop asks for your approval: {message} -> "


def test_a_request_leads_to_a_prompt(watched: Watched) -> None:
    watched.ask("To a prompt")
    until(lambda: prompted("To a prompt") in watched.worker.output, "no prompt")
    assert watched.worker.output.count(prompted("To a prompt")) == 1


def test_what_a_killed_process_of_a_worker_was_sending_is_sent_by_another(
    watched: Watched,
) -> None:
    """As the kernel does when memory is short: one child dies, and the worker lives on."""
    watched.ask("From a dead child", user="bob")
    until(lambda: watched.lines("begun", "From a dead child"), "nobody began to send")
    (first,) = watched.lines("begun", "From a dead child")
    os.kill(first, signal.SIGKILL)
    watched.let_go()
    until(lambda: watched.lines("sent", "From a dead child"), "not sent after the lease")
    assert watched.lines("begun", "From a dead child")[0] == first
    assert first not in watched.lines("sent", "From a dead child")
    assert len(watched.lines("sent", "From a dead child")) == 1


def test_what_a_killed_worker_was_sending_is_sent_by_the_next_one(watched: Watched) -> None:
    watched.ask("From a dead worker", user="bob")
    until(lambda: watched.lines("begun", "From a dead worker"), "nobody began to send")
    (first,) = watched.lines("begun", "From a dead worker")
    watched.worker.shut_down(immediate=True)
    assert watched.lines("sent", "From a dead worker") == []
    watched.let_go()
    watched.worker.resume()
    until(lambda: watched.lines("sent", "From a dead worker"), "not sent after the lease")
    assert len(watched.lines("begun", "From a dead worker")) == 2
    assert first not in watched.lines("sent", "From a dead worker")
    assert len(watched.lines("sent", "From a dead worker")) == 1


def test_what_the_broker_has_lost_is_found_by_the_sweep(watched: Watched) -> None:
    watched.worker.shut_down(immediate=True)
    watched.ask("Lost by the broker")
    until(watched.waiting_messages, "no wake-up was published")
    watched.empty_broker()
    watched.worker.resume()
    until(lambda: prompted("Lost by the broker") in watched.worker.output, "no prompt")


def test_a_wake_up_needs_no_sweep() -> None:
    """Beat sleeps for an hour: only the wake-up can have done it."""
    with (
        running(environment("filesystem://", sweep_seconds=3600)) as watched,
        watched.site.telling(),
        watched.worker.telling(),
    ):
        watched.ask("Woken up")
        until(lambda: prompted("Woken up") in watched.worker.output, "no prompt")
        assert "Task django_ciba.run_due" not in watched.worker.output


# --- two workers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_workers_on_one_outbox_send_each_message_once(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/outbox.sqlite3"
    if database == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        url = server.create_database("two_workers")
    channels = ["tests.faults.channels.MeetingChannel"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.two_workers", "60"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url,
            "CIBA_VAR": str(tmp_path),
            "TEST_DJANGO_CIBA": json.dumps({"PROMPT_CHANNELS": channels, "TASK_RUNNER": "none"}),
        },
        capture_output=True,
        text=True,
        timeout=GENEROUS * 2,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["states"] == {"delivered": 60}
    assert said["attempts"] == {"1": 60}
    assert said["history"] == 60
    assert said["sent"] == {"1": 60}
    assert said["senders"] == 2
    assert sum(int(each.split()[0]) for each in said["said"]) == 60
