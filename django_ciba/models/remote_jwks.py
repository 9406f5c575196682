"""What was last read from a `jwks_uri`, shared by every process."""

from typing import Any

from django.db import models

from django_ciba.outbound import address_problem

MAX_URL_LENGTH = 1000


def called_address_problem(value: Any) -> str | None:
    """RFC 7591 §2: what is wrong with an address that we are to call, or None.

    In: what somebody registers: where a JWK Set is read, where pings and pushes go.
    """
    if not isinstance(value, str):
        return "must be a string"
    if len(value) > MAX_URL_LENGTH:
        return f"must be at most {MAX_URL_LENGTH} characters long"
    return address_problem(value)


class RemoteJwks(models.Model):
    """One address, its last good document and when it may be asked again.

    `next_fetch_at` is moved by one conditional update before a fetch, so that of many processes
    one asks; a failure keeps the document for JWKS_MAX_STALE.
    """

    url = models.CharField(max_length=MAX_URL_LENGTH, unique=True)
    document = models.JSONField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    next_fetch_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, help_text="Why the last read failed.")

    class Meta:
        verbose_name = "remote JWKS"
        verbose_name_plural = "remote JWKS"

    def __str__(self) -> str:
        return self.url
