"""Clients that may not ask a user: an operator can let one ask again, and mutes none."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext

from django_ciba.admin.base import ViewOnlyAdmin, user_name_lookup
from django_ciba.journeys import unmute
from django_ciba.models import MutedClient


class HoldsFilter(admin.SimpleListFilter):
    """Whether it still holds is a comparison with the time now."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("holds", "holds"), ("over", "over")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[MutedClient]
    ) -> QuerySet[MutedClient]:
        live = MutedClient.objects.live(timezone.now()).values("pk")
        match self.value():
            case "holds":
                return queryset.filter(pk__in=live)
            case "over":
                return queryset.exclude(pk__in=live)
            case _:
                return queryset


@admin.register(MutedClient)
class MutedClientAdmin(ViewOnlyAdmin[MutedClient]):
    fields = ["client", "user", "because", "created_at", "until"]
    list_display = ["client", "user", "because", "created_at", "until"]
    list_filter = [HoldsFilter, "because", "client__realm"]
    list_select_related = ["client", "user"]
    date_hierarchy = "created_at"
    actions = ["let_again"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["client__client_id", user_name_lookup("user")]

    @admin.action(description="Let the client ask again", permissions=["act"])
    def let_again(self, request: HttpRequest, queryset: QuerySet[MutedClient]) -> None:
        """The user's own wish is undone: for one who asks for it, and cannot do it."""
        now = timezone.now()
        let = [
            each for each in queryset if unmute(each.user, each.client, now=now, by_operator=True)
        ]
        self.note(request, let, "Let again.")
        text = ngettext("Let %d client ask again.", "Let %d clients ask again.", len(let))
        self.message_user(request, text % len(let))
