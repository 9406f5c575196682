"""Five thousand polls held in one process, without a thread or a database connection each."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from django_ciba.long_polling.application import THREADS
from tests.long_polling.asgi_site import AsgiSite, until
from tests.long_polling.test_held_polls import DOCUMENT, SECRET, begun
from tests.plugin import leave_out
from tests.relying_party import basic

pytestmark = [pytest.mark.slow, pytest.mark.requirement("Protocol", "4")]

ROOT = Path(__file__).parents[2]
NUMBER = 5000
APPROVED = 20
FILES = NUMBER + 1000
# For the main thread, and what libraries start; nothing that grows with what is held.
OTHER_THREADS = 4


@pytest.fixture
def many_files() -> Iterator[None]:
    """A process may have as many connections open as it has file descriptors, by inheritance."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        leave_out(f"a process may open {hard} files here, and this needs {FILES}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connections_to_the_database(site: AsgiSite) -> int:
    """Of the site's process: open files of SQLite, or backends of PostgreSQL beside our own."""
    if site.database_url.startswith("sqlite"):
        database = Path(site.database_url.removeprefix("sqlite:///"))
        files = Path(f"/proc/{site.process.pid}/fd").iterdir()
        return sum(each.is_symlink() and each.readlink() == database for each in files)
    rows = site.sql(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return int(rows[0][0])


@pytest.mark.usefixtures("many_files")
@pytest.mark.timeout(600)
def test_five_thousand_polls_are_held_without_a_thread_or_a_connection_each() -> None:
    # Longer than CIBA Core allows: this machine may take its time to send them all.
    with AsgiSite([DOCUMENT], LONG_POLLING_SECONDS=600) as site, site.telling():
        names = site._python(
            "-m", "tests.long_polling.many_requests", begun(site), str(NUMBER)
        ).split()
        assert len(names) == NUMBER
        before = site.status("VmRSS")
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.long_polling.many_polls"),
                *(urlsplit(site.url).netloc, basic("patient", SECRET)),
            ],
            cwd=ROOT,
            env={**os.environ, **site.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as clients:
            try:
                assert clients.stdin is not None
                assert clients.stdout is not None
                clients.stdin.write("\n".join(names))
                clients.stdin.close()
                polled = "SELECT COUNT(*) FROM django_ciba_authenticationrequest"
                polled += " WHERE polled_us > 0"
                until(lambda: site.sql(polled) == [(NUMBER,)], "not all were polled", within=300)
                held = site.status("VmRSS")
                print(f"{(held - before) / NUMBER:.1f} KiB for each held poll")
                assert site.status("Threads") <= THREADS + OTHER_THREADS
                assert connections_to_the_database(site) <= THREADS + OTHER_THREADS
                for auth_req_id in names[:: NUMBER // APPROVED]:
                    site.answer(auth_req_id, "allow")
                answered = "SELECT COUNT(*) FROM django_ciba_authenticationrequest"
                answered += " WHERE status = 'redeemed'"
                until(lambda: site.sql(answered) == [(APPROVED,)], "not all were answered")
                site.shut_down()
                counted = json.loads(clients.stdout.read())
            finally:
                clients.kill()
    assert counted == {"tokens": APPROVED, "authorization_pending": NUMBER - APPROVED}
