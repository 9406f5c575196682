"""The demo's children: the site and a worker. They end with it, however it ends."""

import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from testproject.demo.telling import DemoFailed

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds that a child has to get ready
LAST_LINES = 20


class Child:
    """One child process with its own process group, and its log in a file."""

    def __init__(self, name: str, command: list[str], log: Path, environment: Mapping[str, str]):
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we end the children, in order
            )

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def must_live(self) -> None:
        """Raises DemoFailed with the end of its log when it has died."""
        if (code := self.process.poll()) is not None:
            last = "\n".join(f"     {line}" for line in self.lines()[-LAST_LINES:])
            raise DemoFailed(
                f"the {self.name} ended by itself (exit code {code}); its log {self.log} ends:\n"
                f"{last}"
            )

    def end(self) -> None:
        """Wait until it has ended, as it was asked to, and then insist; its children too."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        with suppress(ProcessLookupError):  # the group has no member any more
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """Those who were started; all are ended when the `with` block is left."""

    def __init__(self) -> None:
        self.started: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # A second Ctrl-C must not leave half of them behind.
        held = {each: signal.signal(each, signal.SIG_IGN) for each in ENDING}
        try:
            for child in reversed(self.started):
                child.process.terminate()
            for child in self.started:
                child.end()
        finally:
            for each, handler in held.items():
                signal.signal(each, handler)

    def start(
        self, name: str, command: list[str], log: Path, environment: Mapping[str, str]
    ) -> Child:
        child = Child(name, command, log, environment)
        self.started.append(child)
        return child

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for `ready`, watching that nobody dies. Raises DemoFailed after PATIENCE."""
        until = time.monotonic() + PATIENCE
        while not ready():
            for child in self.started:
                child.must_live()
            if time.monotonic() > until:
                logs = ", ".join(str(child.log) for child in self.started)
                raise DemoFailed(f"{what} did not come within {PATIENCE} seconds; see {logs}")
            time.sleep(0.2)


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals() -> None:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: through every `with` block."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, leave)


def site_command(port: int) -> list[str]:
    """gunicorn where it is installed, else Django's own server; both with threads, since the shop
    calls the provider, which is the same site.
    """
    if importlib.util.find_spec("gunicorn"):
        gunicorn = ["-m", "gunicorn", "testproject.wsgi", "--bind", f"127.0.0.1:{port}"]
        options = ["--threads", "8", "--access-logfile", "-", "--no-control-socket"]
        return [sys.executable, *gunicorn, *options]
    runserver = ["-m", "django", "runserver", f"127.0.0.1:{port}", "--noreload"]
    return [sys.executable, *runserver]


def worker_command() -> list[str]:
    """A Celery worker with beat in it, on the embedded broker."""
    celery = ["-m", "celery", "-A", "testproject", "worker", "-B", "--loglevel", "INFO"]
    options = ["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [sys.executable, *celery, *options]


def a_port(wanted: int | None) -> int:
    """The port to serve on: the one wanted, else 8000, else any free one.

    Raises DemoFailed when the one wanted is taken.
    """
    if wanted is not None and not is_free(wanted):
        raise DemoFailed(
            f"port {wanted} is taken by another program: end that one, or choose with --port"
        )
    if wanted:
        return wanted
    if wanted is None and is_free(8000):
        return 8000
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Whether nobody listens there, on IPv6 either: `localhost` may mean that one to a browser."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as fault:
            if family == socket.AF_INET or fault.errno == errno.EADDRINUSE:
                return False
    return True
