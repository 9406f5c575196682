"""Realms, with their acr mapping."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ImproperlyConfigured
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from django_ciba.admin.base import EditableInline, ModelForm, OperatorAdmin
from django_ciba.models import AcrMapping, Journey, Realm, SigningKey


def journeys_of_the_page(request: HttpRequest) -> QuerySet[Journey]:
    """The journeys of the realm whose page this is; a realm that is being added has none."""
    match = request.resolver_match
    object_id = match.kwargs.get("object_id") if match is not None else None
    if object_id is None:
        return Journey.objects.none()
    return Journey.objects.filter(realm_id=int(unquote(object_id)))


class AcrMappingInline(EditableInline[AcrMapping, Realm]):
    """Which acr value leads to which journey."""

    model = AcrMapping
    fields = ["acr", "journey", "position"]

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        if db_field.name == "journey":
            kwargs["queryset"] = journeys_of_the_page(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class RealmForm(ModelForm[Realm]):
    def clean_settings(self) -> Any:
        """An empty field is an empty object: the column is not nullable."""
        settings = self.cleaned_data["settings"]
        return {} if settings is None else settings


@admin.register(Realm)
class RealmAdmin(OperatorAdmin[Realm]):
    """A realm gets the signing keys that it lacks whenever it is saved."""

    form = RealmForm
    fields = [
        "name",
        "parent",
        "path",
        "issuer",
        "issuer_override",
        "enabled",
        "default_journey",
        "settings",
    ]
    readonly_fields = ["path", "issuer"]
    list_display = ["path", "enabled", "default_journey", "issuer"]
    list_filter = ["enabled"]
    list_select_related = ["default_journey"]
    search_fields = ["path", "issuer_override"]
    inlines = [AcrMappingInline]

    @admin.display(description="issuer")
    def issuer(self, obj: Realm) -> str:
        if not obj.path:
            return "-"
        try:
            return obj.issuer
        except ImproperlyConfigured as fault:
            return str(fault)

    def get_inlines(self, request: HttpRequest, obj: Realm | None) -> list[Any]:
        """Journeys come after the realm, and the mapping after them."""
        return [] if obj is None else self.inlines

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        if db_field.name == "default_journey":
            kwargs["queryset"] = journeys_of_the_page(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Realm, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for key in SigningKey.objects.ensure(obj):
            self.message_user(request, f"Made the {key.state} signing key for {key.alg}.")
