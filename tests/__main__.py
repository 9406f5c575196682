"""Every test that this machine can run, on every database that it has: `python -m tests`.

Arguments go on to pytest.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.plugin import DATABASES, NOTHING_OUT
from tests.services import PostgreSQL

ROOT: Final = Path(__file__).parent.parent


def main(arguments: list[str]) -> int:
    outcomes = {database: run_on(database, arguments) for database in DATABASES}
    print()
    for database, outcome in outcomes.items():
        print(f"{database}: {outcome}")
    allowed = {"passed"} if os.environ.get(NOTHING_OUT) else {"passed", "left out"}
    return int(any(outcome.partition(":")[0] not in allowed for outcome in outcomes.values()))


def run_on(database: str, arguments: list[str]) -> str:
    if database == "postgresql" and (reason := PostgreSQL.missing()):
        return f"left out: {reason}"
    print(f"\n--- tests on {database}", flush=True)
    # A file's tests stay in one process, so that they share the servers they start.
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile"]
    done = subprocess.run([*command, "--database", database, *arguments], cwd=ROOT, check=False)
    return "failed" if done.returncode else "passed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
