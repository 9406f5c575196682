"""The API's description in OpenAPI, where the extra `[openapi]` is installed; else nothing."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar

import django_ciba
from django_ciba.authentication_device.api.serializers import ErrorSerializer

F = TypeVar("F", bound=Callable[..., Any])

INSTALLED: Final = find_spec("drf_spectacular") is not None
KEY_SCHEME: Final = "deviceKey"
URLCONF: Final = "django_ciba.authentication_device.api.urls"
# The host's own settings for its own schema have no say here.
OUR_SETTINGS: Final[Mapping[str, Any]] = {
    "TITLE": "Authentication device",
    "DESCRIPTION": "For a site's own mobile app: enrol a key, list what waits, answer it.",
    "VERSION": django_ciba.__version__,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "",
    "SCHEMA_PATH_PREFIX_TRIM": False,
    "PREPROCESSING_HOOKS": [],
    "POSTPROCESSING_HOOKS": [],
    "APPEND_PATHS": {},
    "APPEND_COMPONENTS": {},
    "SECURITY": [],
    "TAGS": [],
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_SPLIT_PATCH": False,
    "ENFORCE_NON_BLANK_FIELDS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}


def view_schema() -> Any:
    """What DRF calls a view's schema; None without the extra."""
    if not INSTALLED:
        return None
    return import_module("django_ciba.authentication_device.api.spectacular").WireSchema()


def described(
    *, responses: Mapping[int, Any], errors: Sequence[int] = (), **what: Any
) -> Callable[[F], F]:
    """Say what a view's method takes and gives (`extend_schema`); without the extra, nothing.

    `errors` are the statuses of its refusals, which all look alike.
    """
    if not INSTALLED:
        return lambda view: view
    every = {**responses, **dict.fromkeys(errors, ErrorSerializer)}
    extend_schema = import_module("drf_spectacular.utils").extend_schema

    def decorate(view: F) -> F:
        vars(view)["schema"] = view_schema()  # what it extends, in place of the host's
        extended: F = extend_schema(responses=every, tags=["device"], **what)(view)
        return extended

    return decorate


@lru_cache(maxsize=4)
def document(address: str) -> dict[str, Any]:
    """The API at that address, in OpenAPI. Raises ImportError without the extra."""
    generators = import_module("drf_spectacular.generators")
    settings = import_module("drf_spectacular.settings")
    with settings.patched_settings(dict(OUR_SETTINGS)):
        generator = generators.SchemaGenerator(urlconf=URLCONF)
        found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return {**found, "servers": [{"url": address}]}
