"""The demo's database: users, realms, clients and their keys. Made once, and kept."""

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from testproject.shop.keys import Jwk, own_key, public
from testproject.shop.views import KEY_FILE

REALMS = Path(__file__).resolve().parents[1] / "realms.json"
CLIENT_ID = "myCIBAClient"
PEOPLE = {  # user name, who also has it as password: full name
    "alice": ("Alice", "Archer"),
    "bob": ("Bob", "Baker"),
    "admin": ("Ada", "Minister"),
}


def prepare() -> None:
    """Migrate, and see to users and realms. Run again, it changes nothing."""
    call_command("migrate", verbosity=0)
    for username, (first, last) in PEOPLE.items():
        user, _ = User.objects.get_or_create(
            username=username,
            defaults={
                "first_name": first,
                "last_name": last,
                "email": f"{username}@example.com",
                "is_staff": username == "admin",
                "is_superuser": username == "admin",
            },
        )
        if not user.check_password(username):
            user.set_password(username)
            user.save()
    make_webpush_key(settings.WEBPUSH_KEY)
    document = Path(settings.VAR) / "realms.json"
    document.write_text(json.dumps(with_keys(json.loads(REALMS.read_text())), indent=2))
    call_command("ciba_import", str(document))


def make_webpush_key(place: Path) -> None:
    """The key that web pushes are signed with (RFC 8292): 32 octets as base64url, once."""
    if place.exists():
        return
    private = ec.generate_private_key(ec.SECP256R1())
    octets = private.private_numbers().private_value.to_bytes(32)
    place.touch(mode=0o600)
    place.write_text(base64.urlsafe_b64encode(octets).decode().rstrip("="))


def with_keys(realms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The realm document with each client's public key put in: keys are made, not shipped."""
    for realm in realms:
        for client in realm["clients"]:
            client["jwks"] = {"keys": [public(key_of(client["client_id"]))]}
    return realms


def key_of(client_id: str) -> Jwk:
    """The private key of one of the demo's clients."""
    names = {"shop": KEY_FILE, CLIENT_ID: "myCIBAKey.jwk"}
    return own_key(Path(settings.VAR) / names[client_id])


def secret_of(client_id: str) -> str:
    """A client's secret, as the realm document states it."""
    for realm in json.loads(REALMS.read_text()):
        for client in realm["clients"]:
            if client["client_id"] == client_id:
                return str(client["client_secret"])
    raise LookupError(client_id)
