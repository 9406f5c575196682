"""Journeys: the document is checked before it is saved, drawn, and every version is kept."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_ciba.admin.base import ModelForm, OperatorAdmin, ViewOnlyInline
from django_ciba.admin.dry_run import DryRunForm, tried
from django_ciba.admin.picture import STYLE, framed, picture_of_document, picture_of_version
from django_ciba.journeys import TEMPLATES, Template, document_problems
from django_ciba.models import Journey, JourneyVersion

DRY_RUN = "django_ciba_journey_dry_run"
TEMPLATE = "template"  # the parameter of the add page that names one


class JourneyForm(ModelForm[Journey]):
    def clean_document(self) -> Any:
        document = self.cleaned_data["document"]
        problems = [
            f"{where}: {problem}" if where else problem
            for where, problem in document_problems(document)
        ]
        if problems:
            raise ValidationError(problems)
        return document

    def clean_name(self) -> str:
        """Unique in its realm, which cannot be chosen any more, so that Django would not look."""
        name: str = self.cleaned_data["name"]
        if "realm" not in self.fields:
            others = Journey.objects.filter(realm_id=self.instance.realm_id, name=name)
            if others.exclude(pk=self.instance.pk).exists():
                raise ValidationError("The realm has a journey of that name already.")
        return name


class JourneyVersionInline(ViewOnlyInline[JourneyVersion, Journey]):
    """Requests that are under way go on with the version that they started with."""

    model = JourneyVersion
    fields = ["number", "created_at", "laid_out"]
    readonly_fields = ["number", "created_at", "laid_out"]

    @admin.display(description="picture and document")
    def laid_out(self, obj: JourneyVersion) -> SafeString:
        return format_html(
            "<details><summary>Picture</summary>{}</details>"
            "<details><summary>Document</summary>{}</details>",
            picture_of_version(obj, f"version-{obj.number}"),
            framed(
                format_html(
                    "<pre>{}</pre>", json.dumps(obj.document, indent=2, ensure_ascii=False)
                ),
                f"Document of version {obj.number}",
            ),
        )


@admin.register(Journey)
class JourneyAdmin(OperatorAdmin[Journey]):
    form = JourneyForm
    fields = ["realm", "name", "document", "drawn", "dry_run"]
    readonly_fields = ["drawn", "dry_run"]
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

    @admin.display(description="dry run")
    def dry_run(self, obj: Journey) -> SafeString:
        return format_html('<a href="{}">Try it for a test user</a>', self._dry_run_address(obj))

    def _dry_run_address(self, obj: Journey) -> str:
        return reverse(f"{self.admin_site.name}:{DRY_RUN}", args=[quote(obj.pk)])

    def get_fields(self, request: HttpRequest, obj: Journey | None = None) -> list[Any]:
        """A dry run is for those who could change the journey."""
        may = self.has_act_permission(request)
        return [each for each in self.fields if may or each != "dry_run"]

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.dry_run_view)
        return [path("<path:object_id>/dry-run/", page, name=DRY_RUN), *super().get_urls()]

    def dry_run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for a client, a user and events, and tells what came of them."""
        journey = self.get_object(request, unquote(object_id))
        if not self.has_act_permission(request):
            raise PermissionDenied
        if journey is None:
            raise Http404
        form = DryRunForm(journey, request.POST if request.method == "POST" else None)
        told = tried(journey, form) if form.is_valid() else {}
        context = {
            **self.admin_site.each_context(request),
            "title": "Dry run",
            "subtitle": str(journey),
            "opts": self.opts,
            "journey": journey,
            "media": self.media,
            "form": form,
            "told": told,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "django_ciba/admin/dry_run.html", context)

    def get_fieldsets(self, request: HttpRequest, obj: Journey | None = None) -> list[Any]:
        if obj is not None:
            return [(None, {"fields": self.get_fields(request, obj)})]
        return [(None, {"fields": ["realm", "name", "document"], "description": _offered(request)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Journey | None = None) -> list[str]:
        shown = ["drawn", "dry_run"]
        return shown if obj is None else ["realm", *shown]

    def get_inlines(self, request: HttpRequest, obj: Journey | None) -> list[Any]:
        return [] if obj is None else [JourneyVersionInline]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """With the template that the address names; one that is not known changes nothing."""
        initial = super().get_changeform_initial_data(request)
        initial.pop(TEMPLATE, None)
        template = _chosen(request)
        if template is not None:
            document: Any = template.document  # as every field's, but its type says text
            initial = {"name": template.label, **initial, "document": document}
        return initial


def _offered(request: HttpRequest) -> SafeString:
    """Links to this page with each template filled in, and the picture of the chosen one."""
    links = []
    for key, template in TEMPLATES.items():
        parameters = request.GET.copy()
        parameters[TEMPLATE] = key
        said = template.description.replace("`", "")
        links.append((f"?{parameters.urlencode()}", template.label, said))
    chosen = _chosen(request)
    return format_html(
        "<p>Start from a template, and change what you like before you save:</p>{}{}",
        format_html_join("", '<p><a href="{}">{}</a>: {}</p>', links),
        picture_of_document(chosen.document, f"Template: {chosen.label}", "template")
        if chosen is not None
        else "",
    )


def _chosen(request: HttpRequest) -> Template | None:
    """The template that the address names; None when it names none that there is."""
    return TEMPLATES.get(request.GET.get(TEMPLATE, ""))
