"""What happened: read by those who look back, and written, changed and deleted by nobody here."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ciba.admin.base import (
    FoundByPublicId,
    ViewOnlyAdmin,
    short,
    short_id,
    short_moment,
    user_name_lookup,
)
from django_ciba.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(FoundByPublicId[AuditEvent], ViewOnlyAdmin[AuditEvent]):
    """A request is deleted after its retention, its events are not; so they hold its public id."""

    fields = ["at", "event", "request", "client", "user", "details"]
    readonly_fields = ["request", "details"]
    list_display = ["moment", "event", "short_client", "short_user", "shown_id", "short_details"]
    list_filter = ["event", "client__realm", "client"]
    list_select_related = ["client", "user"]
    date_hierarchy = "at"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [user_name_lookup("user")]

    @admin.display(description="time", ordering="at")
    def moment(self, obj: AuditEvent) -> SafeString | None:
        return short_moment(obj.at)

    @admin.display(description="client", ordering="client")
    def short_client(self, obj: AuditEvent) -> SafeString | None:
        return short(obj.client, 20) if obj.client is not None else None

    @admin.display(description="user", ordering="user")
    def short_user(self, obj: AuditEvent) -> SafeString | None:
        return short(obj.user, 12) if obj.user is not None else None

    @admin.display(description="request", ordering="public_id")
    def shown_id(self, obj: AuditEvent) -> SafeString | None:
        return short_id(obj.public_id)

    @admin.display(description="detail")
    def short_details(self, obj: AuditEvent) -> SafeString:
        return short(details_in_words(obj.detail), 40)

    @admin.display(description="request")
    def request(self, obj: AuditEvent) -> SafeString | str:
        """Its public id, which leads to it for as long as it is kept."""
        if obj.public_id is None:
            return "-"
        requests = reverse(f"{self.admin_site.name}:django_ciba_authenticationrequest_changelist")
        return format_html('<a href="{}?q={}">{}</a>', requests, obj.public_id, obj.public_id)

    @admin.display(description="detail")
    def details(self, obj: AuditEvent) -> str:
        return details_in_words(obj.detail) or "-"


def details_in_words(detail: Mapping[str, Any]) -> str:
    """As "amr: pwd, hwk; vouched": by name, since databases keep orders of their own."""
    said = []
    for name, value in sorted(detail.items()):
        word = str(name).replace("_", " ")
        if value is True:
            said.append(word)
        else:
            values = value if isinstance(value, list) else [value]
            said.append(f"{word}: {', '.join(map(str, values))}")
    return "; ".join(said)
