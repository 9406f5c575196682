"""Messages that went out, or did not: every attempt, and dead ones sent again."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext

from django_ciba.admin.base import ViewOnlyAdmin, ViewOnlyInline, user_name_lookup
from django_ciba.models import Delivery, DeliveryAttempt
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
        "channel",
        "state",
        "problem",
        "client",
        "user",
        "attempts",
        "due_at",
        "created_at",
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
    def client(self, obj: Delivery) -> str:
        return str(obj.authentication_request.client)

    @admin.display(description="user", ordering="authentication_request__user")
    def user(self, obj: Delivery) -> str:
        return str(obj.authentication_request.user or "-")

    @admin.action(description="Send dead letters again", permissions=["act"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """They are due at once; a worker withdraws those whose request no longer waits."""
        dead = list(queryset.filter(state=Delivery.State.DEAD))
        if not dead:
            self.message_user(request, "None of these is a dead letter.", messages.WARNING)
            return
        pks = [each.pk for each in dead]
        due = Delivery.objects.filter(pk__in=pks).send_again(timezone.now())
        wake_up(DELIVER, *pks)
        self.note(request, dead, "Sent again.")
        text = ngettext("Made %d delivery due again.", "Made %d deliveries due again.", due)
        self.message_user(request, text % due)
