"""`python -m tests.benchmarks`: requests a second, latency, CPU and statements of each hot path.

Starts PostgreSQL and one server process of the test site, signs every request beforehand, drives
with wrk, and measures the floor in the same run. Machines differ and drift: compare ratios inside
one run, never two times from two runs.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.services import PostgreSQL
from tests.services.service import free_port

if TYPE_CHECKING:
    from tests.benchmarks.paths import HotPath

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CONNECTIONS = 16


@dataclass(frozen=True)
class Measured:
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="how long each round lasts")
    parser.add_argument("--rounds", type=int, default=3, help="rounds a path; the median counts")
    parser.add_argument("--only", default="", help="measure the paths whose name holds this")
    options = parser.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None or (reason := PostgreSQL.missing()):
        sys.exit(f"left out: {'wrk is not installed' if wrk is None else reason}")
    with tempfile.TemporaryDirectory(prefix="ciba-bench-") as folder, PostgreSQL() as database:
        os.environ.update(
            DATABASE_URL=database.url,
            CIBA_VAR=folder,
            DJANGO_SETTINGS_MODULE="tests.benchmarks.settings",
            PYTHONPATH=str(ROOT),
        )
        port = free_port()
        os.environ["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
        import django

        django.setup()
        from tests.benchmarks import paths

        paths.set_up()
        with _server(port, Path(folder)) as process:
            _report(wrk, process, port, options, Path(folder))
    return 0


def _report(wrk: str, process: int, port: int, options: Any, folder: Path) -> None:
    from tests.benchmarks import paths

    chosen = [path for path in paths.PATHS if options.only in path.name]
    heads = ("req/s", "p50 ms", "p99 ms", "CPU us")
    print(f"{'path':44}", *(f"{head:>8}" for head in heads), f"{'SQL':>4} {'x floor':>8}")
    floor = 0.0
    for path in chosen:
        amount = paths.amount(options.seconds)
        rounds = []
        for _ in range(options.rounds):
            lines = folder / "lines"
            lines.write_text("".join(f"{header}\t{body}\n" for header, body in path.lines(amount)))
            rounds.append(_round(wrk, process, port, path, lines, options.seconds))
        best = Measured(*(median(values) for values in zip(*map(_values, rounds), strict=True)))
        floor = floor or best.per_second
        print(
            f"{path.name:44} {best.per_second:8.0f} {best.p50_ms:8.2f} {best.p99_ms:8.2f} "
            f"{best.cpu_us:8.0f} {paths.statements(path):>4} {best.per_second / floor:8.2f}",
            flush=True,
        )
    print(f"{'one ES256 verify, bare':44} {1 / paths.verify_seconds():8.0f}")
    print("x floor: against the first row, in this run. One server process, one core where it can.")


def _values(one: Measured) -> tuple[float, float, float, float]:
    return one.per_second, one.p50_ms, one.p99_ms, one.cpu_us


def _round(
    wrk: str, process: int, port: int, path: "HotPath", lines: Path, seconds: int
) -> Measured:
    before = _cpu_seconds(process)
    ran = subprocess.run(
        [
            wrk,
            "-t2",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "-s",
            str(HERE / "load.lua"),
            f"http://127.0.0.1:{port}{path.address}",
            "--",
            str(lines),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    spent = _cpu_seconds(process) - before
    answer = json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("{")))
    if answer["errors"]:
        sys.exit(f"{path.name}: {answer['errors']} connections failed\n{ran.stdout}")
    return Measured(
        answer["requests"] / answer["microseconds"] * 1e6,
        answer["p50"] / 1000,
        answer["p99"] / 1000,
        spent / max(1, answer["requests"]) * 1e6,
    )


@contextmanager
def _server(port: int, folder: Path) -> Iterator[int]:
    """One gunicorn worker with four threads, on one core where the machine lets us choose."""
    pin = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [
            *pin,
            sys.executable,
            "-m",
            "gunicorn",
            "testproject.wsgi",
            f"--bind=127.0.0.1:{port}",
            "--workers=1",
            "--threads=4",
            "--keep-alive=30",
            "--log-level=warning",
        ],
        cwd=ROOT,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        for _ in range(100):
            if process.poll() is not None:
                sys.exit((folder / "server.log").read_text())
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/floor/empty", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield _worker_of(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
        log.close()


def _worker_of(process: int) -> int:
    """gunicorn's worker is the child that answers."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0])


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
