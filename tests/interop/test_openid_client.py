"""JavaScript's openid-client goes through the flow, run by node (node/driver.mjs)."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.interop.conftest import CLIENTS
from tests.live_site import LiveSite
from tests.plugin import leave_out

pytestmark = pytest.mark.slow

FOLDER: Final = Path(__file__).parent / "node"
DEADLINE: Final = 120
OLDEST_NODE: Final = 20

Outcomes = Mapping[tuple[str, str], Mapping[str, Any]]

each_client = pytest.mark.parametrize("client_id", CLIENTS)


@pytest.fixture(scope="session")  # as the site is: else the site would start before we know
def node() -> str:
    """The path of node, where it and the library are installed."""
    found = shutil.which("node")
    if found is None:
        leave_out("node is missing")
    said = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout
    if int(said.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        leave_out(f"node is {said.strip()}: openid-client needs {OLDEST_NODE} or later")
    if not (FOLDER / "node_modules" / "openid-client").exists():
        leave_out("openid-client is not installed: run `npm ci` in tests/interop/node")
    return found


@pytest.fixture(scope="module")
def outcomes(node: str, running_site: LiveSite) -> Outcomes:
    """What the library met, by (client_id, scenario): all at once, as most of it is waiting."""
    clients = [
        {
            "client_id": client.client_id,
            "issuer": running_site.issuer(client.realm),
            "method": client.method,
            "secret": client.secret,
            "key": client.key.to_dict(),
            "alg": client.alg,
            "id_token_alg": client.id_token_alg,
            "signed": client.signed,
        }
        for client in CLIENTS.values()
    ]
    with running_site.telling():
        done = subprocess.run(
            [node, "driver.mjs"],
            cwd=FOLDER,
            input=json.dumps({"simulator": f"{running_site.url}/ciba-sim", "clients": clients}),
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {(each["client_id"], each["scenario"]): each for each in told}


def outcome(outcomes: Outcomes, client_id: str, scenario: str) -> Any:
    told = outcomes[client_id, scenario]
    assert "error" not in told, told["error"]
    return told["outcome"]


@pytest.mark.requirement("CIBA Core", "7.4")
@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.requirement("CIBA Core", "7.3")
@pytest.mark.requirement("CIBA Core", "10.1.1")
@each_client
def test_openid_client_polls_until_it_has_tokens_that_it_takes(
    outcomes: Outcomes, client_id: str
) -> None:
    met = outcome(outcomes, client_id, "happy")
    assert (met["expiresIn"], met["interval"]) == (600, 1)
    assert met["heard"] == ["authorization_pending"]
    assert met["tokens"]["token_type"] == "bearer"  # the library writes it small
    assert met["tokens"]["expires_in"] == 3599
    assert met["tokens"]["scope"] == "openid profile email"
    assert met["claims"]["aud"] == client_id
    assert met["claims"]["acr"] == "push"
    assert met["claims"]["amr"] == ["pwd"]


@pytest.mark.requirement("CIBA Core", "11")
@each_client
def test_openid_client_hears_access_denied(outcomes: Outcomes, client_id: str) -> None:
    assert outcome(outcomes, client_id, "denial") == {
        "error": "access_denied",
        "description": "The end user denied the request",
        "status": 400,
    }


@pytest.mark.requirement("CIBA Core", "11")
@each_client
def test_openid_client_hears_expired_token(outcomes: Outcomes, client_id: str) -> None:
    assert outcome(outcomes, client_id, "expiry") == {
        "error": "expired_token",
        "description": "the auth_req_id has expired: start a new authentication request",
        "status": 400,
    }


@pytest.mark.requirement("CIBA Core", "11")
@each_client
def test_openid_client_slows_down_when_it_is_told_to(outcomes: Outcomes, client_id: str) -> None:
    met = outcome(outcomes, client_id, "slow_down")
    assert met["first"]["error"] == "authorization_pending"
    assert met["second"] == {
        "error": "slow_down",
        "description": "The polling interval has not elapsed since the last request",
        "status": 400,
    }
    assert list(dict.fromkeys(met["heard"])) == ["authorization_pending", "slow_down"]
    assert met["heard"][-2:] == ["slow_down", "slow_down"]
    assert met["seconds"] >= 7  # the interval of 1, and then it and 5 more
    assert met["claims"]["aud"] == client_id


@pytest.mark.requirement("RFC 6749", "6")
@pytest.mark.requirement("OIDC Core", "12.2")
@each_client
def test_openid_client_refreshes_its_tokens(outcomes: Outcomes, client_id: str) -> None:
    met = outcome(outcomes, client_id, "refresh")
    first, second = met["first"], met["second"]
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert len({claims["sub"] for claims in met["claims"]}) == 1
    assert len({claims["auth_time"] for claims in met["claims"]}) == 1
    assert met["reused"]["error"] == "invalid_grant"


@pytest.mark.requirement("OIDC Core", "5.3")
@each_client
def test_openid_client_reads_userinfo(outcomes: Outcomes, client_id: str) -> None:
    met = outcome(outcomes, client_id, "userinfo")
    assert met["claims"]["sub"] == met["sub"]
    assert met["claims"]["name"] == "Erin Adams"
    assert met["claims"]["email"] == "erin@example.com"


@pytest.mark.requirement("RFC 9449", "5")
@pytest.mark.requirement("RFC 9449", "7.1")
@pytest.mark.requirement("RFC 9449", "8")
@each_client
def test_openid_client_binds_its_tokens_to_a_key_and_learns_our_nonce(
    outcomes: Outcomes, client_id: str
) -> None:
    met = outcome(outcomes, client_id, "dpop")
    assert met["types"] == ["dpop", "dpop"]  # the library writes it small
    assert met["name"] == "Frank Adams"
    assert met["heard"] == ["use_dpop_nonce"]  # once: it is good at UserInfo too
