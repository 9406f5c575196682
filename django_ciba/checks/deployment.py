"""What surrounds the app where it is deployed: database engine, cache, Celery."""

from collections.abc import Iterator
from typing import Any

from celery import current_app
from celery.exceptions import ImproperlyConfigured as CeleryImproperlyConfigured
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from django_ciba.checks.declared_settings import usable

REDIS = ("redis", "rediss", "redis+socket", "sentinel")
BEATS_OWN_SCHEDULER = "celery.beat:PersistentScheduler"
VISIBILITY_TIMEOUT = 3600  # seconds; kombu's default for Redis
LOCAL_MEMORY = "django.core.cache.backends.locmem.LocMemCache"


def _sqlite_databases() -> dict[str, dict[str, Any]]:
    """Alias to OPTIONS, for each SQLite database that a model of ours is routed to."""
    models = apps.get_app_config("django_ciba").get_models()
    aliases = {router.db_for_write(each) for each in models}
    return {
        alias: connections[alias].settings_dict.get("OPTIONS") or {}
        for alias in sorted(aliases)
        if connections[alias].vendor == "sqlite"
    }


def sqlite_not_immediate() -> Iterator[str]:
    for alias, options in _sqlite_databases().items():
        if str(options.get("transaction_mode")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
            yield (
                f"DATABASES[{alias!r}] is SQLite without transaction_mode IMMEDIATE: when two "
                "processes write at the same time, requests fail with 'database is locked'."
            )


def sqlite_at_all() -> Iterator[str]:
    for alias in _sqlite_databases():
        yield f"DATABASES[{alias!r}] is SQLite, which lets one process write at a time."


def local_memory_cache() -> Iterator[str]:
    if settings.CACHES.get("default", {}).get("BACKEND") == LOCAL_MEMORY:
        yield "CACHES['default'] is local memory, so every worker process has a cache of its own."


class _UnreadableError(Exception):
    """The site's Celery configuration cannot be read; the text says why."""


def _celery() -> Any | None:
    """The configuration of the site's Celery app, or None when the site goes without."""
    if usable("TASK_RUNNER") != "celery":
        return None
    try:
        # Entries that the site adds when its app is finalized are there only then.
        current_app.finalize()
        bool(current_app.conf.task_always_eager)  # the first look reads it all
    except (ImportError, ImproperlyConfigured, CeleryImproperlyConfigured) as fault:
        raise _UnreadableError(str(fault)) from fault
    return current_app.conf


def _readable() -> Any | None:
    """As `_celery`, and None too when it cannot be read, which `no_broker` says."""
    try:
        return _celery()
    except _UnreadableError:
        return None


def _broker(conf: Any) -> str:
    """The address that wake-ups are published to."""
    address = conf.broker_write_url or ""
    return str(address if isinstance(address, str) else next(iter(address), ""))


def no_broker() -> Iterator[str]:
    try:
        conf = _celery()
    except _UnreadableError as fault:
        yield f"Celery's configuration cannot be read: {fault}"
        return
    if conf is None or conf.task_always_eager:
        return
    broker = _broker(conf)
    if not broker:
        yield "Celery has no broker_url, so nothing tells a worker that a prompt waits."
    elif broker.startswith("memory:"):
        yield "Celery's broker is memory://, which no worker in another process can reach."


def eager_tasks() -> Iterator[str]:
    conf = _readable()
    if conf is not None and conf.task_always_eager:
        yield (
            "Celery's task_always_eager is on: prompts are sent inside the web request, which "
            "waits for the mail server or fails with it."
        )


def _redis_options() -> dict[str, Any] | None:
    """The transport's options when the broker is Redis."""
    conf = _readable()
    if conf is None or _broker(conf).partition("://")[0] not in REDIS:
        return None
    return dict(conf.broker_transport_options or {})


def redis_without_timeouts() -> Iterator[str]:
    options = _redis_options()
    if options is None:
        return
    missing = [
        name for name in ("socket_timeout", "socket_connect_timeout") if not options.get(name)
    ]
    if missing:
        yield (
            f"Celery's broker is Redis without {' and '.join(missing)}: when it freezes, whoever "
            "publishes or reads waits without end."
        )


def unscheduled(task: str) -> bool:
    """Whether beat's own schedule lacks `task`; False when the schedule is kept elsewhere."""
    conf = _readable()
    if conf is None or conf.task_always_eager:
        return False
    if conf.beat_scheduler != BEATS_OWN_SCHEDULER or apps.is_installed("django_celery_beat"):
        return False
    entries = (conf.beat_schedule or {}).values()
    names = {each["task"] if isinstance(each, dict) else each.task for each in entries}
    return task not in names


def no_sweep() -> Iterator[str]:
    if unscheduled("django_ciba.run_due"):
        yield (
            "Celery beat does not run django_ciba.run_due: timers of journeys never fire, and a "
            "prompt whose wake-up was lost is never sent."
        )


def no_cleanup() -> Iterator[str]:
    if unscheduled("django_ciba.cleanup"):
        yield "Celery beat does not run django_ciba.cleanup: ended requests are kept for ever."


def late_redelivery() -> Iterator[str]:
    """Where run_due sweeps, it finds what a killed worker had taken; else only Redis gives it back.

    That is why this is silent where beat runs the sweep: shortening the timeout for nothing would
    repeat those of the site's own tasks that take longer.
    """
    options = _redis_options()
    if options is None or not unscheduled("django_ciba.run_due"):
        return
    timeout = options.get("visibility_timeout", VISIBILITY_TIMEOUT)
    longest = usable("AUTH_REQ_ID_LIFETIME_MAX")
    if timeout > longest:
        yield (
            f"Nothing sweeps, and Redis gives back a killed worker's tasks after {timeout} s, when "
            f"every request (AUTH_REQ_ID_LIFETIME_MAX, {longest} s) has expired."
        )
