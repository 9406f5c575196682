"""The acr mapping of all realms."""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey
from django.forms import ModelChoiceField
from django.http import HttpRequest

from django_ciba.admin.base import OperatorAdmin
from django_ciba.models import AcrMapping, Journey


class _JourneyChoiceField(ModelChoiceField):  # type: ignore[type-arg]
    """Two realms may each have a journey of the same name."""

    def label_from_instance(self, obj: Journey) -> str:
        return f"{obj.realm}: {obj.name}"


@admin.register(AcrMapping)
class AcrMappingAdmin(OperatorAdmin[AcrMapping]):
    fields = ["realm", "acr", "journey", "position"]
    list_display = ["acr", "realm", "journey", "position"]
    list_filter = ["realm"]
    list_select_related = ["realm", "journey"]
    search_fields = ["acr", "journey__name"]

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        if db_field.name == "journey":
            kwargs["form_class"] = _JourneyChoiceField
            kwargs["queryset"] = Journey.objects.select_related("realm").order_by(
                "realm__path", "name"
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
