"""What was read from clients' JWKs_URIs. The addresses are others' words: text, never links."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from django_ciba.admin.base import OperatorAdmin
from django_ciba.client_keys import refetch
from django_ciba.models import RemoteJwks

MOST_AT_ONCE = 5  # each may take OUTBOUND_DEADLINE, and the operator's browser waits


@admin.register(RemoteJwks)
class RemoteJwksAdmin(OperatorAdmin[RemoteJwks]):
    """A row may be deleted when no client names its address any more."""

    fields = ["url", "fetched_at", "next_fetch_at", "problem", "document"]
    list_display = ["url", "fetched_at", "next_fetch_at", "problem"]
    list_filter = [("problem", admin.EmptyFieldListFilter)]
    search_fields = ["url"]
    actions = ["read_now"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: RemoteJwks | None = None) -> bool:
        return False

    @admin.action(description="Read now", permissions=["act"])
    def read_now(self, request: HttpRequest, queryset: QuerySet[RemoteJwks]) -> None:
        """Reads each address, whatever JWKS_MIN_REFETCH says, and tells what came of it."""
        chosen = list(queryset[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(
                request, f"Choose at most {MOST_AT_ONCE} addresses at once.", messages.ERROR
            )
            return
        for each in chosen:
            RemoteJwks.objects.filter(pk=each.pk).update(next_fetch_at=None)
            if refetch(each.url, timezone.now()):
                self.message_user(request, f"Read {each.url}.")
            else:
                each.refresh_from_db()
                self.message_user(
                    request, f"Not read from {each.url}: {each.problem}.", messages.ERROR
                )
        self.note(request, chosen, "Read now.")
