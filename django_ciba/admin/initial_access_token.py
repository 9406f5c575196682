"""Initial access tokens: an operator's leave to register clients, each shown once."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest

from django_ciba.admin.base import OperatorAdmin
from django_ciba.models import InitialAccessToken


@admin.register(InitialAccessToken)
class InitialAccessTokenAdmin(OperatorAdmin[InitialAccessToken]):
    """The digest of the token is in no form and no list. Deleting one takes the leave back."""

    fields = ["realm", "name", "uses_left", "expires_at", "created_at", "last_used_at"]
    list_display = ["name", "realm", "uses_left", "expires_at", "created_at", "last_used_at"]
    list_filter = ["realm"]
    list_select_related = ["realm"]
    search_fields = ["name"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: InitialAccessToken | None = None
    ) -> list[str]:
        """What has been given to somebody stays as it was given; it can be ended."""
        always = ["created_at", "last_used_at"]
        return always if obj is None else [*always, "realm", "uses_left"]

    def save_model(
        self, request: HttpRequest, obj: InitialAccessToken, form: Any, change: bool
    ) -> None:
        value = None if change else obj.new_value()
        # The count of uses may have changed since the page was opened.
        obj.save(update_fields=["name", "expires_at"] if change else None)
        if value is not None:
            self.message_user(
                request,
                f"The initial access token {obj.name}, shown only now: {value}",
                messages.WARNING,
            )
