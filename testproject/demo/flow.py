"""One whole signed CIBA flow, as the client of PingAM's documentation goes through it."""

import time
from pathlib import Path
from typing import Any

import requests

from testproject.demo.device import Device
from testproject.demo.processes import Child
from testproject.demo.site import CLIENT_ID, key_of, secret_of
from testproject.demo.telling import DemoFailed, say, show, step
from testproject.shop.relying_party import Json, RelyingParty, Waiting

MESSAGE = "Allow ExampleBank to transfer £50 from 'Main' to 'Savings'? (EB-0246326)"
PROMPT_PATIENCE = 20  # seconds
POLLS = 10


def walk(site: str, worker: Child) -> None:
    """From discovery to a refreshed token. Raises DemoFailed, Refused, jwt.PyJWTError."""
    http = requests.Session()
    http.trust_env = False
    http.hooks["response"].append(show)
    issuer = f"{site}/oauth2/realms/root/realms/alpha"
    party = RelyingParty(
        issuer, CLIENT_ID, key_of(CLIENT_ID), secret=secret_of(CLIENT_ID), http=http
    )

    step(1, "The application finds out where everything is (OpenID Connect Discovery)")
    party.metadata  # noqa: B018 - read for what it prints; kept for the steps below

    step(2, "It asks for alice, by a signed request (CIBA Core §7.1.1)")
    waiting = party.ask(
        login_hint="alice", binding_message=MESSAGE, acr_values="push", scope="openid profile"
    )

    step(3, "Celery tells alice: this is the worker's log")
    say(f"   {the_prompt(worker)}", "good")

    step(4, "The application polls, too early: alice has not answered (CIBA Core §11)")
    time.sleep(waiting.seconds_left())
    if party.poll(waiting) is not None:
        raise DemoFailed("there were tokens before the user had answered")

    step(5, "Alice logs in on her own device, sees the message, and approves")
    device = Device(site)
    inbox = device.log_in("alice", "alice")
    device.approve(inbox, MESSAGE)

    step(6, "The application polls again, and gets its tokens")
    tokens = the_tokens(party, waiting)

    step(7, "It checks the ID token against the published keys: signature, iss, aud, exp, at_hash")
    claims = party.verified(tokens)
    say(f"   verified: subject {claims['sub']}, acr {claims.get('acr')}, amr {claims.get('amr')}")

    step(8, "It asks who that is")
    party.userinfo(tokens["access_token"], claims["sub"])

    step(9, "It calls an API of the site with the access token")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    if not http.get(f"{site}/resource", headers=bearer, timeout=10).ok:
        raise DemoFailed("the API did not take the access token")

    step(10, "It refreshes the tokens (RFC 6749 §6)")
    refreshed = party.refresh(tokens["refresh_token"])
    if refreshed["access_token"] == tokens["access_token"]:
        raise DemoFailed("the refreshed access token is the old one")


def the_prompt(worker: Child) -> str:
    """The line in the worker's log by which the console channel tells the user."""
    until = time.monotonic() + PROMPT_PATIENCE
    while time.monotonic() < until:
        worker.must_live()
        for line in worker.lines():
            if "[prompt for alice]" in line and MESSAGE in line:
                return line
        time.sleep(0.2)
    raise DemoFailed(f"no prompt within {PROMPT_PATIENCE} seconds; see {Path(worker.log)}")


def the_tokens(party: RelyingParty, waiting: Waiting) -> Json:
    """Poll at the right pace until the tokens are there."""
    for _ in range(POLLS):
        time.sleep(waiting.seconds_left())
        tokens: dict[str, Any] | None = party.poll(waiting)
        if tokens is not None:
            return tokens
    raise DemoFailed("alice has approved, and yet there are no tokens")
