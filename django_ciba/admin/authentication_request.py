"""Authentication requests: where each one stands and how it got there. Nothing in them is secret
on these pages: no auth_req_id, no notification token, not what nodes remember.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from django_ciba.admin.audit_event import details_in_words
from django_ciba.admin.base import (
    FoundByPublicId,
    ViewOnlyAdmin,
    ViewOnlyInline,
    readable,
    short,
    short_id,
    short_moment,
    user_name_lookup,
)
from django_ciba.admin.demand import demand_in_words
from django_ciba.admin.picture import STYLE, picture_of_request
from django_ciba.journeys import cancel
from django_ciba.models import AuditEvent, AuthenticationRequest, Delivery

EXPIRED = "expired"
MOST_EVENTS = 50


class StateFilter(admin.SimpleListFilter):
    """Expired is a comparison, so it is no value of the status column."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*AuthenticationRequest.Status.choices, (EXPIRED, EXPIRED)]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuthenticationRequest]
    ) -> QuerySet[AuthenticationRequest]:
        pending = AuthenticationRequest.Status.PENDING
        match self.value():
            case None:
                return queryset
            case "expired":
                return queryset.filter(status=pending, expires_at__lte=timezone.now())
            case "pending":
                return queryset.filter(status=pending, expires_at__gt=timezone.now())
            case chosen:
                return queryset.filter(status=chosen)


class DeliveryInline(ViewOnlyInline[Delivery, AuthenticationRequest]):
    model = Delivery
    fields = ["kind", "channel", "round", "state", "attempts", "due_at", "ended_at", "problem"]
    show_change_link = True


@admin.register(AuthenticationRequest)
class AuthenticationRequestAdmin(
    FoundByPublicId[AuthenticationRequest], ViewOnlyAdmin[AuthenticationRequest]
):
    fields = [
        "public_id",
        "state",
        "client",
        "user",
        "scope",
        "binding_message",
        "authorization_details",
        "resource",
        "acr",
        "ui_locales",
        "created_at",
        "expires_at",
        "ended_at",
        "journey_version",
        "drawn",
        "walked",
        "node",
        "due_at",
        "prompted_at",
        "prompt_until",
        "demanded",
        "answer",
        "answered_at",
        "wrong_at",
        "authenticated_at",
        "amr",
        "polling_interval",
        "polled_at",
        "slow_downs",
        "audited",
    ]
    readonly_fields = [
        "public_id",
        "state",
        "drawn",
        "walked",
        "demanded",
        "polled_at",
        "audited",
    ]
    list_display = [
        "shown_id",
        "state",
        "short_client",
        "short_user",
        "short_message",
        "created",
        "expires",
        "node",
    ]
    list_filter = [StateFilter, "client__realm"]
    list_select_related = ["client", "user"]
    date_hierarchy = "created_at"
    inlines = [DeliveryInline]
    actions = ["cancel"]

    class Media:
        css = {"all": [STYLE]}

    def get_fields(
        self, request: HttpRequest, obj: AuthenticationRequest | None = None
    ) -> list[Any]:
        """The audit is for those who may read it."""
        may = request.user.has_perm("django_ciba.view_auditevent")
        return [each for each in self.fields if may or each != "audited"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["client__client_id", "binding_message", user_name_lookup("user")]

    @admin.display(description="public id", ordering="public_id")
    def shown_id(self, obj: AuthenticationRequest) -> SafeString | None:
        """Enough of it to tell requests apart; the whole is on its page."""
        return short_id(obj.public_id)

    @admin.display(description="client", ordering="client")
    def short_client(self, obj: AuthenticationRequest) -> SafeString:
        return short(obj.client, 20)

    @admin.display(description="user", ordering="user")
    def short_user(self, obj: AuthenticationRequest) -> SafeString | None:
        return short(obj.user, 12) if obj.user is not None else None

    @admin.display(description="binding message", ordering="binding_message")
    def short_message(self, obj: AuthenticationRequest) -> SafeString | None:
        return short(obj.binding_message, 40) if obj.binding_message else None

    @admin.display(description="created", ordering="created_at")
    def created(self, obj: AuthenticationRequest) -> SafeString | None:
        return short_moment(obj.created_at)

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, obj: AuthenticationRequest) -> SafeString | None:
        return short_moment(obj.expires_at)

    @admin.display(description="state", ordering="status")
    def state(self, obj: AuthenticationRequest) -> str:
        return obj.state

    @admin.display(description="last poll in time")
    def polled_at(self, obj: AuthenticationRequest) -> str:
        if not obj.polled_us:
            return "-"
        return readable(datetime.fromtimestamp(obj.polled_us / 1_000_000, UTC))

    @admin.display(description="walk")
    def walked(self, obj: AuthenticationRequest) -> SafeString | str:
        """Node, outcome and time of each step so far, by the numbers that the picture has."""
        if not obj.walk:
            return "-"
        rows = format_html_join(
            "", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", _steps(obj)
        )
        return format_html(
            '<div class="ciba-scrolls">'
            "<table><thead><tr><th>Step</th><th>Node</th><th>Type</th><th>Outcome</th><th>Time</th></tr>"
            "</thead><tbody>{}</tbody></table></div>",
            rows,
        )

    @admin.display(description="picture")
    def drawn(self, obj: AuthenticationRequest) -> SafeString:
        return picture_of_request(obj)

    @admin.display(description="an approval needs")
    def demanded(self, obj: AuthenticationRequest) -> str:
        return demand_in_words(obj.demand) if obj.prompted_at is not None else "-"

    @admin.display(description="audit events")
    def audited(self, obj: AuthenticationRequest) -> SafeString | str:
        """What was written down of this request, the oldest first."""
        events = AuditEvent.objects.filter(public_id=obj.public_id).order_by("pk")
        rows = [
            (readable(each.at), each.get_event_display(), details_in_words(each.detail))
            for each in events[:MOST_EVENTS]
        ]
        if not rows:
            return "-"
        return format_html(
            '<div class="ciba-scrolls"><table>'
            "<thead><tr><th>Time</th><th>Event</th><th>Detail</th></tr></thead>"
            '<tbody>{}</tbody></table></div><a href="{}?q={}">All of them</a>',
            format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows),
            reverse(f"{self.admin_site.name}:django_ciba_auditevent_changelist"),
            obj.public_id,
        )

    @admin.action(description="Cancel pending requests", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[AuthenticationRequest]) -> None:
        now = timezone.now()
        chosen = list(queryset)
        cancelled = [each for each in chosen if cancel(each.pk, now)]
        if cancelled:
            self.note(request, cancelled, "Cancelled.")
            count = len(cancelled)
            text = ngettext("Cancelled %d request.", "Cancelled %d requests.", count)
            self.message_user(request, text % count)
        if ended := len(chosen) - len(cancelled):
            text = ngettext(
                "%d request was not pending any more.",
                "%d requests were not pending any more.",
                ended,
            )
            self.message_user(request, text % ended, messages.WARNING)


def _steps(found: AuthenticationRequest) -> Iterable[tuple[int, str, str, str, str]]:
    nodes = found.journey_version.document.get("nodes", {})
    for number, step in enumerate(found.walk, 1):
        key = str(step.get("node", ""))
        moment = parse_datetime(str(step.get("at", "")))
        yield (
            number,
            key,
            str(nodes.get(key, {}).get("type", "")),
            str(step.get("outcome", "")),
            readable(moment) if moment is not None else "",
        )
