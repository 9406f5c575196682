"""A PostgreSQL cluster of our own."""

import contextlib
import os
import pwd
import secrets
import signal
import subprocess
from pathlib import Path
from typing import ClassVar, Final

from tests.services.service import LOOPBACK, Service, ServiceError, executable, free_port

SUPERUSER: Final = "ciba"
DATABASE: Final = "ciba"
# initdb refuses to run as root, so root lends the cluster to one of these accounts.
ACCOUNTS: Final = ("postgres", "nobody")


class PostgreSQL(Service):
    """The data are thrown away, so they need not reach the disk: durable=True where they must."""

    name = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": does not wait for its clients

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self.durable = durable
        self.password = secrets.token_hex(16)

    @classmethod
    def missing(cls) -> str | None:
        for program in ("initdb", "postgres", "pg_isready", "createdb"):
            if _program(program) is None:
                return f"PostgreSQL's {program} is not installed"
        if os.geteuid() == 0 and _account() is None:
            return f"PostgreSQL does not run as root, and there is no account {ACCOUNTS}"
        return None

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """An empty database beside the first; its address."""
        self._run("createdb", f"--host={LOOPBACK}", f"--port={self.port}", name)
        return self.url_of(name)

    def kill_connections(self) -> None:
        """As an operator's pg_terminate_backend: every client loses its connection at once."""
        statement = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        self._run("psql", f"--dbname={self.url}", "--quiet", f"--command={statement}")

    def shut_down(self, *, immediate: bool = False) -> None:
        """Immediate is PostgreSQL's own word: quit without a checkpoint, recover at the start.

        SIGKILL would leave its children, each the leader of a group of its own, to find out.
        """
        self._end(signal.SIGQUIT if immediate else self.stop_signal, self.stop_within)

    def _place(self) -> str | None:
        """Root's own place for temporary files may be closed to the account that root lends to."""
        return "/tmp" if _account() else None  # noqa: S108 - the folder made there is private

    def _prepare(self) -> None:
        self._lend(self.folder)
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        self._lend(password_file)
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        )
        password_file.unlink()

    def _launch(self) -> None:
        self.port = self.port or free_port()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "log_min_messages": "warning",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        user, group = _account() or (None, None)
        program = _program("postgres") or "postgres"
        self._spawn([program, "-D", self._data, *options], user=user, group=group)

    def _answers(self) -> bool:
        program = _program("pg_isready") or "pg_isready"
        command = [program, "--quiet", f"--host={LOOPBACK}", f"--port={self.port}"]
        return subprocess.run(command, check=False).returncode == 0

    def _before_use(self) -> None:
        self.create_database(DATABASE)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, name: str, *arguments: str) -> None:
        user, group = _account() or (None, None)
        done = subprocess.run(
            [str(_program(name) or name), *arguments],
            cwd=self.folder,
            env={**os.environ, "PGUSER": SUPERUSER, "PGPASSWORD": self.password},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            check=False,
        )
        if done.returncode:
            raise ServiceError(f"{name}: {done.stdout.decode(errors='replace')}")

    def _lend(self, path: Path) -> None:
        if account := _account():
            os.chown(path, *account)


def _program(name: str) -> Path | None:
    return executable(name, "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


def _account() -> tuple[int, int] | None:
    """Who the cluster belongs to when we are root; None where it is ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    return None
