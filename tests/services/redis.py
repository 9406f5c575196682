"""A Redis server of our own, in memory."""

import socket
from pathlib import Path

from tests.services.service import LOOPBACK, Service, executable, free_port


class Redis(Service):
    """Also runs as Valkey, which is what some systems ship in its place."""

    name = "Redis"

    @classmethod
    def missing(cls) -> str | None:
        return None if _program() else "redis-server is not installed"

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """One server has sixteen databases: tests that share it can still stay apart."""
        return f"redis://{LOOPBACK}:{self.port}/{database}"

    def _launch(self) -> None:
        self.port = self.port or free_port()
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._spawn([_program() or "redis-server", *options])

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _program() -> Path | None:
    return executable("redis-server") or executable("valkey-server")
