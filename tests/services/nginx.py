"""An nginx of our own: TLS in front of an application, as a deployment's nginx has it."""

import os
import signal
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from tests.services.service import LOOPBACK, Service, executable, free_port

WHERE_IT_WRITES: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx(Service):
    """Serves `servers` (nginx's own language, inside `http`) with `files` beside them.

    `{port}` in servers is the port that it listens on, `{folder}` the folder of the files.
    """

    name = "nginx"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, servers: str, files: Mapping[str, str]) -> None:
        super().__init__()
        self.servers = servers
        self.files = dict(files)

    @classmethod
    def missing(cls) -> str | None:
        return None if _program() else "nginx is not installed"

    @property
    def url(self) -> str:
        return self.url_of(LOOPBACK)

    def url_of(self, host: str) -> str:
        """Several servers share the port; `host` chooses one."""
        return f"https://{host}:{self.port}"

    def _prepare(self) -> None:
        for name, text in self.files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _launch(self) -> None:
        self.port = self.port or free_port()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        log = ["-e", "stderr"]
        self._spawn([_program() or "nginx", *log, "-p", self.folder, "-c", configuration])

    def _configuration(self) -> str:
        """What a distribution's nginx.conf would say, in a folder that anybody may run it in."""
        places = "".join(
            f"    {name}_temp_path {self.folder}/{name};\n" for name in WHERE_IT_WRITES
        )
        servers = self.servers.replace("{port}", str(self.port))
        servers = servers.replace("{folder}", str(self.folder))
        # Else root's workers become another user, who may not enter root's temporary folders.
        user = "user root;\n" if os.geteuid() == 0 else ""
        return (
            f"{user}daemon off;\nworker_processes 1;\npid {self.folder}/pid;\n"
            "error_log stderr info;\nevents {}\n"
            f"http {{\n    access_log off;\n{places}{servers}\n}}\n"
        )

    def _answers(self) -> bool:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with (
                socket.create_connection((LOOPBACK, self.port), timeout=1) as connection,
                context.wrap_socket(connection),
            ):
                return True
        except OSError:
            return False


def _program() -> Path | None:
    return executable("nginx", "/usr/sbin", "/usr/local/sbin")
