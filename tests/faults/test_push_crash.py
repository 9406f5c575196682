"""A worker killed in the middle of a push, a hundred times: nothing is lost, nothing doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.test_races import database_url

__all__ = ["database_url"]  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]

ROOT = Path(__file__).resolve().parents[2]
DEATHS = 100
SITE = {
    "PROMPT_CHANNELS": [],
    "TASK_RUNNER": "none",
    "PUSH_DELIVERY": True,
    "OUTBOUND_ALLOW_LOOPBACK": True,
    "OUTBOUND_DEADLINE": 1,
    "DELIVERY_LEASE": 1,
}


@pytest.mark.requirement("CIBA Core", "10.3")
def test_every_approved_request_is_pushed_with_one_token_set_although_each_push_kills_its_worker(
    database_url: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.push_crash", str(DEATHS)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "CIBA_VAR": str(tmp_path),
            "TEST_DJANGO_CIBA": json.dumps(SITE),
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["failures"] == []
    assert said["kills"] == DEATHS
    assert said["told"] == said["acknowledged"] == DEATHS
    assert said["token_sets"] == {"1": DEATHS}
    assert said["called_again"] >= DEATHS / 2
    assert said["usable"] == DEATHS
    assert said["deliveries"] == {"delivered": DEATHS}
    assert said["requests"] == {"redeemed": DEATHS}
    assert (said["grants"], said["tokens"]) == (DEATHS, 2 * DEATHS)
    assert said["kept"] == 0
