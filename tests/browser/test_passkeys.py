"""Passkeys in Chromium, whose virtual authenticator is the telephone's own."""

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User

from django_ciba.journeys import Demand
from django_ciba.models import AuditEvent, AuthenticationRequest, Passkey
from tests.browser.conftest import NewPage
from tests.browser.test_inbox import own_page, press
from tests.plugin import PREFIX
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.test_devices import passkey

pytest.importorskip("playwright", reason=f"{PREFIX}Playwright is not installed")

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("passkeys_here"),
]

SAVED = "Your new passkey is saved."


class Authenticator:
    """WebDriver's virtual authenticator in one page, by the debugger's protocol: a platform's own,
    with discoverable credentials and a user whom it verifies, and who is there.
    """

    OPTIONS: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": self.OPTIONS})
        self.id = made["authenticatorId"]

    def verifies_its_user(self, yes: bool) -> None:
        values = {"authenticatorId": self.id, "isUserVerified": yes}
        self.session.send("WebAuthn.setUserVerified", values)

    def credentials(self) -> list[dict[str, Any]]:
        found = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        credentials: list[dict[str, Any]] = found["credentials"]
        return credentials

    def hold_only(self, credential: dict[str, Any]) -> None:
        self.session.send("WebAuthn.clearCredentials", {"authenticatorId": self.id})
        values = {"authenticatorId": self.id, "credential": credential}
        self.session.send("WebAuthn.addCredential", values)


@pytest.fixture
def passkeys_here(settings: Any, live_server: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PASSKEY_ORIGINS": [live_server.url]}


@pytest.fixture
def authenticator(page: Page) -> Authenticator:
    return Authenticator(page)


def make_passkey(page: Page, name: str = "This telephone") -> None:
    page.goto("/ciba/passkeys/")
    page.get_by_label("Name of the passkey").fill(name)
    press(page, "Add a passkey")
    expect(page.get_by_text(SAVED)).to_be_visible()


def passkey_of_bob(new_page: NewPage) -> dict[str, Any]:
    """As his own authenticator holds it, with its private key."""
    page = new_page(arrange.user("bob"))
    authenticator = Authenticator(page)
    make_passkey(page, "Bob's")
    (credential,) = authenticator.credentials()
    return credential


def asked(user: User) -> AuthenticationRequest:
    return arrange.waiting(user, demand=Demand(passkey=True).stored())


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(pk=found.pk)


def refusals() -> list[str]:
    noted = AuditEvent.objects.filter(event=AuditEvent.Event.ANSWER_REFUSED)
    return [each.detail["reason"] for each in noted]


@pytest.mark.parametrize("where", ["list", "own page"])
def test_a_passkey_is_made_and_approves(
    page: Page, authenticator: Authenticator, alice: User, where: str
) -> None:
    make_passkey(page)
    assert Passkey.objects.get().name == "This telephone"
    assert len(authenticator.credentials()) == 1
    found = asked(alice)
    page.goto("/ciba/" if where == "list" else own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert stored(found).amr[1:] == ["user", "mfa"]


def test_none_is_made_of_a_user_who_is_not_verified(
    page: Page, authenticator: Authenticator
) -> None:
    authenticator.verifies_its_user(False)
    page.goto("/ciba/passkeys/")
    press(page, "Add a passkey")
    expect(page.get_by_role("alert")).to_contain_text("No passkey was made")
    assert not Passkey.objects.exists()


def test_a_user_whom_the_passkey_does_not_verify_approves_nothing(
    page: Page, authenticator: Authenticator, alice: User
) -> None:
    make_passkey(page)
    authenticator.verifies_its_user(False)
    found = asked(alice)
    page.goto(own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("the passkey was not used")
    assert stored(found).answer == ""
    authenticator.verifies_its_user(True)
    press(page, "Approve")
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()


def test_the_passkey_of_another_user_is_not_even_asked(
    page: Page, authenticator: Authenticator, alice: User, new_page: NewPage
) -> None:
    """The browser knows which passkeys will do, and this is none of them."""
    make_passkey(page)
    authenticator.hold_only(passkey_of_bob(new_page))
    found = asked(alice)
    page.goto(own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("the passkey was not used")
    assert stored(found).answer == ""


def test_a_signature_of_another_users_passkey_is_refused_and_recorded(
    page: Page, authenticator: Authenticator, alice: User, new_page: NewPage
) -> None:
    """A page that asks for just any passkey, as one with a script put into it would."""
    make_passkey(page)
    authenticator.hold_only(passkey_of_bob(new_page))
    found = asked(alice)
    page.goto(own_page(found))
    page.evaluate(
        """() => {
             const get = navigator.credentials.get.bind(navigator.credentials);
             navigator.credentials.get = ({ publicKey }) =>
               get({ publicKey: { ...publicKey, allowCredentials: [] } });
           }"""
    )
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("that passkey could not be verified")
    assert stored(found).answer == ""
    assert refusals() == ["passkey_refused"]


def test_what_is_signed_for_one_request_approves_no_other(
    page: Page, authenticator: Authenticator, alice: User
) -> None:
    """The form of a cheap request, filled in, sent to the address of a dear one."""
    make_passkey(page)
    cheap, dear = asked(alice), asked(alice)
    names = (str(cheap.public_id), str(dear.public_id))
    page.goto(own_page(cheap))
    page.route(
        f"**{own_page(cheap)}",
        lambda route: route.continue_(url=route.request.url.replace(*names)),
    )
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("or was used for another page")
    assert [stored(each).answer for each in (cheap, dear)] == ["", ""]
    assert refusals() == ["stale_challenge"]


def test_without_a_script_a_passkey_is_explained_and_the_request_denied(
    new_page: NewPage, alice: User
) -> None:
    passkey(alice)
    found = asked(alice)
    page = new_page(alice, java_script_enabled=False)
    page.goto(own_page(found))
    press(page, "Approve")
    expect(page.get_by_role("alert")).to_contain_text("Use a browser with JavaScript and passkeys")
    assert stored(found).answer == ""
    press(page, "Deny")
    expect(page.get_by_role("heading", name="Denied")).to_be_visible()
