"""A broker that is down or frozen holds up nobody who asks, and what it lost is sent all the same.

Where nothing but an ending without end would be wrong, the test waits generously and judges no
speed: a web request that publishes to a frozen Redis by itself is still waiting after 90 seconds.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest

from tests.faults.publishers import EACH
from tests.live_site import LiveSite, realm_document
from tests.plugin import leave_out
from tests.services import RabbitMQ, Redis, Service

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

ROOT = Path(__file__).parents[2]
GENEROUS = 60  # seconds
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
SHOP = {"client_id": "shop", "client_secret": SECRET, "require_signed_request_object": False}


def started(service: type[Service]) -> Iterator[Service]:
    """One of this module's own: its tests break it."""
    if reason := service.missing():
        leave_out(reason)
    with service() as broker:
        yield broker


@pytest.fixture(scope="module")
def redis() -> Iterator[Service]:
    yield from started(Redis)


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[Service]:
    yield from started(RabbitMQ)


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Service:
    found: Service = request.getfixturevalue(request.param)
    return found


# --- processes that publish -----------------------------------------------------------------------


def run(way: str, url: str, folder: Path, **environment: str) -> str:
    """What a process of that way said; it has ended by itself, and well."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.publishers", way],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "CIBA_VAR": str(folder),
            "CELERY_BROKER_URL": url,
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=GENEROUS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def published(url: str) -> int:
    """How many messages wait there; they are taken."""
    number = 0
    with kombu.Connection(url) as connection:
        queue = connection.SimpleQueue("celery")
        while True:
            try:
                message = queue.get(timeout=1)
            except queue.Empty:
                break
            message.ack()
            number += 1
        queue.close()
    return number


def test_a_process_that_ends_at_once_has_published(broker: Service, tmp_path: Path) -> None:
    run("short", broker.url, tmp_path)
    assert published(broker.url) == 3


def test_a_forked_process_publishes_and_does_not_disturb_its_parent(
    broker: Service, tmp_path: Path
) -> None:
    """After a fork, parent and child hold the same sockets."""
    run("fork", broker.url, tmp_path)
    assert published(broker.url) == 4 * EACH


def test_the_embedded_broker_is_no_exception(tmp_path: Path) -> None:
    for way, number in (("short", 3), ("fork", 4 * EACH)):
        folder = tmp_path / way
        run(way, "filesystem://", folder)
        assert len(list((folder / "broker" / "messages").iterdir())) == number


def test_a_process_ends_whatever_the_broker_does(redis: Service, tmp_path: Path) -> None:
    with redis.frozen():
        run("short", redis.url, tmp_path, TEST_NO_SOCKET_TIMEOUTS="1")
    run("short", "redis://127.0.0.1:1/0", tmp_path)
    run("short", "amqp://guest:guest@127.0.0.1:1//", tmp_path)


def test_an_eager_site_sends_from_its_web_process(tmp_path: Path) -> None:
    said = run("eager", "amqp://guest:guest@127.0.0.1:1//", tmp_path, TEST_EAGER="1")
    assert said.splitlines()[-1] == "delivered delivered"
    assert "[prompt for alice] The Shop asks for your approval" in said


# --- a site whose broker fails --------------------------------------------------------------------


class Asking:
    """A site, and a relying party that asks alice there."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site

    def ask(self, message: str) -> None:
        """bc-authorize, which must be answered with 200, and with time to spare."""
        answer = self.site.http.post(
            f"{self.site.url}/oauth2/bc-authorize",
            data={"scope": "openid", "login_hint": "alice", "binding_message": message},
            auth=("shop", SECRET),
            timeout=GENEROUS / 2,
        )
        assert answer.status_code == 200, answer.text

    def sweep(self) -> str:
        """What the sweep sends, run as a command."""
        return self.site.manage("ciba_run_due")


@pytest.fixture(scope="module")
def site_of(broker: Service) -> Iterator[LiveSite]:
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.faults.site_settings",
        "CELERY_BROKER_URL": broker.url,
        "TEST_DJANGO_CIBA": '{"PROMPT_CHANNELS": ["console"]}',
        "TEST_NO_SOCKET_TIMEOUTS": "1",
    }
    with LiveSite([realm_document("/", clients=[SHOP])], environment=environment) as site:
        yield site


@pytest.fixture
def asking(site_of: LiveSite) -> Iterator[Asking]:
    with site_of.telling():
        yield Asking(site_of)


def test_a_frozen_broker_holds_up_no_request(asking: Asking, broker: Service) -> None:
    """Frozen before anything was published, and again in the middle of it."""
    for when in ("before", "between"):
        with broker.frozen():
            for number in range(8):
                asking.ask(f"Frozen {when} {number}")
            said = asking.sweep()
        for number in range(8):
            assert f"Frozen {when} {number} -> " in said
        asking.ask(f"Thawed {when}")
        assert f"Thawed {when} -> " in asking.sweep()


def test_a_broker_that_is_down_fails_no_request_and_is_used_again_once_it_is_back(
    asking: Asking, broker: Service
) -> None:
    asking.ask("Over a connection that breaks")
    broker.shut_down(immediate=True)
    try:
        for number in range(8):
            asking.ask(f"Down {number}")
        said = asking.sweep()
        for number in range(8):
            assert f"Down {number} -> " in said
    finally:
        broker.resume()
    published(broker.url)
    until = time.monotonic() + GENEROUS
    while not published(broker.url):
        assert time.monotonic() < until, "no wake-up came"
        asking.ask("After the restart")
