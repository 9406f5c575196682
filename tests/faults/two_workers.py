"""Two workers on one outbox: `python -m tests.faults.two_workers NUMBER` fills it and runs them.

In a site of its own, named by the environment. Says as JSON what became of each delivery.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.site_settings")
WORKERS = 2


def fill(number: int) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone

    from tests.asked_often import ASKED_OFTEN
    from tests.provider import make_client, make_realm
    from tests.unit.journeys.arrange import SEEDS, begin

    call_command("migrate", verbosity=0)
    client = make_client(make_realm(**ASKED_OFTEN))[0]
    user = User.objects.create_user("alice")
    for each in range(number):
        now = timezone.now() - timedelta(seconds=1)
        begin(SEEDS, client, user, now=now, message=f"Pay {each}")


def sweep() -> list[str]:
    """The command that a site without Celery runs, as so many processes at once."""
    command = [sys.executable, "-m", "django", "ciba_run_due"]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)
    ]
    return [process.communicate(timeout=120)[0].strip() for process in processes]


def main(number: int) -> None:
    import django

    django.setup()
    from django.conf import settings

    from django_ciba.models import Delivery, DeliveryAttempt

    fill(number)
    said = sweep()
    lines = (Path(settings.VAR) / "sent").read_text().splitlines()
    sent = [line.partition(" ") for line in lines]
    print(
        json.dumps(
            {
                "said": said,
                "states": Counter(Delivery.objects.values_list("state", flat=True)),
                "attempts": Counter(Delivery.objects.values_list("attempts", flat=True)),
                "history": DeliveryAttempt.objects.count(),
                "sent": Counter(Counter(url for _, _, url in sent).values()),
                "senders": len({pid for pid, _, _ in sent}),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
