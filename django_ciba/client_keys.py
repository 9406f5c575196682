"""A relying party's public keys: inline, or read from its JWKs_URI, cached and re-read.

One address is asked by one process at a time and at most once in JWKS_MIN_REFETCH, whatever key
ids requests name: the row's `next_fetch_at` is moved by a conditional update before the fetch. A
set that was read once is used for JWKS_MAX_STALE while its address does not answer.
"""

import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from django_ciba.conf import ciba_settings
from django_ciba.jose import (
    BadKey,
    BadSignature,
    UnknownKey,
    VerificationKey,
    Verified,
    verification_keys,
    verify,
)
from django_ciba.models import Client, RemoteJwks
from django_ciba.outbound import OutboundError, fetch_json

logger = logging.getLogger("django_ciba.client_keys")

Keys = tuple[VerificationKey, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Keys
    read_at: datetime  # when the row was read
    fetched_at: datetime | None  # when the address answered


_held: dict[str, _Held] = {}
_lock = threading.Lock()


def verify_by(
    source: Client | Mapping[str, Any],
    token: str,
    *,
    algs: Collection[str],
    typ: Collection[str] | None = None,
) -> Verified:
    """`token` verified by the keys registered for `source`; raises JoseError.

    `source` is a client, or an object with `jwks` or `jwks_uri` (a trusted hint issuer). A key id
    that a cached remote set lacks, or a signature that it does not bear out, has the set read
    again (RFC 7517 §4.5, rotation), within JWKS_MIN_REFETCH.
    """
    if isinstance(source, Client):
        inline: Callable[[], Keys] = lambda: source.inline_keys  # noqa: E731
        url = source.jwks_uri
    else:
        inline = lambda: verification_keys(source["jwks"])  # noqa: E731
        url = source.get("jwks_uri", "")
    if not url:
        return verify(token, inline(), algs=algs, typ=typ)
    now = timezone.now()
    try:
        return verify(token, _some(remote_keys(url, now)), algs=algs, typ=typ)
    except (UnknownKey, BadSignature):
        if not refetch(url, now):
            raise
        return verify(token, _some(remote_keys(url, now)), algs=algs, typ=typ)


def _some(keys: Keys) -> Keys:
    """At least one key; else UnknownKey, which says where the trouble is."""
    if not keys:
        raise UnknownKey("no usable key could be read from the registered jwks_uri")
    return keys


def remote_keys(url: str, now: datetime) -> Keys:
    """The keys at `url`: from this process, else the row, else the address; () when none is had."""
    held = _held.get(url)
    fresh = timedelta(seconds=ciba_settings.JWKS_MIN_REFETCH)
    if held is None or now - held.read_at >= fresh or now < held.read_at:
        held = _read_row(url, now)
    age = timedelta(seconds=ciba_settings.JWKS_MAX_AGE)
    if (held.fetched_at is None or now - held.fetched_at >= age) and refetch(url, now):
        held = _held[url]
    stale = timedelta(seconds=ciba_settings.JWKS_MAX_STALE)
    if held.fetched_at is None or now - held.fetched_at > stale:
        return ()
    return held.keys


def refetch(url: str, now: datetime) -> bool:
    """Ask the address unless it was asked a moment ago; whether newer keys are held now."""
    held = _held.get(url)
    RemoteJwks.objects.get_or_create(url=url)
    allowed = Q(next_fetch_at__isnull=True) | Q(next_fetch_at__lte=now)
    claimed = RemoteJwks.objects.filter(allowed, url=url).update(
        next_fetch_at=now + timedelta(seconds=ciba_settings.JWKS_MIN_REFETCH)
    )
    if not claimed:
        # Another process asked; what it got may be newer than what this one holds.
        newer = _read_row(url, now)
        return newer.fetched_at is not None and (
            held is None or held.fetched_at is None or newer.fetched_at > held.fetched_at
        )
    try:
        document = fetch_json(url)
        verification_keys(document, unknown="skip")
        if "\\u0000" in json.dumps(document):
            raise BadKey("the set holds NUL, which a database does not store")
    except (OutboundError, BadKey) as error:
        logger.warning("JWKS not read from %s: %s", url, error)
        RemoteJwks.objects.filter(url=url).update(problem=str(error)[:300])
        return False
    RemoteJwks.objects.filter(url=url).update(document=document, fetched_at=now, problem="")
    _read_row(url, now)
    return True


def _read_row(url: str, now: datetime) -> _Held:
    row = RemoteJwks.objects.filter(url=url).values_list("document", "fetched_at").first()
    document, fetched_at = row or (None, None)
    keys = verification_keys(document, unknown="skip") if document else ()
    held = _Held(keys, now, fetched_at)
    with _lock:
        if len(_held) >= 10_000:
            _held.clear()
        _held[url] = held
    return held


def forget() -> None:
    """Drop what this process holds of remote sets."""
    _held.clear()
