"""The test site with the floor's views beside it, and nobody printing prompts."""

from testproject.settings import *  # noqa: F403
from testproject.settings import DJANGO_CIBA as SITE
from testproject.settings import LOGGING

DEBUG = False
ROOT_URLCONF = "tests.benchmarks.floor"
DJANGO_CIBA = {**SITE, "TASK_RUNNER": "none", "PROMPT_CHANNELS": []}
LOGGING["disable_existing_loggers"] = True
LOGGING["loggers"] = {}
