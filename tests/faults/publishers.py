"""Processes that publish wake-ups, as web workers and commands do.

`python -m tests.faults.publishers WAY` in the environment of a site:

- short: three wake-ups, and at an end at once
- fork: a process that has published forks two more, and all three publish at the same time
- eager: a web process asks a user on a site whose Celery is eager; says the prompt's state
"""

import json
import os
import sys
import threading
from pathlib import Path
from urllib.parse import urlencode

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
    from django.test import Client

    from django_ciba.models import Delivery
    from tests.live_site import realm_document

    secret = "x" * 32
    shop = {
        "client_id": "shop",
        "client_name": "The Shop",
        "client_secret": secret,
        "token_endpoint_auth_method": "client_secret_post",
        "require_signed_request_object": False,
    }
    document = Path(os.environ["CIBA_VAR"]) / "realm.json"
    document.write_text(json.dumps(realm_document("/", clients=[shop])), encoding="utf-8")
    call_command("migrate", verbosity=0)
    call_command("ciba_import", str(document), verbosity=0, stdout=sys.stderr)
    User.objects.create_user("alice", "alice@example.com")
    asked = {"scope": "openid", "login_hint": "alice", "acr_values": "push"}
    assert "django_ciba.due" not in sys.modules, "a web process needs no tasks until now"
    asked |= {"client_id": "shop", "client_secret": secret}
    form = "application/x-www-form-urlencoded"
    http = Client(headers={"host": "localhost"})
    answer = http.post("/oauth2/bc-authorize", urlencode(asked), content_type=form)
    assert answer.status_code == 200, answer.content
    print(" ".join(Delivery.objects.values_list("state", flat=True)))


WAYS = {each.__name__: each for each in (short, fork, eager)}


def main(way: str) -> None:
    import django

    django.setup()
    assert threading.active_count() == 1
    WAYS[way]()


if __name__ == "__main__":
    main(sys.argv[1])
