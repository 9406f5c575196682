"""Types of authorization details: schema and template are checked before they are saved."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ciba.admin.base import ModelForm, OperatorAdmin
from django_ciba.authorization_details import details_type_problems, is_usable, presented
from django_ciba.models import AuthorizationDetailsType

AS_THE_USER_SEES_IT = "django_ciba/authentication_device/authorization_details.html"


class AuthorizationDetailsTypeForm(ModelForm[AuthorizationDetailsType]):
    def clean_schema(self) -> Any:
        """An empty field is an empty schema: the column is not nullable."""
        schema = self.cleaned_data["schema"]
        return {} if schema is None else schema

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = {"schema": {}, "template": "", **self.cleaned_data}
        name = given.get("type") or self.instance.type
        found: dict[str, list[str]] = {}
        for path, message in details_type_problems(name, given["schema"], given["template"]):
            field = "template" if path == "template" else "schema"
            below = path.removeprefix(field).removeprefix(".")
            found.setdefault(field, []).append(f"{below}: {message}" if below else message)
        if found:
            raise ValidationError(
                {name: messages for name, messages in found.items() if name in self.fields}
            )
        return cleaned


@admin.register(AuthorizationDetailsType)
class AuthorizationDetailsTypeAdmin(OperatorAdmin[AuthorizationDetailsType]):
    form = AuthorizationDetailsTypeForm
    fields = ["realm", "type", "name", "schema", "template", "preview"]
    readonly_fields = ["preview"]
    list_display = ["type", "realm", "name"]
    list_filter = ["realm"]
    list_select_related = ["realm"]
    search_fields = ["type", "name"]

    @admin.display(description="as users see it")
    def preview(self, obj: AuthorizationDetailsType) -> str | SafeString:
        """The schema's own `examples`, as the pages of the authentication device show them."""
        examples = obj.schema.get("examples", []) if isinstance(obj.schema, dict) else []
        if not examples or not is_usable(obj):
            return 'Put objects of this type into "examples" of the schema to see them here.'
        shown = [
            render_to_string(AS_THE_USER_SEES_IT, {"details": presented(each, obj)})
            for each in examples
        ]
        return format_html("{}" * len(shown), *shown)

    def get_readonly_fields(
        self, request: HttpRequest, obj: AuthorizationDetailsType | None = None
    ) -> list[str]:
        """What requests and clients name it by stays."""
        return ["preview"] if obj is None else ["realm", "type", "preview"]
