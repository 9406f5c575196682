"""A RabbitMQ node of our own, with an epmd of its own."""

import os
import socket
from pathlib import Path

from tests.services.service import LOOPBACK, Service, executable, free_port

SERVER_FOLDERS = ("/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/*/sbin")


class RabbitMQ(Service):
    """Debian's wrapper on PATH wants to be root or rabbitmq; the script behind it does not."""

    name = "RabbitMQ"
    start_within = 120.0

    def __init__(self) -> None:
        super().__init__()
        self._epmd_port = 0

    @classmethod
    def missing(cls) -> str | None:
        if executable("rabbitmq-server", *SERVER_FOLDERS) is None:
            return "rabbitmq-server is not installed"
        if executable("epmd") is None:
            return "Erlang's epmd is not installed"
        return None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}//"

    def _prepare(self) -> None:
        # Empty files stand in for the machine's, which would otherwise be read.
        for name in ("enabled_plugins", "environment.conf", "rabbitmq.conf"):
            content = "[].\n" if name == "enabled_plugins" else ""
            (self.folder / name).write_text(content)

    def _launch(self) -> None:
        """Start epmd ourselves: one that Erlang starts is a daemon and outlives the node."""
        self.port = self.port or free_port()
        self._epmd_port = free_port()
        environment = self._environment()
        self._spawn(
            [executable("epmd") or "epmd", "-port", str(self._epmd_port), "-address", LOOPBACK],
            environment=environment,
        )
        self._spawn(
            [executable("rabbitmq-server", *SERVER_FOLDERS) or "rabbitmq-server"],
            environment=environment,
        )

    def _environment(self) -> dict[str, str]:
        inherited = {name: "" for name in os.environ if name.startswith("RABBITMQ_")}
        return inherited | {
            "HOME": str(self.folder),  # the Erlang cookie
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"ciba-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": self._path("environment.conf"),
            "RABBITMQ_CONFIG_FILE": self._path("rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": self._path("advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": self._path("enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": self._path("mnesia"),
            "RABBITMQ_LOG_BASE": self._path("logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": self._path("pid"),
        }

    def _path(self, name: str) -> str:
        return str(Path(self.folder, name))

    def _answers(self) -> bool:
        """The broker speaks first only to those who speak AMQP 0-9-1."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False
