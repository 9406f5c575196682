"""Messages that went out, or did not: every attempt, and dead ones sent again."""

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from django_ciba.admin.base import (
    ViewOnlyAdmin,
    ViewOnlyInline,
    short,
    short_moment,
    user_name_lookup,
)
from django_ciba.models import Delivery, DeliveryAttempt
from django_ciba.models.delivery import DeliveryQuerySet
from django_ciba.outbox import wake_up
from django_ciba.outbox.wake_up import DELIVER


class DeliveryAttemptInline(ViewOnlyInline[DeliveryAttempt, Delivery]):
    model = DeliveryAttempt
    fields = ["number", "at", "outcome", "detail"]


@admin.register(Delivery)
class DeliveryAdmin(ViewOnlyAdmin[Delivery]):
    fields = [
        "authentication_request",
        "kind",
        "channel",
        "round",
        "state",
        "attempts",
        "due_at",
        "problem",
        "created_at",
        "ended_at",
    ]
    list_display = [
        "channel_name",
        "state",
        "short_problem",
        "client",
        "user",
        "attempts",
        "due",
        "created",
    ]
    list_filter = ["state", "kind", "authentication_request__client__realm"]
    list_select_related = ["authentication_request__client", "authentication_request__user"]
    date_hierarchy = "created_at"
    inlines = [DeliveryAttemptInline]
    actions = ["send_again"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [
            "channel",
            "authentication_request__client__client_id",
            user_name_lookup("authentication_request__user"),
        ]

    @admin.display(description="client", ordering="authentication_request__client")
    def client(self, obj: Delivery) -> SafeString:
        return short(obj.authentication_request.client, 20)

    @admin.display(description="user", ordering="authentication_request__user")
    def user(self, obj: Delivery) -> SafeString | None:
        user = obj.authentication_request.user
        return short(user, 12) if user is not None else None

    @admin.display(description="channel", ordering="channel")
    def channel_name(self, obj: Delivery) -> SafeString:
        """Of a dotted path, the class; ping and push have none."""
        name = obj.channel.rpartition(".")[2] or obj.kind
        return format_html(
            '<span title="{}">{}</span>', obj.channel or obj.get_kind_display(), name
        )

    @admin.display(description="problem", ordering="problem")
    def short_problem(self, obj: Delivery) -> SafeString | None:
        return short(obj.problem, 60) if obj.problem else None

    @admin.display(description="due", ordering="due_at")
    def due(self, obj: Delivery) -> SafeString | None:
        return short_moment(obj.due_at)

    @admin.display(description="created", ordering="created_at")
    def created(self, obj: Delivery) -> SafeString | None:
        return short_moment(obj.created_at)

    @admin.action(description="Send dead letters again", permissions=["act"])
    def send_again(self, request: HttpRequest, queryset: DeliveryQuerySet) -> None:
        """They are due at once; a worker withdraws those that nobody waits for any more.

        The tokens of a push are revoked when it dies, so that there is nothing left to send.
        """
        dead = list(queryset.filter(state=Delivery.State.DEAD))
        if not dead:
            self.message_user(request, "None of these is a dead letter.", messages.WARNING)
            return
        sendable = list(queryset.sendable_again())
        if sendable:
            pks = [each.pk for each in sendable]
            due = Delivery.objects.filter(pk__in=pks).send_again(timezone.now())
            wake_up(DELIVER, *pks)
            self.note(request, sendable, "Sent again.")
            text = ngettext("Made %d delivery due again.", "Made %d deliveries due again.", due)
            self.message_user(request, text % due)
        if revoked := len(dead) - len(sendable):
            text = ngettext(
                "%d push of tokens cannot be sent again: they were revoked when it died. The "
                "client has to start a new authentication request.",
                "%d pushes of tokens cannot be sent again: they were revoked when these died. The "
                "clients have to start new authentication requests.",
                revoked,
            )
            self.message_user(request, text % revoked, messages.WARNING)
