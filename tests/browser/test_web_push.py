"""A message on its whole way: the page subscribes, the server sends it encrypted to a push service,
which decrypts it as the browser would and hands it to the browser's service worker.

Chromium has a push service of its maker's alone. Here one on loopback stands in for it, and the
debugger's protocol for the connection that a browser keeps open to it. Nor can anybody click on a
notification of a browser without a screen: the worker is told that somebody has.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.models import AuthenticationRequest, Device
from django_ciba.prompts.web_push import vapid_public_key
from tests.browser.conftest import NewPage
from tests.browser.test_inbox import own_page, press
from tests.callback_server import CallbackServer, status
from tests.plugin import PREFIX
from tests.push_service import BrowserSubscription
from tests.unit.authentication_device import arrange
from tests.unit.journeys.arrange import SEEDS, begin

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import Worker

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"  # RFC 8291 §5
GENERIC = {"title": "Something waits for your answer", "body": "Open to see what it is."}

# Push API §6, with a subscription that we have made: it stands until it is given up.
PUSH_MANAGER = """
((made) => {
  const KEY = "the test's push service";
  const current = () => {
    const key = localStorage.getItem(KEY);
    if (!key) return null;
    const octets = Uint8Array.from(
      atob(key.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
    return {
      options: { userVisibleOnly: true, applicationServerKey: octets.buffer },
      toJSON: () => made,
      unsubscribe: async () => { localStorage.removeItem(KEY); return true; },
    };
  };
  PushManager.prototype.getSubscription = async () => current();
  PushManager.prototype.subscribe = async (options) => {
    if (!options.userVisibleOnly) throw new DOMException("must be visible", "NotAllowedError");
    localStorage.setItem(KEY, options.applicationServerKey);
    return current();
  };
})(%s)
"""
NOTIFICATIONS = """async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications()).map(
    ({ title, body, tag, data }) => ({ title, body, tag, address: data.address }));
}"""
# Chromium forgets a notification that is asked for while it is on its way to the screen, so the
# tests ask once the worker has shown it.
RECORD = """() => {
  if (self.shown) return;
  self.shown = [];
  const show = ServiceWorkerRegistration.prototype.showNotification;
  ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
    await show.call(this, title, options);
    self.shown.push(title);
  };
}"""
SHOWN = "() => self.shown.length"
# A constructed event has nobody who waits until it is done, and opens no window: both are ours.
CLICK = """async () => {
  const [notification] = await self.registration.getNotifications();
  let opened = "", done;
  self.clients.openWindow = async (address) => { opened = address; return null; };
  const event = new NotificationEvent("notificationclick", { notification });
  event.waitUntil = (promise) => { done = promise; };
  self.dispatchEvent(event);
  await done;
  return opened;
}"""
# As the browser says it; an event that is constructed carries no subscriptions, so they are put in.
ANOTHER = """async ({ before, after }) => {
  let done;
  const event = new ExtendableEvent("pushsubscriptionchange");
  Object.assign(event, { oldSubscription: before, newSubscription: after });
  event.waitUntil = (promise) => { done = promise; };
  self.dispatchEvent(event);
  await done;
}"""
REFUSED = 'Object.defineProperty(Notification, "permission", { get: () => "denied" })'
BROKEN = (
    'PushManager.prototype.subscribe = async () => { throw new DOMException("no", "AbortError"); }'
)
IN_SAFARI = """
navigator.standalone = false;
Object.defineProperty(ServiceWorkerRegistration.prototype, "pushManager", { get: () => undefined });
"""


class Phone:
    """Alice's browser: its page, and the push service that it has subscribed at."""

    def __init__(self, page: Page, service: CallbackServer) -> None:
        self.page, self.service = page, service
        self.subscription = BrowserSubscription()
        made = json.dumps(self.subscription.json(service.url))
        page.context.add_init_script(PUSH_MANAGER % made)
        page.context.grant_permissions(["notifications"])
        self._session = page.context.new_cdp_session(page)
        self._registrations: list[dict[str, Any]] = []
        self._session.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: self._registrations.extend(event["registrations"]),
        )
        self._session.send("ServiceWorker.enable")

    def subscribe(self) -> Device:
        self.page.goto("/ciba/devices/")
        press(self.page, "Get messages on this device")
        expect(self.page.get_by_text("this device", exact=True)).to_be_visible()
        return Device.objects.get()

    def deliver(self, payload: bytes) -> None:
        """As the push service would over the browser's connection; returns when it is shown."""
        origin = self.page.url.split("/ciba/")[0]
        known = next(each for each in self._registrations if not each["isDeleted"])
        assert known["scopeURL"] == f"{origin}/ciba/"
        values = {"origin": origin, "registrationId": known["registrationId"]}
        self.worker.evaluate(RECORD)
        before = self.worker.evaluate(SHOWN)
        self._session.send("ServiceWorker.deliverPushMessage", {**values, "data": payload.decode()})
        while self.worker.evaluate(SHOWN) == before:
            self.page.wait_for_timeout(20)

    def pass_on(self) -> bytes:
        """What the server has sent, decrypted and handed to the worker."""
        (push,) = self.service.received
        payload = self.subscription.read(push.octets)
        self.deliver(payload)
        return payload

    def notification(self) -> dict[str, str]:
        """The one that shows."""
        (shown,) = self.notifications()
        return shown

    def notifications(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.page.evaluate(NOTIFICATIONS)
        return found

    @property
    def worker(self) -> "Worker":
        (only,) = self.page.context.service_workers
        return only


@pytest.fixture
def service() -> Iterator[CallbackServer]:
    with CallbackServer(status(201)) as running:
        yield running


@pytest.fixture
def phone(new_page: NewPage, alice: User, service: CallbackServer, settings: Any) -> Phone:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "PROMPT_CHANNELS": ["webpush"],
        "VAPID_PRIVATE_KEY": PRIVATE,
        "VAPID_CONTACT": "mailto:ops@example.com",
        "OUTBOUND_ALLOW_LOOPBACK": True,
        "TASK_RUNNER": "none",
    }
    return Phone(new_page(alice, service_workers="allow"), service)


