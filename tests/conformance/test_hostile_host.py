"""A host's REST_FRAMEWORK settings, ATOMIC_REQUESTS and middleware change nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AGAIN = (
    "test_poll_flow.py",
    "test_token_endpoint.py",
    "test_userinfo.py",
    "test_backchannel_answers.py",
    "test_client_authentication.py",
    "test_private_key_jwt.py",
)


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
@pytest.mark.requirement("Protocol", "1")
def test_a_host_that_sets_everything_against_us_changes_nothing() -> None:
    """DRF reads its settings when it is imported, so the tests run again in another process."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *("--ds", "tests.hostile.settings", "tests/hostile/check_the_host.py"),
            *(f"tests/conformance/{name}" for name in AGAIN),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
