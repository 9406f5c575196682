"""What the demo is made of; the whole of it is run by tests/test_demo.py."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from testproject.demo.device import Form, forms
from testproject.demo.processes import Children, a_port
from testproject.demo.site import REALMS, secret_of
from testproject.demo.telling import DemoFailed
from tests.plugin import leave_out

PAGE = """
<form action="/logout/" method="post"><button>Out</button></form>
<input name="outside" value="1">
<form method="POST">
  <input type="hidden" name="csrfmiddlewaretoken" value="a&amp;b"><input name="username">
  <button name="verdict" value="denied">No</button>
  <button name="verdict" value="approved">Yes</button>
</form>
"""


def test_the_browser_reads_forms_as_they_stand() -> None:
    assert forms(PAGE) == [
        Form("/logout/", "post", {}, [("", "")]),
        Form(
            "",
            "post",
            {"csrfmiddlewaretoken": "a&b", "username": ""},
            [("verdict", "denied"), ("verdict", "approved")],
        ),
    ]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_taken_port_is_said_to_be_taken(taken_port: int) -> None:
    with pytest.raises(DemoFailed, match=f"port {taken_port} is taken by another program"):
        a_port(taken_port)


def test_a_port_taken_on_ipv6_alone_is_taken() -> None:
    """A browser may try [::1] first when it reads localhost."""
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        leave_out("no IPv6 on this machine")
    with listening, pytest.raises(DemoFailed, match="is taken"):
        a_port(listening.getsockname()[1])


def test_zero_is_any_free_port() -> None:
    port = a_port(0)
    assert port > 1023
    assert a_port(port) == port


@pytest.mark.slow
def test_a_child_that_dies_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('address already in use'); raise SystemExit(3)"]
    with Children() as children:
        children.start("site", command, tmp_path / "site.log", os.environ)
        with pytest.raises(DemoFailed) as raised:
            children.wait_until(lambda: False, "the site")
    assert "the site ended by itself (exit code 3)" in str(raised.value)
    assert "address already in use" in str(raised.value)


@pytest.mark.slow
def test_children_and_their_children_end_with_the_demo(tmp_path: Path) -> None:
    """Even those that will not hear SIGTERM, and whatever made the demo end."""
    if not Path("/proc").is_dir():
        leave_out("no /proc to look for processes in")
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    parent = (
        "import subprocess, sys, time; "
        f"child = subprocess.Popen([sys.executable, '-c', {deaf + 'time.sleep(60)'!r}]); "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", parent]
    with suppress(RuntimeError), Children() as children:
        child = children.start("worker", command, tmp_path / "worker.log", os.environ)
        children.wait_until(lambda: bool(child.lines()), "the grandchild")
        raise RuntimeError("something else went wrong")
    assert child.process.returncode == -signal.SIGTERM
    until = time.monotonic() + 5
    while is_alive(int(child.lines()[0])):
        assert time.monotonic() < until, "the grandchild lives on"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """A zombie that nobody has collected yet is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_shipped_realm_document_holds_no_key() -> None:
    clients = [each for realm in json.loads(REALMS.read_text()) for each in realm["clients"]]
    assert [each["client_id"] for each in clients] == ["shop", "myCIBAClient"]
    assert not any("jwks" in each for each in clients)
    assert len(secret_of("myCIBAClient")) >= 32
