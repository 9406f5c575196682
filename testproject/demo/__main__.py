"""What the demo does, in order."""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import jwt
import requests
from django.core.management import CommandError
from django.db import DatabaseError

from testproject.demo.processes import (
    ROOT,
    Children,
    a_port,
    end_on_signals,
    site_command,
    worker_command,
)
from testproject.demo.telling import DemoFailed, say
from testproject.shop.relying_party import Refused


def main() -> int:
    options = arguments()
    end_on_signals()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        port = a_port(options.port)
        var = prepare_environment(f"http://localhost:{port}")
        with only_one(var), Children() as children:
            run(children, var, port, once=options.once)
    except KeyboardInterrupt:
        say()
        say("Ended.")
        return 0
    except (CommandError, DatabaseError) as problem:
        say()
        say(f"The demo failed: {problem}", "bad")
        say(f"Its files are in {os.environ['CIBA_VAR']}; without them it starts afresh.")
        return 1
    except (DemoFailed, Refused, jwt.PyJWTError, requests.RequestException) as problem:
        say()
        say(f"The demo failed: {problem}", "bad")
        return 1
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testproject.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the flow: 0 well, 1 not")
    parser.add_argument("--port", type=int, help="default: 8000, or any if that is taken; 0: any")
    return parser.parse_args()


def prepare_environment(site: str) -> Path:
    """What the settings read; ours and the children's are the same. Out: the folder for files."""
    var = Path(os.environ.setdefault("CIBA_VAR", str(ROOT / "testproject" / "var"))).resolve()
    logs = var / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        CIBA_ALLOW_LOOPBACK="1",
        CIBA_VAR=str(var),
        DJANGO_SETTINGS_MODULE="testproject.settings",
        PUBLIC_URL=site,
        PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        PYTHONUNBUFFERED="1",
        PYTHONUTF8="1",
    )
    return var


@contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Two demos in one folder would run each other's tasks. Raises DemoFailed."""
    with (var / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoFailed(
                f"another demo is running in {var}: end that one, or set CIBA_VAR to another folder"
            ) from None
        yield


def run(children: Children, var: Path, port: int, *, once: bool) -> None:
    """Prepare, start, walk, and serve."""
    django.setup()
    # Only now: models cannot be imported before the apps are set up.
    from testproject.demo.flow import walk
    from testproject.demo.site import prepare

    site = os.environ["PUBLIC_URL"]
    say("Preparing the database ...")
    prepare()
    say(f"Starting the site at {site}, and a worker; their logs are in {var / 'logs'} ...")
    environment = dict(os.environ)
    started = time.monotonic()
    children.start("site", site_command(port), var / "logs" / "site.log", environment)
    worker = children.start("worker", worker_command(), var / "logs" / "worker.log", environment)
    children.wait_until(lambda: answers(site), "the site's first answer")
    children.wait_until(lambda: any(" ready." in line for line in worker.lines()), "the worker")
    say(f"Both are ready after {time.monotonic() - started:.1f} seconds.")
    walk(site, worker)
    say()
    say("The whole flow went well.", "good")
    if not once:
        serve(children, site)


def answers(site: str) -> bool:
    """Whether our site answers there: the issuer says that it is ours."""
    with requests.Session() as http:
        http.trust_env = False
        try:
            found = http.get(f"{site}/oauth2/.well-known/openid-configuration", timeout=5)
            return bool(found.ok and found.json()["issuer"] == f"{site}/oauth2")
        except (requests.RequestException, KeyError):
            return False


def serve(children: Children, site: str) -> None:
    """Say where everything is, and stay until Ctrl-C or until a child dies."""
    say()
    say("Now try it in a browser:", "bold")
    for path, what in (
        ("/", "what is what"),
        ("/shop/", "let alice or bob pay"),
        ("/ciba/", "the device: log in as alice / alice, or bob / bob"),
        ("/admin/", "log in as admin / admin"),
    ):
        say(f"  {site + path:<32} {what}")
    say()
    say("Ctrl-C ends it.")
    while True:
        for child in children.started:
            child.must_live()
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
