"""Journeys: the document is checked before it is saved, drawn, and every version is kept."""

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_ciba import journeys
from django_ciba.admin.base import ModelForm, OperatorAdmin, ViewOnlyInline
from django_ciba.admin.picture import STYLE, picture_of_document, picture_of_version
from django_ciba.journeys import document_problems
from django_ciba.models import Journey, JourneyVersion

TEMPLATES: Mapping[str, Any] = getattr(journeys, "TEMPLATES", {})
TEMPLATE = "template"  # the parameter of the add page that names one


class JourneyForm(ModelForm[Journey]):
    def clean_document(self) -> Any:
        document = self.cleaned_data["document"]
        problems = [
            f"{path}: {problem}" if path else problem
            for path, problem in document_problems(document)
        ]
        if problems:
            raise ValidationError(problems)
        return document


class JourneyVersionInline(ViewOnlyInline[JourneyVersion, Journey]):
    """Requests that are under way go on with the version that they started with."""

    model = JourneyVersion
    fields = ["number", "created_at", "drawn", "laid_out"]
    readonly_fields = ["number", "created_at", "drawn", "laid_out"]

    @admin.display(description="picture")
    def drawn(self, obj: JourneyVersion) -> SafeString:
        return format_html(
            "<details><summary>Picture</summary>{}</details>",
            picture_of_version(obj, f"version-{obj.number}"),
        )

    @admin.display(description="document")
    def laid_out(self, obj: JourneyVersion) -> SafeString:
        return format_html(
            "<details><summary>Document</summary><pre>{}</pre></details>",
            json.dumps(obj.document, indent=2, ensure_ascii=False),
        )


@admin.register(Journey)
class JourneyAdmin(OperatorAdmin[Journey]):
    form = JourneyForm
    fields = ["realm", "name", "document", "drawn"]
    readonly_fields = ["drawn"]
    list_display = ["name", "realm", "version_number"]
    list_filter = ["realm"]
    list_select_related = ["realm", "version"]
    search_fields = ["name"]

    class Media:
        css = {"all": [STYLE]}

    @admin.display(description="version", ordering="version__number")
    def version_number(self, obj: Journey) -> int | None:
        return obj.version.number if obj.version else None

    @admin.display(description="picture")
    def drawn(self, obj: Journey) -> SafeString | str:
        """Of what is saved: the document that is being typed may be no journey yet."""
        if obj.version is None:
            return "-"
        return picture_of_version(obj.version, "saved")

    def get_fieldsets(self, request: HttpRequest, obj: Journey | None = None) -> list[Any]:
        if obj is not None:
            return [(None, {"fields": self.get_fields(request, obj)})]
        return [(None, {"fields": ["realm", "name", "document"], "description": _offered(request)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Journey | None = None) -> list[str]:
        return ["drawn"] if obj is None else ["realm", "drawn"]

    def get_inlines(self, request: HttpRequest, obj: Journey | None) -> list[Any]:
        return [] if obj is None else [JourneyVersionInline]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """With the template that the address names; one that is not known changes nothing."""
        initial = super().get_changeform_initial_data(request)
        template = TEMPLATES.get(initial.pop(TEMPLATE, ""))
        if template is not None:
            initial = {"name": template.label, **initial, "document": template.document}
        return initial


def _offered(request: HttpRequest) -> SafeString:
    """Links to this page with each template filled in, and the picture of the chosen one."""
    if not TEMPLATES:
        return SafeString("")
    links = []
    for key, template in TEMPLATES.items():
        parameters = request.GET.copy()
        parameters[TEMPLATE] = key
        links.append((f"?{parameters.urlencode()}", template.label, template.description))
    chosen = TEMPLATES.get(request.GET.get(TEMPLATE, ""))
    return format_html(
        "<p>Start from a template, and change what you like before you save:</p><ul>{}</ul>{}",
        format_html_join("", '<li><a href="{}">{}</a>: {}</li>', links),
        _chosen(chosen.label, chosen.document) if chosen is not None else "",
    )


def _chosen(label: str, document: Any) -> SafeString:
    return picture_of_document(document, f"Template: {label}", "template")