def ask(alice: User) -> AuthenticationRequest:
    """Alice is asked, and the worker sends what is due."""
    found = begin(SEEDS, arrange.client(), alice, now=timezone.now())
    assert run_due() == 1
    return found


def test_a_browser_subscribes_with_the_sites_key_and_gives_it_up_again(phone: Phone) -> None:
    device = phone.subscribe()
    key = phone.page.evaluate('localStorage.getItem("the test\'s push service")')
    assert key == vapid_public_key()
    assert (device.kind, device.channel) == ("browser", "webpush")
    assert json.loads(device.address)["endpoint"] == phone.service.url
    press(phone.page, "No more messages on this device")
    expect(phone.page.get_by_role("button", name="Get messages on this device")).to_be_visible()
    assert not Device.objects.exists()


def test_a_browser_that_is_given_another_subscription_keeps_its_name(
    phone: Phone, alice: User, service: CallbackServer
) -> None:
    """The push service may change it at any time; the worker says so, without a page."""
    phone.subscribe()
    Device.objects.update(name="My telephone")
    another = BrowserSubscription()
    before, after = phone.subscription.json(service.url), another.json(f"{service.url}?another")
    phone.worker.evaluate(ANOTHER, {"before": before, "after": after})
    assert Device.objects.get().name == "My telephone"
    found = ask(alice)
    (push,) = service.received
    assert push.path == f"{service.path}?another"
    assert json.loads(another.read(push.octets)) == {"id": str(found.public_id)}


