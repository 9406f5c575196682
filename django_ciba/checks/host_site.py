"""How our app sits in the host site: its classes, its user model, its URLconf."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field
from django.shortcuts import resolve_url
from django.urls import (
    LocalePrefixPattern,
    NoReverseMatch,
    URLPattern,
    URLResolver,
    get_resolver,
    is_valid_path,
)
from django.utils.module_loading import import_string
from django.utils.translation import get_language

from django_ciba.checks.declared_settings import issuer, site_settings, usable
from django_ciba.hooks import CibaHooks
from django_ciba.journeys import NODES, Node
from django_ciba.prompts import Channel
from django_ciba.prompts.registry import CHANNELS


def class_problem(path: str, base: type) -> str | None:
    """What is wrong with a dotted path that should name a subclass of `base`."""
    try:
        found = import_string(path)
    except ImportError as fault:
        return f"cannot be imported: {fault}"
    except Exception as fault:  # noqa: BLE001 - a module of the site's own can raise anything
        return f"raised {type(fault).__name__} while it was imported: {fault}"
    if not (isinstance(found, type) and issubclass(found, base)):
        return f"is not a subclass of {base.__module__}.{base.__qualname__}"
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        return f"does not say what {', '.join(missing)} does"
    return None


def unusable_hooks() -> Iterator[str]:
    path = usable("HOOKS")
    if (problem := class_problem(path, CibaHooks)) is not None:
        yield f"DJANGO_CIBA['HOOKS'] {path!r} {problem}."


def unusable_channels() -> Iterator[str]:
    for name in usable("PROMPT_CHANNELS"):
        if name in CHANNELS:
            continue
        if "." not in name:
            yield (
                f"DJANGO_CIBA['PROMPT_CHANNELS']: {name!r} is neither a dotted path nor one of "
                f"{', '.join(CHANNELS)}."
            )
        elif (problem := class_problem(name, Channel)) is not None:
            yield f"DJANGO_CIBA['PROMPT_CHANNELS']: {name!r} {problem}."


def unusable_nodes() -> Iterator[str]:
    paths = usable("JOURNEY_NODES")
    problems = [
        f"DJANGO_CIBA['JOURNEY_NODES']: {path!r} {problem}."
        for path in paths
        if (problem := class_problem(path, Node)) is not None
    ]
    yield from problems
    if paths and not problems:
        try:
            len(NODES)
        except (AttributeError, TypeError) as fault:
            # A type that is there already, or a class that lacks one.
            yield f"DJANGO_CIBA['JOURNEY_NODES']: {fault}."


def unknown_hint_fields() -> Iterator[str]:
    """The default suits many user models by naming what only some of them have."""
    if "LOGIN_HINT_FIELDS" not in site_settings():
        return
    names: Sequence[str] = usable("LOGIN_HINT_FIELDS")
    model = get_user_model()
    if not names:
        yield "DJANGO_CIBA['LOGIN_HINT_FIELDS'] is empty, so no plain login_hint names anybody."
    for name in names:
        try:
            known = name == "pk" or isinstance(model._meta.get_field(name), Field)
        except FieldDoesNotExist:
            known = False
        if not known:
            yield (
                f"DJANGO_CIBA['LOGIN_HINT_FIELDS']: {model._meta.label} has no field {name!r} "
                "of its own."
            )


def _mounts(
    patterns: Iterable[URLPattern | URLResolver], module: str, namespace: str, prefix: str = "/"
) -> Iterator[str]:
    """The paths at which a URLconf of ours is included, wherever in the site's."""
    for each in patterns:
        if not isinstance(each, URLResolver):
            continue
        here = prefix + str(each.pattern).removeprefix("^")
        if getattr(each.urlconf_name, "__name__", None) == module or each.app_name == namespace:
            yield here.rstrip("/")
        else:
            yield from _mounts(each.url_patterns, module, namespace, here)


def _provider() -> list[str]:
    return list(_mounts(get_resolver().url_patterns, "django_ciba.urls", "django_ciba"))


def _authentication_device() -> list[str]:
    module = "django_ciba.authentication_device.urls"
    return list(_mounts(get_resolver().url_patterns, module, "ciba_device"))


def device_api_mounts() -> list[str]:
    """Where the site's URLconf includes the device's JSON API."""
    module = "django_ciba.authentication_device.api.urls"
    return list(_mounts(get_resolver().url_patterns, module, "ciba_device_api"))


def serves_pages() -> bool:
    """Settings of a process that only works for others may go without a URLconf."""
    return bool(getattr(settings, "ROOT_URLCONF", None))


def _leads_elsewhere(address: str, mounts: Sequence[str]) -> str | None:
    """Where the address leads instead, if it does.

    A prefix from a proxy or from WSGI comes before ours, so the end is what must agree.
    """
    path = urlsplit(address).path.rstrip("/")
    if not mounts or any(path.endswith(each) for each in mounts):
        return None
    included = " and ".join(repr(f"{each}/") for each in mounts)
    return f"has the path {path or '/'!r}, but that URLconf is included at {included}"


def missing_urls() -> Iterator[str]:
    if serves_pages() and not _provider():
        yield "The site's URLconf does not include django_ciba.urls."


def issuer_elsewhere() -> Iterator[str]:
    found = issuer()
    if found is None or not serves_pages():
        return
    if (problem := _leads_elsewhere(found, _provider())) is not None:
        yield f"DJANGO_CIBA['ISSUER'] {problem}."


def missing_device() -> Iterator[str]:
    if serves_pages() and not _authentication_device():
        yield "The site's URLconf does not include django_ciba.authentication_device.urls."


def device_elsewhere() -> Iterator[str]:
    if not serves_pages():
        return
    written = usable("DEVICE_URL")
    name = "DJANGO_CIBA['DEVICE_URL']" if written else "DEVICE_URL's default"
    problem = _leads_elsewhere(written or "/ciba/", _authentication_device())
    if problem is not None:
        yield f"{name} {problem}."


def login_nowhere() -> Iterator[str]:
    if not serves_pages() or not _authentication_device():
        return
    try:
        found = resolve_url(settings.LOGIN_URL)
        address = urlsplit(found)
    except (NoReverseMatch, TypeError, ValueError) as fault:
        yield f"LOGIN_URL is neither an address nor the name of a URL pattern. {fault}"
        return
    if not address.netloc and not any(map(is_valid_path, _ways_to(address.path))):
        yield f"LOGIN_URL {found!r} is no path that the site's URLconf answers."


def _ways_to(path: str) -> Iterator[str]:
    """How a path from outside may arrive at the URLconf.

    A proxy or WSGI takes a prefix away, LocaleMiddleware puts one before it, and CommonMiddleware a
    slash behind it.
    """
    language = get_language() or settings.LANGUAGE_CODE
    below_language = any(
        isinstance(each.pattern, LocalePrefixPattern) for each in get_resolver().url_patterns
    )
    segments = path.split("/")[1:]
    for start in range(len(segments)):
        inside = "/" + "/".join(segments[start:])
        if inside == "/" != path:
            return  # the front page is there on every site
        for each in (inside, f"/{language}{inside}") if below_language else (inside,):
            yield each
            if settings.APPEND_SLASH and not each.endswith("/"):
                yield f"{each}/"
