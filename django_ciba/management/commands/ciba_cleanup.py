"""Delete what is past its retention."""

from typing import Any

from django_ciba.due import cleanup
from django_ciba.management.command import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Delete, in batches, what is past its retention: authentication requests (RETENTION), "
        "tokens and grants, used assertions and DPoP proofs, challenges of passkeys, enrolments, "
        "mutes that have run out, audit events (AUDIT_RETENTION) and retired signing keys "
        "(RETIRED_KEYS_KEPT); print how many of each. Nothing that is still valid depends on it: "
        "expiry is decided when something is used. Run it each hour where there is no Celery."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for what, count in cleanup().items():
            self.stdout.write(f"{what}: {count}")
