"""Other sites that show the device inside themselves, or send it forms of their own."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_ciba.models import AuditEvent, AuthenticationRequest
from django_ciba.testing.loopback_server import LoopbackServer, respond
from tests.browser.test_inbox import own_page
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Sites differ by host and not by port (HTML §7.1.1): the one is a stranger, to whom the browser
# sends no cookie of ours, and the other a neighbour, to whom it does.
SITES = {"a stranger's site": "127.0.0.1", "another port of our host": "localhost"}
FRAMED = '<!doctype html><title>Win a prize</title><iframe src="{address}"></iframe>'
FORM = """<!doctype html><title>Win a prize</title>
<form method="post" action="{address}"><input type="hidden" name="verdict" value="approved">
<button>Win</button></form>"""


class OtherSite(LoopbackServer):
    """Answers every GET with the one page that a test has put there."""

    html = ""

    def at(self, host: str) -> str:
        return f"http://{host}:{urlsplit(self.url).port}/"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                respond(self, outer.html.encode(), Content_Type="text/html")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


@pytest.fixture
def other_site() -> Iterator[OtherSite]:
    with OtherSite() as running:
        yield running


@pytest.fixture
def victim(chromium_process: "Browser", live_server: Any, alice: User) -> Iterator[Page]:
    """Alice's browser, which goes elsewhere too: unlike `page` it may hear errors."""
    context = chromium_process.new_context(locale="en-GB")
    context.set_default_timeout(10_000)
    browser = Client()
    browser.force_login(alice)
    cookie = browser.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    yield context.new_page()
    context.close()


def noted(found: AuthenticationRequest) -> list[tuple[str, str]]:
    """What is written down of the request, which is as nobody had touched it."""
    assert AuthenticationRequest.objects.get(pk=found.pk).answer == ""
    events = AuditEvent.objects.filter(public_id=found.public_id)
    return [(each.event, each.detail["reason"]) for each in events]


@pytest.mark.parametrize("host", SITES.values(), ids=SITES)
def test_a_request_inside_another_page_is_not_shown_and_recorded(
    victim: Page, other_site: OtherSite, live_server: Any, alice: User, host: str
) -> None:
    found = arrange.waiting(alice)
    other_site.html = FRAMED.format(address=f"{live_server.url}{own_page(found)}")
    victim.goto(other_site.at(host))
    frame = next(each for each in victim.frames if each is not victim.main_frame)
    frame.wait_for_url("chrome-error://**", wait_until="commit")  # the browser's own page
    expect(victim.frame_locator("iframe").get_by_text("Example Bank")).to_have_count(0)
    expect(victim.frame_locator("iframe").locator("form, input")).to_have_count(0)
    assert noted(found) == [("answer_refused", "framed")]


@pytest.mark.parametrize(
    ("host", "reason", "said"),
    [
        (SITES["a stranger's site"], "framed", "opened or sent by another website"),
        (SITES["another port of our host"], "csrf", "CSRF verification failed"),
    ],
    ids=SITES,
)
def test_another_sites_form_is_refused_and_recorded(
    victim: Page,
    other_site: OtherSite,
    live_server: Any,
    alice: User,
    host: str,
    reason: str,
    said: str,
) -> None:
    found = arrange.waiting(alice)
    other_site.html = FORM.format(address=f"{live_server.url}{own_page(found)}")
    victim.goto(other_site.at(host))
    with victim.expect_navigation() as navigation:
        victim.get_by_role("button", name="Win").click()
    assert navigation.value is not None
    assert navigation.value.status == 403
    expect(victim.get_by_text(said)).to_be_visible()
    assert noted(found) == [("answer_refused", reason)]


@pytest.mark.parametrize("host", SITES.values(), ids=SITES)
def test_another_sites_link_shows_the_request_and_answers_nothing(
    victim: Page, other_site: OtherSite, live_server: Any, alice: User, host: str
) -> None:
    found = arrange.waiting(alice)
    address = f"{live_server.url}{own_page(found)}"
    other_site.html = f'<!doctype html><title>Win</title><a href="{address}?verdict=approved">x</a>'
    victim.goto(other_site.at(host))
    victim.get_by_role("link", name="x").click()
    expect(victim.get_by_role("heading", name="Not answered")).to_be_visible()
    assert noted(found) == [("answer_refused", "get")]
    victim.get_by_role("link", name="Open the page").click()
    expect(victim.get_by_role("button", name="Approve")).to_be_visible()
