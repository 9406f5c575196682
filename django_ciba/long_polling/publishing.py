"""Publishes every end of a request, for the polls that other processes hold."""

from typing import Any

from django_ciba import signals
from django_ciba.conf import ciba_settings
from django_ciba.long_polling.redis_channel import CHANNEL, connection
from django_ciba.outbox.publisher import Publisher

SETTLING = (
    signals.request_approved,
    signals.request_denied,
    signals.request_failed,
    signals.request_expired,
    signals.request_cancelled,
)


def tell_when_settled() -> None:
    """Have the end of each request published after its commit, where LONG_POLLING_REDIS is set."""
    for signal in SETTLING:
        signal.connect(_tell, dispatch_uid="django_ciba.long_polling")


def _tell(authentication_request: Any, **kwargs: Any) -> None:
    if ciba_settings.LONG_POLLING_REDIS:
        _publisher.put(authentication_request.auth_req_id_digest)


_publisher = Publisher[str](
    "django_ciba-settled",
    connect=lambda: connection("redis"),
    send=lambda redis, digest: redis.publish(CHANNEL, digest),
    drop=lambda redis: redis.close(),
    without="held polls find out by the database",
)
