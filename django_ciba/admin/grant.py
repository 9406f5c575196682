"""Grants, which can be revoked, and their tokens, of which only kind, scope and dates are shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext

from django_ciba.admin.base import ViewOnlyAdmin, ViewOnlyInline, user_name_lookup
from django_ciba.models import Grant, Token


class TokenInline(ViewOnlyInline[Token, Grant]):
    model = Token
    fields = ["kind", "scope", "resource", "created_at", "expires_at", "used_at"]


@admin.register(Grant)
class GrantAdmin(ViewOnlyAdmin[Grant]):
    """Revoking a grant ends every token of it."""

    fields = [
        "client",
        "user",
        "subject",
        "scope",
        "authorization_details",
        "resource",
        "acr",
        "amr",
        "authenticated_at",
        "authentication_request",
        "created_at",
        "revoked_at",
    ]
    list_display = ["__str__", "client", "user", "scope", "created_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "client__realm"]
    list_select_related = ["client", "user"]
    date_hierarchy = "created_at"
    inlines = [TokenInline]
    actions = ["revoke"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["client__client_id", "subject", user_name_lookup("user")]

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        live = list(queryset.filter(revoked_at__isnull=True))
        ended = Grant.objects.filter(pk__in=[each.pk for each in live]).revoke(timezone.now())
        self.note(request, live, "Revoked.")
        text = ngettext(
            "Revoked %d grant and all its tokens.", "Revoked %d grants and all their tokens.", ended
        )
        self.message_user(request, text % ended)


@admin.register(Token)
class TokenAdmin(ViewOnlyAdmin[Token]):
    """A token is ended by revoking its grant."""

    fields = [
        "kind",
        "grant",
        "client",
        "user",
        "scope",
        "narrowed_details",
        "resource",
        "created_at",
        "expires_at",
        "used_at",
    ]
    readonly_fields = ["client", "user"]
    list_display = ["__str__", "kind", "client", "user", "created_at", "expires_at", "used_at"]
    list_filter = ["kind", "grant__client__realm"]
    list_select_related = ["grant__client", "grant__user"]
    date_hierarchy = "created_at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["grant__client__client_id", "grant__subject", user_name_lookup("grant__user")]

    @admin.display(description="client", ordering="grant__client")
    def client(self, obj: Token) -> str:
        return str(obj.grant.client)

    @admin.display(description="user", ordering="grant__user")
    def user(self, obj: Token) -> Any:
        return str(obj.grant.user)
