"""The test site as real processes: gunicorn, and a Celery worker beside it.

For what django.test.Client cannot show: other people's libraries, several processes on one
database, and what a crash leaves behind. Both are services, with all that a fault test does to one:
freeze, shut down, crash, restart.

    with LiveSite(documents, users=["alice"]) as site, LiveWorker(site) as worker:
        site.answer(auth_req_id, "allow")
        worker.restart(immediate=True)
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, LiteralString
from urllib.parse import urlsplit

import psycopg
import requests
from psycopg import sql

from tests.asked_often import ASKED_OFTEN
from tests.services import Service, ServiceError, free_port
from tests.services.service import LOOPBACK

ROOT: Final = Path(__file__).parent.parent
SETTINGS: Final = "testproject.settings"
PASSWORD: Final = "correct horse"


def realm_document(
    realm: str, *, clients: Sequence[Mapping[str, Any]] = (), **settings: Any
) -> dict[str, Any]:
    """The demo's root realm at another path, with other clients and settings.

    Tests of a live site ask its few users over and over: who is about limits names them.
    """
    demo = json.loads((ROOT / "testproject" / "realms.json").read_text(encoding="utf-8"))[0]
    return {
        **demo,
        "realm": realm,
        "settings": {**ASKED_OFTEN, **settings},
        "clients": list(clients),
    }


class LiveProcess(Service):
    """What site and worker share: they run in the site's environment, and say what they logged."""

    start_within: ClassVar[float] = 120.0  # Django, twice, on a busy machine

    @classmethod
    def missing(cls) -> str | None:
        return None

    @property
    def output(self) -> str:
        """All that it has logged, restarts included."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Print what it logs inside the block: pytest shows that beside a failure, and only then.

        The folder of the service, with its log, is gone before anybody could look.
        """
        begun = len(self.output)
        try:
            yield
        finally:
            print(f"--- {self.name} says:\n{self.output[begun:]}")


