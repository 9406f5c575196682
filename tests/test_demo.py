"""`make demo ONCE=1`, run as a newcomer would: no server, no settings, an empty environment."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.plugin import leave_out

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

ROOT = Path(__file__).parents[1]
PATIENCE = 180  # seconds, for a machine that does other things at the same time
STEPS = (
    "1. The application finds out where everything is",
    "2. It asks for alice, by a signed request",
    "3. Celery tells alice",
    "4. The application polls, too early",
    "5. Alice logs in on her own device",
    "6. The application polls again, and gets its tokens",
    "7. It checks the ID token",
    "8. It asks who that is",
    "9. It calls an API of the site",
    "10. It refreshes the tokens",
    "The whole flow went well.",
)


class Demo:
    """`python -m testproject.demo` in a folder of its own; asked to end when the block is left."""

    def __init__(self, var: Path, *arguments: str, port: int = 0, **environment: str) -> None:
        self.var = var
        self.process = subprocess.Popen(
            [sys.executable, "-m", "testproject.demo", "--port", str(port), *arguments],
            cwd=ROOT,
            env={"CIBA_VAR": str(var), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            # A suite that runs in the background has Ctrl-C ignored, and its children with it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # it ends its children
        self.process.communicate(timeout=60)

    def output(self) -> str:
        """All that it prints until it ends."""
        return self.process.communicate(timeout=PATIENCE)[0]

    def output_up_to(self, last_line: str) -> str:
        """What it prints until it has printed that line, or has ended."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.strip() == last_line:
                break
        return "".join(lines)

    def processes(self) -> list[int]:
        """Every process that lives in this demo's folder, by its environment."""
        if not Path("/proc").is_dir():
            leave_out("no /proc to look for processes in")
        mine = f"CIBA_VAR={self.var}".encode()
        return [
            int(each.name)
            for each in Path("/proc").iterdir()
            if each.name.isdigit() and mine in _environment(each).split(b"\0")
        ]


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:  # it ended meanwhile, or is somebody else's
        return b""


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the demos of this file share, one after the other."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first_run(var: Path) -> Iterator[tuple[Demo, str]]:
    """`--once` in an empty folder, and all that it printed."""
    with Demo(var, "--once") as demo:
        yield demo, demo.output()


def test_the_demo_walks_the_whole_flow(first_run: tuple[Demo, str]) -> None:
    demo, output = first_run
    assert demo.process.returncode == 0, output
    assert [output.index(step) for step in STEPS] == sorted(output.index(step) for step in STEPS)
    for expected in (
        "GET /oauth2/realms/root/realms/alpha/.well-known/openid-configuration",
        "POST /oauth2/realms/root/realms/alpha/bc-authorize",
        '"alg": "ES256"',
        '"iss": "myCIBAClient"',
        "\"binding_message\": \"Allow ExampleBank to transfer £50 from 'Main' to 'Savings'?",
        '"error": "authorization_pending"',
        '"name": "Alice Archer"',
        "verified: subject",
        "grant_type=refresh_token",
    ):
        assert expected in output
    prompt = r"ForkPoolWorker-\d+\] \[prompt for alice\] My CIBA Application asks for your approval"
    assert re.search(prompt, output)
    assert "Traceback" not in output


def test_the_demo_prints_no_whole_token(first_run: tuple[Demo, str]) -> None:
    _, output = first_run
    assert "eyJhbGci…" in output
    assert re.search(r"eyJ[\w.-]{20}", output) is None


def test_the_demo_leaves_nothing_running(first_run: tuple[Demo, str]) -> None:
    demo, _ = first_run
    assert demo.processes() == []


def test_the_demo_runs_on_what_it_left_and_serves_until_it_is_ended(
    first_run: tuple[Demo, str], var: Path
) -> None:
    with Demo(var) as serving:
        output = serving.output_up_to("Ctrl-C ends it.")
        assert "The whole flow went well." in output
        assert "created" not in output
        assert "admin / admin" in output
        assert len(serving.processes()) > 2

        with Demo(var, "--once") as second:
            assert f"another demo is running in {var}" in second.output()
            assert second.process.returncode == 1

        serving.process.send_signal(signal.SIGINT)
        assert serving.output().endswith("Ended.\n")
        assert serving.process.returncode == 0
        assert serving.processes() == []


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with Demo(tmp_path, "--once", port=port) as demo:
            output = demo.output()
    assert demo.process.returncode == 1
    assert f"port {port} is taken by another program" in output
    assert "Traceback" not in output


def test_a_child_that_dies_fails_the_demo(tmp_path: Path) -> None:
    with Demo(tmp_path, "--once", CELERY_BROKER_URL="nonsense://") as demo:
        output = demo.output()
    assert demo.process.returncode == 1
    assert "the worker ended by itself (exit code 1)" in output
    assert "No such transport: nonsense" in output
    assert demo.processes() == []


def test_a_spoilt_database_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").write_text("no database at all " * 100)
    with Demo(tmp_path, "--once") as demo:
        output = demo.output()
    assert demo.process.returncode == 1
    assert f"Its files are in {tmp_path}; without them it starts afresh." in output
    assert "Traceback" not in output
