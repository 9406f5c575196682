"""What fault tests and other people's libraries lean on: processes that come, go and come back."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_site import LiveSite, LiveWorker, realm_document
from tests.services import ServiceError

pytestmark = pytest.mark.slow

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
SHOP = {"client_id": "shop", "client_secret": SECRET, "require_signed_request_object": False}


@pytest.fixture(scope="module")
def running_site() -> Iterator[LiveSite]:
    with LiveSite([realm_document("/", clients=[SHOP])]) as site:
        yield site


@pytest.fixture
def site(running_site: LiveSite) -> Iterator[LiveSite]:
    with running_site.telling():
        yield running_site


def ask(site: LiveSite, message: str) -> str:
    """An authentication request for alice; its auth_req_id."""
    parameters = {"scope": "openid", "login_hint": "alice", "binding_message": message}
    answer = site.http.post(
        f"{site.url}/oauth2/bc-authorize", data=parameters, auth=("shop", SECRET), timeout=20
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["auth_req_id"])


def poll(site: LiveSite, auth_req_id: str) -> tuple[int, str | None]:
    """(status, error) of one poll."""
    parameters = {
        "grant_type": "urn:openid:params:grant-type:ciba",
        "auth_req_id": auth_req_id,
    }
    answer = site.http.post(
        f"{site.url}/oauth2/access_token", data=parameters, auth=("shop", SECRET), timeout=20
    )
    return answer.status_code, answer.json().get("error")


def test_a_request_outlives_a_crash_of_the_site(site: LiveSite) -> None:
    auth_req_id = ask(site, "Before the crash")
    site.restart(immediate=True)
    assert poll(site, auth_req_id) == (400, "authorization_pending")
    site.answer(auth_req_id, "allow")
    assert poll(site, auth_req_id) == (200, None)


def test_the_worker_prompts_the_user_and_does_so_again_after_a_crash(site: LiveSite) -> None:
    with LiveWorker(site) as worker, worker.telling():
        ask(site, "From the first worker")
        the_prompt(worker, "From the first worker")
        worker.restart(immediate=True)
        ask(site, "From the second worker")
        the_prompt(worker, "From the second worker")


def the_prompt(worker: LiveWorker, message: str) -> None:
    """Wait for the line by which the console channel tells alice."""
    until = time.monotonic() + 60
    prompt = re.compile(rf"\[prompt for alice\].*{re.escape(message)}")
    while not prompt.search(worker.output):
        assert time.monotonic() < until, worker.output
        time.sleep(0.1)


def test_a_management_command_sees_the_database_of_the_site(site: LiveSite) -> None:
    assert '"client_id": "shop"' in site.manage("ciba_export", "/")


def test_a_command_that_fails_says_why(site: LiveSite) -> None:
    with pytest.raises(ServiceError, match="/nowhere"):
        site.manage("ciba_export", "/nowhere")


def test_an_answer_that_does_not_take_is_told(site: LiveSite) -> None:
    with pytest.raises(ServiceError, match=r"404 .*no request has this auth_req_id"):
        site.answer("unknown", "allow")


def test_a_document_that_is_refused_keeps_the_site_from_starting() -> None:
    clients = [{"client_id": "shop", "client_secret": "too short"}]
    site = LiveSite([realm_document("/", clients=clients)])
    with pytest.raises(ServiceError, match="must be 32 to 200 characters long"):
        site.start()
    with pytest.raises(ServiceError, match="has not been started"):
        _ = site.folder


def test_nothing_is_left_of_a_site_that_has_stopped() -> None:
    with LiveSite([realm_document("/")], users=[], workers=1) as site:
        folder, port, process = site.folder, site.port, site.process.pid
        assert folder.exists()
    assert not folder.exists()
    assert not Path(f"/proc/{process}").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
