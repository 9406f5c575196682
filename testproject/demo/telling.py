"""What the demo prints: steps, and each exchange as it went over the wire."""

import sys
from typing import Any

import requests

from testproject.shop.wire import exchange, pretty

COLOURS = {"bold": "1", "faint": "2", "good": "32", "bad": "31", "key": "36"}
WIDEST_ANSWER = 14  # members; discovery has more, and only what CIBA uses is worth reading


class DemoFailed(Exception):
    """Something did not go as it must; the text says what, to people."""


def say(text: str = "", style: str = "") -> None:
    if style and sys.stdout.isatty():
        text = f"\x1b[{COLOURS[style]}m{text}\x1b[0m"
    print(text, flush=True)


def step(number: int, title: str) -> None:
    say()
    say(f"{number}. {title}", "bold")


def show(response: requests.Response, **_: Any) -> None:
    """A `requests` hook: print one exchange, secrets shortened, JWTs opened."""
    seen = exchange(response)
    say(f"   {seen.method} {seen.path}", "key")
    for name, value in seen.headers.items():
        say(f"     {name}: {value}")
    for name, value in seen.parameters.items():
        say(f"     {name}={value}")
        if name in seen.opened:
            say(_indented(f"opened: {pretty(seen.opened[name])}", 7), "faint")
    say(f"   {seen.status} {seen.reason}", "good" if response.ok else "bad")
    say(_indented(pretty(_of_interest(seen.answer)), 5))
    for name, opened in seen.opened.items():
        if name not in seen.parameters:
            say(_indented(f"{name} opened: {pretty(opened)}", 7), "faint")


def _of_interest(answer: Any) -> Any:
    """A long answer without what the flow does not use."""
    if isinstance(answer, dict) and isinstance(answer.get("keys"), list):
        return {"keys": [{name: key[name] for name in ("kid", "alg")} for key in answer["keys"]]}
    if not isinstance(answer, dict) or len(answer) <= WIDEST_ANSWER:
        return answer
    used = ("issuer", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    kept = {
        name: value
        for name, value in answer.items()
        if name in used or name.startswith("backchannel_")
    }
    return kept | {"…": f"and {len(answer) - len(kept)} more"}


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
