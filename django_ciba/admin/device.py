"""What users answer on and approve with. Nothing here is an address, a key or a credential."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.db import router, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from django_ciba.admin.base import M, OperatorAdmin, user_name_lookup
from django_ciba.models import Device, Passkey


class _RemovableAdmin(OperatorAdmin[M]):
    """What its user has added: an operator may look at it, and remove it."""

    list_select_related = ["user"]
    date_hierarchy = "created_at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["name", user_name_lookup("user")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self.falls_with_its_owner(request, obj) or super().has_delete_permission(
            request, obj
        )

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        self._remove([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        self._remove(list(queryset))

    def _remove(self, rows: Iterable[Any]) -> None:
        """Delete them, and write an audit event for each that was still there."""
        now = timezone.now()
        with transaction.atomic(using=router.db_for_write(self.model)):
            for row in rows:
                type(row).objects.remove(row, now, by_operator=True)


@admin.register(Device)
class DeviceAdmin(_RemovableAdmin[Device]):
    """Whoever is removed by mistake adds the device again."""

    fields = ["public_id", "name", "user", "kind", "channel", "created_at", "last_used_at"]
    readonly_fields = ["public_id"]
    list_display = ["name", "user", "kind", "channel", "created_at", "last_used_at"]
    list_filter = ["kind", "channel"]
    actions = ["delete_selected"]

    @admin.action(description="Remove devices", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Device]
    ) -> HttpResponse | None:
        """Django's own, which asks first, by its name here."""
        return delete_selected(self, request, queryset)


@admin.register(Passkey)
class PasskeyAdmin(_RemovableAdmin[Passkey]):
    """A removed passkey stays on its user's device, and approves nothing here any more."""

    fields = ["name", "user", "synced", "created_at", "last_used_at"]
    list_display = ["name", "user", "synced", "created_at", "last_used_at"]
    list_filter = ["synced"]
    actions = ["delete_selected"]

    @admin.action(description="Remove passkeys", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Passkey]
    ) -> HttpResponse | None:
        """Django's own, which asks first, by its name here."""
        return delete_selected(self, request, queryset)
