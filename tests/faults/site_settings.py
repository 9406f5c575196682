"""The test site, with what a fault test must have otherwise: set by TEST_* in the environment."""

import json
import os

from testproject.settings import *  # noqa: F403
from testproject.settings import CELERY_BEAT_SCHEDULE, CELERY_BROKER_TRANSPORT_OPTIONS
from testproject.settings import DJANGO_CIBA as OF_THE_SITE

DJANGO_CIBA = OF_THE_SITE | json.loads(os.environ.get("TEST_DJANGO_CIBA", "{}"))

if "TEST_SWEEP_SECONDS" in os.environ:
    CELERY_BEAT_SCHEDULE["django_ciba.run_due"]["schedule"] = float(
        os.environ["TEST_SWEEP_SECONDS"]
    )
if "TEST_NO_SOCKET_TIMEOUTS" in os.environ:
    CELERY_BROKER_TRANSPORT_OPTIONS.clear()
CELERY_TASK_ALWAYS_EAGER = "TEST_EAGER" in os.environ
