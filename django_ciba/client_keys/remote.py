"""JWKs_URI: a relying party's public keys, read from its address, cached and re-read.

One address is asked by one process at a time and at most once in JWKS_MIN_REFETCH, whatever key
ids requests name: the row's `next_fetch_at` is moved by a conditional update before the fetch. A
set that was read once is used for JWKS_MAX_STALE while its address does not answer. Who needs keys
that another caller has just begun to read waits for them, but not for long.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from django.db.models import Q
from django.utils import timezone

from django_ciba.conf import ciba_settings
from django_ciba.jose import (
    BadKey,
    EncryptionKey,
    UnknownKey,
    VerificationKey,
    encryption_keys,
    registered_certificates,
    verification_keys,
)
from django_ciba.models import RemoteJwks
from django_ciba.outbound import OutboundError, fetch_json

logger = logging.getLogger("django_ciba.client_keys")

Keys = tuple[VerificationKey, ...]

NOTHING_USABLE = "no usable key could be read from the registered jwks_uri"
PATIENCE = 2.0  # seconds; at most these of every JWKS_MIN_REFETCH, however slow an address is


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of one address."""

    keys: Keys
    certificates: tuple[x509.Certificate, ...]  # of self_signed_tls_client_auth
    for_encryption: tuple[EncryptionKey, ...]
    read_at: datetime  # when the row was read
    fetched_at: datetime | None  # when the address answered
    awaited: bool  # somebody has just begun to ask the address


_held: dict[str, Held] = {}
_lock = threading.Lock()


def refetch(url: str, now: datetime) -> bool:
    """Ask the address, unless it was asked a moment ago; whether that gave newer keys."""
    return newer(url, _read_row(url, now), now, wait=False) is not None


def usable(held: Held, now: datetime) -> Keys:
    """Keys that are not too old; else UnknownKey, which says where the trouble is."""
    if not held.keys or not in_date(held, now):
        raise UnknownKey(NOTHING_USABLE)
    return held.keys


def in_date(held: Held, now: datetime) -> bool:
    """Whether the address has answered, and not too long ago."""
    stale = timedelta(seconds=ciba_settings.JWKS_MAX_STALE)
    return held.fetched_at is not None and now - held.fetched_at <= stale


def known(url: str, now: datetime) -> Held:
    """What is known of `url`: from this process, else the row, else the address."""
    held = _held.get(url)
    fresh = timedelta(seconds=ciba_settings.JWKS_MIN_REFETCH)
    if held is None or now - held.read_at >= fresh or now < held.read_at:
        held = _read_row(url, now)
    age = timedelta(seconds=ciba_settings.JWKS_MAX_AGE)
    if held.fetched_at is None or now - held.fetched_at >= age:
        return newer(url, held, now, wait=held.fetched_at is None) or held
    return held


def newer(url: str, held: Held, now: datetime, *, wait: bool) -> Held | None:
    """What the address says since `held`, or None; it is asked unless it was a moment ago.

    `wait`: for another caller that has just begun to ask it.
    """
    RemoteJwks.objects.get_or_create(url=url)
    allowed = Q(next_fetch_at__isnull=True) | Q(next_fetch_at__lte=now)
    claimed = RemoteJwks.objects.filter(allowed, url=url).update(
        next_fetch_at=now + timedelta(seconds=ciba_settings.JWKS_MIN_REFETCH), problem=""
    )
    if not claimed:
        return _read_by_another(url, held, now, wait)
    try:
        document = fetch_json(url)
        verification_keys(document, unknown="skip")
        if "\\u0000" in json.dumps(document):
            raise BadKey("the set holds NUL, which a database does not store")
    except (OutboundError, BadKey) as error:
        logger.warning("JWKS not read from %s: %s", url, error)
        RemoteJwks.objects.filter(url=url).update(problem=str(error)[:300])
        return None
    # A slower fetch that began earlier must not bring a withdrawn key back.
    older = Q(fetched_at__isnull=True) | Q(fetched_at__lt=now)
    RemoteJwks.objects.filter(older, url=url).update(document=document, fetched_at=now, problem="")
    return _read_row(url, now)


def _read_by_another(url: str, held: Held, now: datetime, wait: bool) -> Held | None:
    """What another caller, in this process or not, got since `held`."""
    give_up = time.monotonic() + PATIENCE
    while True:
        row = _read_row(url, now)
        if row.fetched_at is not None and (
            held.fetched_at is None or row.fetched_at > held.fetched_at
        ):
            return row
        if not (wait and row.awaited) or time.monotonic() >= give_up:
            return None
        time.sleep(0.05)


def _read_row(url: str, now: datetime) -> Held:
    columns = ("document", "fetched_at", "next_fetch_at", "problem")
    row = RemoteJwks.objects.filter(url=url).values_list(*columns).first()
    document, fetched_at, next_fetch_at, problem = row or (None, None, None, "")
    keys = verification_keys(document, unknown="skip") if document else ()
    certificates = registered_certificates(document, unknown="skip") if document else ()
    for_encryption = encryption_keys(document, unknown="skip") if document else ()
    awaited = not problem and _just_asked(fetched_at, next_fetch_at)
    held = Held(keys, certificates, for_encryption, now, fetched_at, awaited)
    with _lock:
        if len(_held) >= 10_000:
            _held.clear()
        _held[url] = held
    return held


def _just_asked(fetched_at: datetime | None, next_fetch_at: datetime | None) -> bool:
    """Whether the address was asked a moment ago and what it said is not known yet."""
    if next_fetch_at is None:
        return False
    asked_at = next_fetch_at - timedelta(seconds=ciba_settings.JWKS_MIN_REFETCH)
    return asked_at != fetched_at and timezone.now() - asked_at < timedelta(seconds=PATIENCE)


def forget() -> None:
    """Drop what this process holds of remote sets."""
    _held.clear()
