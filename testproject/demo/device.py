"""The user with their browser, on the real pages: session, CSRF, forms as they stand there."""

from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

from testproject.demo.telling import DemoFailed, say


@dataclass
class Form:
    """One form of a page: where it goes, its hidden fields, its buttons as (name, value)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = True
            self.found.append(Form(have.get("action", ""), have.get("method", "get").lower()))
        elif self.inside and tag == "input":
            self.found[-1].fields[have.get("name", "")] = have.get("value", "")
        elif self.inside and tag == "button":
            self.found[-1].buttons.append((have.get("name", ""), have.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


def forms(page: str) -> list[Form]:
    """The forms of an HTML page, in order."""
    parser = _Forms()
    parser.feed(page)
    return parser.found


class Device:
    """A browser that one user holds."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.hooks["response"].append(_mention)

    def log_in(self, username: str, password: str) -> str:
        """Open the inbox, be sent to the login page, fill it in; the inbox that follows."""
        page = self.http.get(f"{self.site}/ciba/", timeout=10)
        form = _one(forms(page.text), lambda each: "password" in each.fields, "login")
        typed = {"username": username, "password": password}
        page = self.http.post(
            urljoin(page.url, form.action),
            form.fields | typed,
            headers={"Referer": page.url},
            timeout=10,
        )
        if any("password" in each.fields for each in forms(page.text)):
            raise DemoFailed(f"the site did not let {username} log in")
        return page.text

    def approve(self, inbox: str, binding_message: str) -> None:
        """Find the request in the inbox by its message, and press Approve."""
        for piece in inbox.split("<article")[1:]:
            if binding_message in unescape(piece):
                form = _one(forms(piece), lambda each: bool(each.buttons), "answer")
                break
        else:
            raise DemoFailed(f"the inbox does not show: {binding_message}")
        approve = _one(form.buttons, lambda each: each[1] == "approved", "Approve button")
        address = f"{self.site}/ciba/"
        answered = self.http.post(
            urljoin(address, form.action),
            form.fields | dict([approve]),
            headers={"Referer": address},
            timeout=10,
        )
        answered.raise_for_status()


def _one(found: list[Any], fits: Any, what: str) -> Any:
    for each in found:
        if fits(each):
            return each
    raise DemoFailed(f"the page has no {what}")


def _mention(response: requests.Response, **_: Any) -> None:
    path = response.request.path_url
    arrow = f" to {response.headers['Location']}" if response.is_redirect else ""
    say(f"   {response.request.method} {path}", "key")
    say(f"   {response.status_code} {response.reason}{arrow}", "good" if response.ok else "bad")
