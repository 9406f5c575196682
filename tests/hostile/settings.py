"""The test site with all that a host may set, set against us. Only other tests run on it."""

from testproject.settings import *  # noqa: F403
from testproject.settings import DATABASES, MIDDLEWARE

DEBUG = False
LANGUAGE_CODE = "ar"
TIME_ZONE = "Asia/Tbilisi"
USE_THOUSAND_SEPARATOR = True
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20
DATABASES = {"default": {**DATABASES["default"], "ATOMIC_REQUESTS": True}}
MIDDLEWARE = [
    "tests.hostile.host.reads_everything",
    *MIDDLEWARE,
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tests.hostile.host.NobodyComesIn"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "0/day"},
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.MultiPartParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tests.hostile.host.NothingIsAcceptable",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "ALLOWED_VERSIONS": ["9"],
    "EXCEPTION_HANDLER": "tests.hostile.host.no_exception_is_handled",
    "DATETIME_FORMAT": "%d",
}
