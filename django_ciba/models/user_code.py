"""CIBA Core §7.1 `user_code`: a code that the user chose, against unsolicited prompts."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import models
from django.db.models import Case, F, Q, Value, When

from django_ciba.conf import ciba_settings


class UserCode(models.Model):
    """One user's code: a slow hash, and the failures that lock it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="ciba_user_code"
    )
    code_hash = models.CharField(max_length=200, editable=False)
    failures = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"user code of {self.user_id}"

    def set_code(self, code: str) -> None:
        """Hash and keep `code`, and unlock. The caller saves."""
        self.code_hash = make_password(code)
        self.failures = 0
        self.locked_until = None

    def is_locked(self, now: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > now

    def accepts(self, code: str, now: datetime) -> bool:
        """Whether `code` is right and the code not locked; counts failures in the database.

        The attempt is counted before the slow comparison, so that parallel guesses cannot outrun
        the limit; a right code takes the count back.
        """
        rows = type(self).objects.filter(pk=self.pk)
        unlocked = rows.exclude(locked_until__gt=now)
        limit = ciba_settings.USER_CODE_MAX_FAILURES
        lock = now + timedelta(seconds=ciba_settings.USER_CODE_LOCKOUT)
        # A count at the limit is that of a lockout which is over: the next one begins anew.
        last = Q(failures=limit - 1) if limit > 1 else Q(failures__gte=0)
        counted = unlocked.update(
            failures=Case(When(failures__gte=limit, then=Value(1)), default=F("failures") + 1),
            locked_until=Case(
                When(last, then=Value(lock, models.DateTimeField())),
                default=Value(None, models.DateTimeField()),
            ),
        )
        if not counted or not check_password(code, self.code_hash):
            return False
        rows.update(failures=0, locked_until=None)
        return True
