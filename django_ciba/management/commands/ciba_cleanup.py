"""Delete what is past its retention."""

from typing import Any

from django.core.management.base import BaseCommand

from django_ciba.due import cleanup


class Command(BaseCommand):
    help = (
        "Delete authentication requests, tokens and consumed assertions that are past their "
        "retention, in batches, and print how many of each. Nothing that is still valid depends on "
        "it: expiry is decided when something is used. Run it each hour where there is no Celery."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for what, count in cleanup().items():
            self.stdout.write(f"{what}: {count}")
