"""What was last read from a `jwks_uri`, shared by every process."""

from django.db import models


class RemoteJwks(models.Model):
    """One address, its last good document and when it may be asked again.

    `next_fetch_at` is moved by one conditional update before a fetch, so that of many processes
    one asks; a failure keeps the document for JWKS_MAX_STALE.
    """

    url = models.CharField(max_length=1000, unique=True)
    document = models.JSONField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    next_fetch_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, help_text="Why the last read failed.")

    class Meta:
        verbose_name = "remote JWKS"
        verbose_name_plural = "remote JWKS"

    def __str__(self) -> str:
        return self.url
