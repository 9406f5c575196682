"""pytest fixtures: `pytest_plugins = ["django_ciba.testing.fixtures"]` in a site's conftest.py.

They need pytest-django, and work on the site's own settings, users and URLconf.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.models import Client, Realm
from django_ciba.testing.callback_server import CallbackServer
from django_ciba.testing.device import Device
from django_ciba.testing.provider import key, make_client, make_realm
from django_ciba.testing.relying_party import RelyingParty

MakeRelyingParty = Callable[..., RelyingParty]
MakeDevice = Callable[[AbstractBaseUser], Device]


@pytest.fixture
def ciba_settings(settings: Any) -> dict[str, Any]:
    """DJANGO_CIBA as the site has it, but for no worker and for calls to loopback.

    What is due is done by `django_ciba.testing.do_what_is_due`. Put another member into the dict
    that this gives to change a setting for one test.
    """
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        **getattr(settings, "DJANGO_CIBA", {}),
        "TASK_RUNNER": "none",
        "OUTBOUND_ALLOW_LOOPBACK": True,
    }
    changed: dict[str, Any] = settings.DJANGO_CIBA
    return changed


@pytest.fixture
def ciba_realm(db: None, ciba_settings: dict[str, Any]) -> Realm:
    """The root realm; made with signing keys and a journey that prompts, where there is none."""
    return Realm.objects.filter(path="/").first() or make_realm()


@pytest.fixture
def ciba_callback() -> Iterator[Callable[[], CallbackServer]]:
    """Makes notification endpoints on loopback, each a server that runs until the test ends."""
    with ExitStack() as running:
        yield lambda: running.enter_context(CallbackServer())


@pytest.fixture
def ciba_relying_party(
    ciba_realm: Realm, ciba_callback: Callable[[], CallbackServer]
) -> MakeRelyingParty:
    """Makes a client of the realm, and the relying party that speaks for it.

    Keyword arguments are columns of `Client`, `alg` of its key, or `realm`. One whose
    `backchannel_token_delivery_mode` is ping or push gets a callback server of its own.
    """

    def make(**changes: Any) -> RelyingParty:
        realm = changes.pop("realm", ciba_realm)
        alg = changes.pop("alg", "ES256")
        callback = None
        mode = changes.get("backchannel_token_delivery_mode", Client.DeliveryMode.POLL)
        if mode != Client.DeliveryMode.POLL:
            callback = ciba_callback()
            changes.setdefault("backchannel_client_notification_endpoint", callback.url)
        client, secret = make_client(realm, alg=alg, **changes)
        return RelyingParty(
            client=client,
            key=key(alg, "client"),
            secret=secret,
            signed=client.require_signed_request_object,
            callback=callback,
        )

    return make


@pytest.fixture
def ciba_device() -> MakeDevice:
    """Makes the device of a user."""
    return Device
