"""Keys rotate while a thousand flows run, and a cached JWK Set verifies every ID token."""

import queue
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Self

import pytest
import requests

from django_ciba.jose import Verified, verification_keys, verify
from tests.live_site import LiveSite, realm_document

pytestmark = pytest.mark.slow

ALGS: Final = ("ES256", "EdDSA", "PS256", "RS256")
FLOWS: Final = 1000
PART: Final = 160
THREADS: Final = 8
SECRET: Final = "s" * 43


def client(alg: str) -> dict[str, Any]:
    return {
        "client_id": alg,
        "client_secret": SECRET,
        "require_signed_request_object": False,
        "id_token_signed_response_alg": alg,
        "scope": "openid",
    }


@pytest.fixture
def site() -> Iterator[LiveSite]:
    document = realm_document("/", clients=[client(alg) for alg in ALGS], key_published_before=0)
    with LiveSite([document]) as running:
        yield running


class Flows:
    """Runs whole flows on threads, as many as it is told to."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.done: queue.Queue[str] = queue.Queue()  # ID tokens, or what went wrong
        self._waiting: queue.Queue[str | None] = queue.Queue()  # None: no more for one thread
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def start(self, number: int) -> None:
        """Have so many more run, of each algorithm in turn; returns at once."""
        for each in range(number):
            self._waiting.put(ALGS[each % len(ALGS)])

    def tokens(self, number: int) -> Iterator[str]:
        """The next so many ID tokens, as they come."""
        for _ in range(number):
            yield self.done.get(timeout=60)

    def _run(self) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while (alg := self._waiting.get()) is not None:
                try:
                    self.done.put(self._flow(http, alg))
                except (KeyError, ValueError, requests.RequestException) as problem:
                    self.done.put(f"{alg}: {problem!r}")

    def _flow(self, http: requests.Session, alg: str) -> str:
        """The ID token that the flow gave."""
        issuer, auth = self.site.issuer(), (alg, SECRET)
        message = secrets.token_hex(8)  # what looks the same is answered together
        asked = {"scope": "openid", "login_hint": "alice", "binding_message": message}
        begun = http.post(f"{issuer}/bc-authorize", data=asked, auth=auth, timeout=30)
        auth_req_id = begun.json()["auth_req_id"]
        query = {"auth_req_id": auth_req_id, "action": "allow"}
        http.post(f"{self.site.url}/ciba-sim", params=query, timeout=30).raise_for_status()
        grant = {
            "grant_type": "urn:openid:params:grant-type:ciba",
            "auth_req_id": auth_req_id,
        }
        given = http.post(f"{issuer}/access_token", data=grant, auth=auth, timeout=30)
        return str(given.json()["id_token"])


@pytest.mark.requirement("RFC 7517", "5")
def test_keys_rotate_while_a_thousand_flows_run_and_a_cached_set_verifies_every_token(
    site: LiveSite,
) -> None:
    jwks = site.http.get(f"{site.issuer()}/connect/jwk_uri", timeout=20).json()
    cached = verification_keys(jwks)  # once, before the first flow: current and next keys
    tokens: list[str] = []
    with Flows(site) as flows:
        flows.start(PART)
        tokens += flows.tokens(PART)
        for alg in ALGS:  # each rotates once, by a process of its own, while flows run
            flows.start(PART)
            site.manage("ciba_keys", "rotate", "--alg", alg)
        flows.start(FLOWS - PART * (len(ALGS) + 1))
        tokens += flows.tokens(FLOWS - PART)
    verified: list[Verified] = [verify(each, cached, algs=ALGS) for each in tokens]
    used = Counter((each.header["alg"], each.header["kid"]) for each in verified)
    assert sum(used.values()) == FLOWS
    # Both keys of each algorithm have signed: every rotation fell among the flows.
    assert sorted(alg for alg, _ in used) == sorted([*ALGS, *ALGS]), used
    after = site.http.get(f"{site.issuer()}/connect/jwk_uri", timeout=20).json()["keys"]
    assert {each["kid"] for each in jwks["keys"]} <= {each["kid"] for each in after}
