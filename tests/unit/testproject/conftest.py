"""The test site as the demo sets it up, served over real HTTP."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from django_ciba import realm_document
from testproject.demo.site import CLIENT_ID, REALMS, key_of, secret_of, with_keys
from testproject.shop.relying_party import RelyingParty
from tests.provider import make_user


@dataclass
class Site:
    url: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/oauth2"

    def party(self, client_id: str = "shop") -> RelyingParty:
        """One of the two clients of the demo: shop at root, or myCIBAClient in alpha."""
        http = requests.Session()
        http.trust_env = False
        if client_id == "shop":
            return RelyingParty(self.issuer, client_id, key_of(client_id), http=http)
        issuer = f"{self.issuer}/realms/root/realms/alpha"
        return RelyingParty(
            issuer, CLIENT_ID, key_of(CLIENT_ID), secret=secret_of(CLIENT_ID), http=http
        )


@pytest.fixture
def site(live_server: LiveServer, settings: Settings, tmp_path: Path) -> Site:
    """The site with its realms and alice, who is asked."""
    settings.PUBLIC_URL = live_server.url
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "ISSUER": f"{live_server.url}/oauth2",
        "SIGNING_ALGS": ["ES256", "EdDSA"],  # RSA keys are slow to make
    }
    settings.VAR = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    realm_document.apply(with_keys(json.loads(REALMS.read_text())))
    make_user("alice")
    return Site(live_server.url)
