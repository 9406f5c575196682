"""Processes that publish wake-ups, as web workers and commands do.

`python -m tests.faults.publishers WAY` in the environment of a site:

- short: three wake-ups, and at an end at once
- fork: a process that has published forks two more, and all three publish at the same time
- eager: a web process asks a user on a site whose Celery is eager; says the prompt's state
"""

import os
import sys
import threading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.site_settings")
EACH = 20


def short() -> None:
    from django_ciba.outbox import wake_up
    from django_ciba.outbox.wake_up import DELIVER

    wake_up(DELIVER, 1, 2, 3)


def fork() -> None:
    from django.db import connections

    from django_ciba.outbox import wake_up
    from django_ciba.outbox.wake_up import DELIVER

    wake_up(DELIVER, *range(EACH))
    sys.modules["django_ciba.outbox.wake_up"]._publisher.join()
    connections.close_all()
    children = []
    for number in (1, 2):
        child = os.fork()
        if child == 0:
            wake_up(DELIVER, *range(number * 100, number * 100 + EACH))
            sys.exit(0)
        children.append(child)
    wake_up(DELIVER, *range(300, 300 + EACH))
    for child in children:
        os.waitpid(child, 0)


def eager() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone

    from django_ciba.models import Delivery
    from tests.provider import make_client, make_realm
    from tests.unit.journeys.arrange import SEEDS, begin

    assert "django_ciba.due" not in sys.modules, "a web process needs no tasks until now"
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("alice", "alice@example.com")
    begin(SEEDS, make_client(make_realm())[0], user, now=timezone.now())
    print(" ".join(Delivery.objects.values_list("state", flat=True)))


WAYS = {each.__name__: each for each in (short, fork, eager)}


def main(way: str) -> None:
    import django

    django.setup()
    assert threading.active_count() == 1
    WAYS[way]()


if __name__ == "__main__":
    main(sys.argv[1])
