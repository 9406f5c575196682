"""The site behind nginx, both set up by docs/how-to/mutual-tls.md, and its clients."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.certificates import SUBJECT, Certified, authority, certified
from tests.live_site import ROOT, LiveSite, realm_document
from tests.plugin import leave_out
from tests.relying_party import CIBA
from tests.services import Nginx, free_port

PAGE: Final = ROOT / "docs" / "how-to" / "mutual-tls.md"
# With certificates, and without: nginx knows them apart by name, on one port.
MTLS, PLAIN = "127.0.0.1", "localhost"
# Made once: what an nginx and its clients show to each other.
SERVER: Final = certified("CN=op.example.com", issuer=authority(), dns=[PLAIN], ip=[MTLS])
SHOP: Final = certified(SUBJECT, issuer=authority())
OWN: Final = certified("CN=shop by itself")


def block(language: str) -> str:
    """The first block of that language on the page."""
    found = re.search(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """`text` with what differs on this machine; a change that finds nothing is a drift."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx_servers(upstream: str) -> str:
    changes = {
        "listen 443 ssl;": f"listen {MTLS}:{{port}} ssl;",
        "server_name mtls.op.example.com;": f"server_name {MTLS};",
        "server_name op.example.com;": f"server_name {PLAIN};",
        "/etc/nginx/tls/": "{folder}/",
        "http://127.0.0.1:8000": upstream,
    }
    return replaced(block("nginx"), changes)


def site_settings(port: int) -> dict[str, Any]:
    _, _, value = block("python").partition("DJANGO_CIBA = ")
    hosts = {
        "https://mtls.op.example.com/": f"https://{MTLS}:{port}/",
        "https://op.example.com/": f"https://{PLAIN}:{port}/",
    }
    found = ast.literal_eval(replaced(value, hosts))
    assert isinstance(found, dict)
    return found


def client(client_id: str, method: str, **members: Any) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "token_endpoint_auth_method": method,
        "scope": "openid profile",
        "grant_types": [CIBA, "refresh_token"],
        "require_signed_request_object": False,
        **members,
    }


CLIENTS: Final = [
    client(
        "shop",
        "tls_client_auth",
        tls_client_auth_subject_dn=SUBJECT,
        tls_client_certificate_bound_access_tokens=True,
    ),
    client(
        "self",
        "self_signed_tls_client_auth",
        jwks={"keys": [OWN.jwk]},
        tls_client_certificate_bound_access_tokens=True,
    ),
    client("basic", "client_secret_basic", client_secret="b" * 32),
]


class From(HTTPAdapter):
    """Connects from an address of one's choice: all of 127.0.0.0/8 is this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        return super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


@dataclass(frozen=True)
class Behind:
    """A site behind an nginx, and ways to reach both."""

    site: LiveSite
    nginx: Nginx
    folder: Path

    def session(self, shown: Certified | None = None, address: str | None = None) -> Any:
        """A client that shows this certificate, or none, and connects from that address."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self._file("authority.pem", authority().pem))
        if shown is not None:
            name = shown.certificate.serial_number
            session.cert = (
                str(self._file(f"{name}.pem", shown.pem)),
                str(self._file(f"{name}.key", shown.key_pem)),
            )
        if address is not None:
            session.mount("http://", From(address))
        return session

    def post(
        self,
        endpoint: str,
        parameters: Mapping[str, str],
        shown: Certified | None = None,
        *,
        host: str = MTLS,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """POST through nginx."""
        address = f"{self.nginx.url_of(host)}/oauth2/{endpoint}"
        with self.session(shown) as session:
            answer: requests.Response = session.post(
                address, data=parameters, headers=headers, timeout=20
            )
        return answer

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        if not path.exists():
            path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    if reason := Nginx.missing():
        leave_out(reason)
    port = free_port()
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.faults.site_settings",
        "TEST_DJANGO_CIBA": json.dumps(site_settings(port)),
    }
    documents = [realm_document("/", clients=CLIENTS, polling_interval=1)]
    with LiveSite(documents, environment=environment) as site:
        files = {
            "op.example.com.pem": SERVER.pem,
            "op.example.com.key": SERVER.key_pem,
            "client-authorities.pem": authority().pem,
        }
        nginx = Nginx(nginx_servers(site.url), files)
        nginx.port = port
        with nginx:
            yield Behind(site, nginx, tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def behind(running: Behind) -> Iterator[Behind]:
    with running.site.telling():
        yield running
