"""Journeys: the document is checked before it is saved, and every version is kept."""

import json
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ciba.admin.base import ModelForm, OperatorAdmin, ViewOnlyInline
from django_ciba.journeys import document_problems
from django_ciba.models import Journey, JourneyVersion


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
    fields = ["number", "created_at", "laid_out"]
    readonly_fields = ["number", "created_at", "laid_out"]

    @admin.display(description="document")
    def laid_out(self, obj: JourneyVersion) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(obj.document, indent=2, ensure_ascii=False))


@admin.register(Journey)
class JourneyAdmin(OperatorAdmin[Journey]):
    form = JourneyForm
    fields = ["realm", "name", "document"]
    list_display = ["name", "realm", "version_number"]
    list_filter = ["realm"]
    list_select_related = ["realm", "version"]
    search_fields = ["name"]

    @admin.display(description="version", ordering="version__number")
    def version_number(self, obj: Journey) -> int | None:
        return obj.version.number if obj.version else None

    def get_readonly_fields(self, request: HttpRequest, obj: Journey | None = None) -> list[str]:
        return [] if obj is None else ["realm"]

    def get_inlines(self, request: HttpRequest, obj: Journey | None) -> list[Any]:
        return [] if obj is None else [JourneyVersionInline]