class LiveSite(LiveProcess):
    """The site on a port of its own, with its own files and database, realms imported.

    The database is a file of its own, or one of its own on the PostgreSQL server of the run, unless
    `database_url` names one. `environment` is added to the site's, and to its worker's.
    """

    name = "Site"

    def __init__(
        self,
        documents: Sequence[Mapping[str, Any]],
        *,
        users: Sequence[str] = ("alice",),
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        workers: int = 2,
        threads: int = 4,
    ) -> None:
        super().__init__()
        self.documents = list(documents)
        self.users = list(users)
        self.workers = workers
        self.threads = threads
        self.http = requests.Session()
        self.http.trust_env = False  # a proxy of this shell's does not lead to loopback
        self._database_url = database_url
        self._own_database: str | None = None
        self._environment = dict(environment or {})

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def issuer(self, realm: str = "/") -> str:
        """The issuer of the realm at that path, as PingAM spells it."""
        names = [name for name in realm.split("/") if name]
        path = "".join(f"/realms/{name}" for name in ["root", *names]) if names else ""
        return f"{self.url}/oauth2{path}"

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the site runs with, on top of this one's environment."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "DATABASE_URL": self.database_url,
            "CIBA_VAR": str(self.folder / "var"),
            "CIBA_SIMULATOR": "1",
            "CIBA_ALLOW_LOOPBACK": "1",
            "PUBLIC_URL": self.url,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            **self._environment,
        }

    @property
    def database_url(self) -> str:
        if self._database_url is not None:
            return self._database_url
        return self._own_database or f"sqlite:///{self.folder}/db.sqlite3"

    # what tests do with it

    def answer(self, auth_req_id: str, action: str) -> None:
        """Answer as the request's user: action is allow or deny. Raises when it did not take."""
        query = {"auth_req_id": auth_req_id, "action": action}
        answered = self.http.post(f"{self.url}/ciba-sim", params=query, timeout=20)
        if answered.status_code != 200:
            raise ServiceError(f"{action}: {answered.status_code} {answered.text}")

    def manage(self, *arguments: str) -> str:
        """What a management command prints. Raises ServiceError with all of it when it fails."""
        return self._python("-m", "django", *arguments)

    # for the service

    def _prepare(self) -> None:
        run = os.environ.get("DATABASE_URL", "")
        if self._database_url is None and run.startswith("postgresql:"):
            self._own_database = create_database(run)
        documents = self.folder / "realms.json"
        documents.write_text(json.dumps(self.documents), encoding="utf-8")
        self._python("-m", "tests.live_site", str(documents), *self.users)

    def _launch(self) -> None:
        self.port = self.port or free_port()
        # --no-control-socket: its place is one for the whole account, and sites run side by side.
        options = {"--bind": f"{LOOPBACK}:{self.port}", "--access-logfile": "-"}
        options |= {"--workers": str(self.workers), "--threads": str(self.threads)}
        # A client that polls every other second must not meet a connection that is just closing.
        options |= {"--keep-alive": "60", "--graceful-timeout": "5"}
        flat = [part for option in options.items() for part in option]
        command = [sys.executable, "-m", "gunicorn", "testproject.wsgi", "--no-control-socket"]
        self._spawn([*command, *flat], environment=self.environment)

    def _answers(self) -> bool:
        address = f"{self.issuer()}/.well-known/openid-configuration"
        try:
            return self.http.get(address, timeout=10).status_code == 200
        except requests.RequestException:
            return False

    def _end(self, first: signal.Signals, within: float) -> None:
        self.http.close()  # else gunicorn waits for what this connection may still ask
        super()._end(first, within)

    def stop(self) -> None:
        super().stop()
        if self._own_database is not None:
            drop_database(self._own_database)
            self._own_database = None

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            encoding="utf-8",
            timeout=self.start_within,
            check=False,
        )
        if done.returncode:
            raise ServiceError(f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout


class LiveWorker(LiveProcess):
    """A Celery worker of a live site, with beat in it, on the site's broker."""

    name = "Worker"

    def __init__(self, site: LiveSite, *, concurrency: int = 2) -> None:
        super().__init__()
        self.site = site
        self.concurrency = concurrency
        self._begun = 0

    @property
    def url(self) -> str:
        return self.site.environment.get("CELERY_BROKER_URL", "filesystem://")

    def _launch(self) -> None:
        self._begun = len(self.output) if self._log.exists() else 0
        celery = ["-m", "celery", "-A", "testproject", "worker", "-B", "--loglevel", "INFO"]
        options = ["--without-gossip", "--without-mingle", "--concurrency", str(self.concurrency)]
        self._spawn([sys.executable, *celery, *options], environment=self.site.environment)

    def _answers(self) -> bool:
        return " ready." in self.output[self._begun :]


def create_database(url: str) -> str:
    """An empty database beside the one at `url`, on the same PostgreSQL server; its address."""
    name = f"live_{secrets.token_hex(6)}"
    _as_administrator(url, "CREATE DATABASE {}", name)
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def drop_database(url: str) -> None:
    """Drop it, whoever is still connected."""
    parts = urlsplit(url)
    beside = parts._replace(path="/postgres").geturl()
    _as_administrator(beside, "DROP DATABASE IF EXISTS {} WITH (FORCE)", parts.path[1:])


def _as_administrator(url: str, statement: LiteralString, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def main(documents: str, users: Sequence[str]) -> None:
    """Make the site's database: run in its environment, before it starts."""
    import django
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    password = make_password(PASSWORD)  # once: a hasher is slow on purpose
    user = get_user_model()
    user.objects.bulk_create(
        user(
            username=name,
            password=password,
            email=f"{name}@example.com",
            first_name=name.title(),
            last_name="Adams",
        )
        for name in users
    )
    call_command("ciba_import", documents)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
