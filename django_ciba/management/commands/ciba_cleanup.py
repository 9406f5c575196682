"""Delete what is past its retention."""

from typing import Any

from django_ciba.due import cleanup
from django_ciba.management.command import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Delete authentication requests, tokens, and used assertions and DPoP proofs that are past "
        "their retention, in batches, and print how many of each. Nothing that is still valid "
        "depends on it: expiry is decided when something is used. Run it each hour where there is "
        "no Celery."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for what, count in cleanup().items():
            self.stdout.write(f"{what}: {count}")
