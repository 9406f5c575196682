"""What all services share: a temporary folder, a process group, and an end to both."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

LOOPBACK = "127.0.0.1"


class ServiceError(RuntimeError):
    """The service did not come up; the message ends with what it logged."""


def free_port() -> int:
    """A port that nobody listens on now; the start is tried again if someone took it meanwhile."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def executable(name: str, *folders: str) -> Path | None:
    """The program of that name, in folders (patterns below /) first, then on PATH.

    Debian keeps servers out of PATH, in folders with a version in their name: the newest is taken.
    """
    for pattern in folders:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if os.access(folder / name, os.X_OK):
                return folder / name
    found = shutil.which(name)
    return Path(found) if found else None


class Service(ABC):
    """A server as a context manager: running inside, without a trace afterwards."""

    name: ClassVar[str]
    start_within: ClassVar[float] = 60.0
    stop_within: ClassVar[float] = 20.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    attempts: ClassVar[int] = 3

    def __init__(self) -> None:
        self.port = 0
        self._folder: Path | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._frozen: list[int] = []

    # what a service says of itself

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """Why this machine cannot run the service, or None if it can."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address as Django, Celery or a client library takes it."""

    @abstractmethod
    def _launch(self) -> None:
        """Choose a port, unless one was chosen, and spawn the server."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it does its work, which is later than when its port opens."""

    def _place(self) -> str | None:
        """Where the folder is made; None is the user's own place for temporary files."""
        return None

    def _prepare(self) -> None:  # noqa: B027 - most need nothing
        """What has to be done to the empty folder, once."""

    def _before_use(self) -> None:  # noqa: B027 - most need nothing
        """What has to be done once it answers for the first time."""

    # the life of it

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise ServiceError(f"{self.name} has not been started")
        return self._folder

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server itself; whatever helps it was spawned before."""
        return self._processes[-1]

    @property
    def running(self) -> bool:
        return bool(self._processes) and self.process.poll() is None

    def start(self) -> Self:
        if reason := self.missing():
            raise ServiceError(reason)
        prefix = f"ciba-{self.name.lower()}-"
        self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._place()))
        try:
            self._prepare()
            self._launch_until_it_answers()
            self._before_use()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        self._end(self.stop_signal, self.stop_within)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # what fault tests do to it

    def freeze(self) -> None:
        """Stop it as a paused machine does: connections stay open, and nothing answers."""
        self._frozen = _with_descendants(self.process.pid)
        for member in self._frozen:
            _signal(member, signal.SIGSTOP)

    def thaw(self) -> None:
        while self._frozen:
            _signal(self._frozen.pop(), signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def shut_down(self, *, immediate: bool = False) -> None:
        """End the server and keep its data and its port; immediate is a crash."""
        self._end(signal.SIGKILL if immediate else self.stop_signal, self.stop_within)

    def resume(self) -> None:
        """Start it again where shut_down left it."""
        self._launch_until_it_answers()

    def restart(self, *, immediate: bool = False) -> None:
        self.shut_down(immediate=immediate)
        self.resume()

    # for the services

    def _spawn(
        self,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        with self._log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [str(part) for part in command],
                    cwd=self.folder,
                    env={**os.environ, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=user,
                    group=group,
                    extra_groups=None if user is None else [],
                )
            )

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _launch_until_it_answers(self) -> None:
        port_is_promised = bool(self.port)
        for attempt in range(1, self.attempts + 1):
            self._launch()
            if self._wait():
                return
            self._end(signal.SIGKILL, self.stop_within)
            if attempt < self.attempts and not port_is_promised:
                self.port = 0
        log = self._log.read_text(errors="replace")[-4000:]
        raise ServiceError(f"{self.name} did not answer on port {self.port}:\n{log}")

    def _wait(self) -> bool:
        end = time.monotonic() + self.start_within
        while self.running and time.monotonic() < end:
            if self._answers():
                return True
            time.sleep(0.05)
        return False

    def _end(self, first: signal.Signals, within: float) -> None:
        while self._processes:
            process = self._processes.pop()
            _signal_group(process.pid, first)
            self.thaw()  # a frozen process hears nothing but SIGKILL
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(within)
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()


def _signal(process: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, what)


def _signal_group(group: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)


def _with_descendants(process: int) -> list[int]:
    """A server's children may lead groups of their own, so the group would not be enough."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True
    )
    children: dict[int, list[int]] = {}
    for line in table.stdout.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [process]
    for member in found:
        found.extend(children.get(member, []))
    return found
