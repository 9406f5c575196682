"""A worker that is replaced when it is killed: `python -m tests.faults.mortal_worker`.

Each is a process of its own that runs `ciba_run_due --loop` in the site of the environment, forked
from one that has loaded Django already, so that a hundred deaths take no longer than a test may.
The one that lives has its process id in a file of the site.
"""

import os
from pathlib import Path
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.site_settings")

PID_FILE: Final = "worker.pid"
INTERVAL: Final = 0.1  # seconds between two looks at what is due


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from django_ciba import due

    assert due  # loaded once, for all of them
    while True:
        child = os.fork()
        if not child:
            (Path(settings.VAR) / PID_FILE).write_text(str(os.getpid()))
            call_command("ciba_run_due", loop=True, interval=INTERVAL)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
