"""User codes: locks can be cleared and codes deleted; nobody but the user sets one."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext

from django_ciba.admin.base import OperatorAdmin, user_name_lookup
from django_ciba.models import UserCode


@admin.register(UserCode)
class UserCodeAdmin(OperatorAdmin[UserCode]):
    """The code itself is kept as a slow hash, and not even that is shown."""

    fields = ["user", "failures", "locked_until"]
    list_display = ["user", "failures", "locked_until"]
    list_filter = [("locked_until", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    actions = ["clear_lock"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [user_name_lookup("user")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: UserCode | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: UserCode | None = None) -> bool:
        return self.falls_with_its_owner(request, obj) or super().has_delete_permission(
            request, obj
        )

    @admin.action(description="Clear the lock", permissions=["act"])
    def clear_lock(self, request: HttpRequest, queryset: QuerySet[UserCode]) -> None:
        chosen = list(queryset)
        queryset.update(failures=0, locked_until=None)
        self.note(request, chosen, "Cleared the lock.")
        text = ngettext(
            "Cleared the lock of %d user code.", "Cleared the lock of %d user codes.", len(chosen)
        )
        self.message_user(request, text % len(chosen))
