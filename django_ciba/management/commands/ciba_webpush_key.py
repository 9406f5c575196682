"""A new key pair for Web Push, as lines for the settings."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from django_ciba.jose import base64url
from django_ciba.management.command import OperatorCommand
from django_ciba.prompts.web_push import public_key


class Command(OperatorCommand):
    help = (
        "Print a new key pair that web pushes are signed with (VAPID, RFC 8292), as lines for "
        "settings.py. Nothing is stored. Browsers that have subscribed under the key of before get "
        "nothing under a new one: their users turn notifications on again."
    )
    # A site that has no key yet may be told of that by its checks, and makes one here.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        octets = private.private_numbers().private_value.to_bytes(32)
        self.stdout.write("# In DJANGO_CIBA. The private key is a secret: keep it like SECRET_KEY.")
        self.stdout.write(f'"VAPID_PRIVATE_KEY": "{base64url(octets)}",')
        self.stdout.write('"VAPID_CONTACT": "mailto:ops@example.com",  # yours')
        self.stdout.write("# Its public half, which pages give to browsers by themselves:")
        self.stdout.write(f"# {public_key(private)}")