@pytest.mark.parametrize(
    ("browser", "pressed", "said"),
    [
        (REFUSED, False, "This browser does not let the site send messages."),
        (BROKEN, True, "That did not work. A private window cannot get messages;"),
        (IN_SAFARI, False, "messages come to the app on the home screen"),
    ],
)
def test_a_browser_that_gets_no_messages_says_why(
    phone: Phone, browser: str, pressed: bool, said: str
) -> None:
    phone.page.context.add_init_script(browser)
    phone.page.goto("/ciba/devices/")
    button = phone.page.get_by_role("button", name="Get messages on this device")
    if pressed:
        button.click()
    expect(phone.page.get_by_text(said)).to_be_visible()
    assert button.is_visible() is pressed
    assert not Device.objects.exists()


def test_a_message_says_who_asks_for_what_and_leads_to_the_request(
    phone: Phone, alice: User
) -> None:
    phone.subscribe()
    found = ask(alice)
    assert json.loads(phone.pass_on()) == {"id": str(found.public_id)}
    shown = phone.notification()
    assert shown["title"] == "Example Bank asks for your approval"
    assert shown["body"] == found.binding_message
    address = phone.worker.evaluate(CLICK)
    assert address == shown["address"] == phone.page.url.split("/ciba/")[0] + own_page(found)
    assert phone.notifications() == []
    phone.page.goto(address)
    press(phone.page, "Approve")
    expect(phone.page.get_by_role("heading", name="Approved")).to_be_visible()


def test_opening_the_request_puts_its_message_away(phone: Phone, alice: User) -> None:
    phone.subscribe()
    found = ask(alice)
    phone.pass_on()
    phone.notification()
    phone.page.goto(own_page(found))
    while phone.notifications():
        phone.page.wait_for_timeout(20)


def test_a_second_message_takes_the_place_of_the_first_and_says_what_became_of_it(
    phone: Phone, alice: User
) -> None:
    phone.subscribe()
    found = ask(alice)
    payload = phone.pass_on()
    phone.notification()
    AuthenticationRequest.objects.filter(pk=found.pk).update(
        status="denied", answer="denied", answered_at=timezone.now()
    )
    phone.deliver(payload)
    shown = phone.notification()
    assert shown["title"] == "Example Bank waits no longer"
    assert shown["body"] == "It has been denied."


def test_a_signed_out_browser_hears_only_that_something_waits(phone: Phone, alice: User) -> None:
    phone.subscribe()
    found = ask(alice)
    Session.objects.all().delete()
    phone.pass_on()
    shown = phone.notification()
    assert {name: shown[name] for name in GENERIC} == GENERIC
    assert shown["address"].endswith(own_page(found)), "it leads through the login to the request"


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"id": "../../admin/"}', b"<b>Pay</b>"])
def test_what_is_no_message_of_ours_still_shows_something_and_says_nothing(
    phone: Phone, payload: bytes
) -> None:
    phone.subscribe()
    phone.deliver(payload)
    shown = phone.notification()
    assert {name: shown[name] for name in GENERIC} == GENERIC
    assert shown["address"].endswith("/ciba/")


def test_without_a_connection_the_app_says_so_and_comes_back_by_itself(phone: Phone) -> None:
    phone.subscribe()
    phone.page.context.set_offline(True)
    phone.page.goto("/ciba/history/")
    expect(phone.page.get_by_role("heading", name="No connection")).to_be_visible()
    assert "alice" not in phone.page.content()
    style = "getComputedStyle(document.querySelector('.card')).borderRadius"
    assert phone.page.evaluate(style) != "0px", "the style sheet is kept too"
    phone.page.context.set_offline(False)
    back = phone.page.get_by_role("heading", name="What you were asked")
    expect(back).to_be_visible(timeout=20_000)  # it looks every ten seconds


def test_a_message_without_a_connection_says_only_that_something_waits(
    phone: Phone, alice: User
) -> None:
    phone.subscribe()
    ask(alice)
    phone.page.context.set_offline(True)
    phone.pass_on()
    shown = phone.notification()
    assert {name: shown[name] for name in GENERIC} == GENERIC
    phone.page.context.set_offline(False)
