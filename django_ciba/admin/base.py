"""What our admin classes share: who may do what by hand, and how it is written down.

Every class lists its `fields`: a column that a model gets later is not shown unasked.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename, get_user_model
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ciba.admin.json_field import StrictJSONField

M = TypeVar("M", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)

if TYPE_CHECKING:
    # Generic to the type checker only: Django's own classes take no parameters.
    class _ModelAdmin(admin.ModelAdmin[M]): ...

    class _TabularInline(admin.TabularInline[M, Parent]): ...

    class ModelForm(forms.ModelForm[M]): ...

else:

    class _ModelAdmin(admin.ModelAdmin, Generic[M]): ...

    class _TabularInline(admin.TabularInline, Generic[M, Parent]): ...

    class ModelForm(forms.ModelForm, Generic[M]): ...


class OperatorAdmin(_ModelAdmin[M]):
    """A page for operators.

    Actions with `permissions=["act"]` ask for the right to change the model, also where nothing of
    it can be edited by hand.
    """

    formfield_overrides = {models.JSONField: {"form_class": StrictJSONField}}
    # These tables grow: no second COUNT(*) of all rows on every page.
    show_full_result_count = False

    def has_act_permission(self, request: HttpRequest) -> bool:
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def note(self, request: HttpRequest, rows: Iterable[M], message: str) -> None:
        """Write what an action did into each row's history. The text holds no secret."""
        operator: Any = request.user.pk  # never anonymous here
        LogEntry.objects.log_actions(
            user_id=operator, queryset=list(rows), action_flag=CHANGE, change_message=message
        )

    def falls_with_its_owner(self, request: HttpRequest, obj: M | None) -> bool:
        """Whether another model's page asks, since it deletes what this row belongs to.

        Otherwise nobody could delete a user, or a client, who has ever been asked or has asked.
        """
        match = request.resolver_match
        name = match.url_name if match is not None else None
        if obj is None or name is None:
            return False
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return name.endswith(("_delete", "_changelist")) and not name.startswith(own)


class ViewOnlyAdmin(OperatorAdmin[M]):
    """What the protocol wrote: nobody adds, changes or deletes it by hand, superusers included."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self.falls_with_its_owner(request, obj)


class FoundByPublicId(_ModelAdmin[M]):
    """A page of rows that bear a request's public id, which can be searched for."""

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[M], search_term: str
    ) -> tuple[models.QuerySet[M], bool]:
        """A public id is looked up as such, however it is written, and by the part that is shown.

        Eight digits may be a binding message as well.
        """
        term = search_term.strip().lower()
        try:
            return queryset.filter(public_id=UUID(term)), False
        except ValueError:
            found, repeats = super().get_search_results(request, queryset, search_term)
        if _SHORT_ID.fullmatch(term):
            ends = UUID(term + "0" * 24), UUID(term + "f" * 24)
            found |= queryset.filter(public_id__range=ends)
        return found, repeats


_SHORT_ID = re.compile(r"[0-9a-f]{8}")


class ViewOnlyInline(_TabularInline[M, Parent]):
    """Rows of another model, to look at on the page of what they belong to."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EditableInline(_TabularInline[M, Parent]):
    """Rows of another model, to edit on the page of what they belong to."""

    extra = 0


def user_name_lookup(path: str) -> str:
    """The search lookup of a user's name, whatever the site's user model calls it."""
    return f"{path}__{get_user_model().USERNAME_FIELD}"


# --- cells of lists, which have half a screen for all their columns -------------------------------


def short(text: Any, most: int) -> SafeString:
    """The beginning of a long text; the whole of it where the pointer rests."""
    whole = str(text)
    shown = whole if len(whole) <= most else f"{whole[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"
    return format_html('<span title="{}">{}</span>', whole, shown)


def short_id(public_id: UUID | None) -> SafeString | None:
    """Enough of a public id to tell requests apart."""
    if public_id is None:
        return None
    return format_html('<span title="{}">{}</span>', public_id, public_id.hex[:8])


def readable(moment: datetime) -> str:
    """Day and time to the second, in the operator's time zone."""
    return timezone.localtime(moment).isoformat(sep=" ", timespec="seconds")


def short_moment(moment: datetime | None) -> SafeString | None:
    """Day and time, which may wrap; the seconds where the pointer rests."""
    if moment is None:
        return None
    local = timezone.localtime(moment)
    return format_html(
        '<span title="{}">{} {}</span>',
        readable(moment),
        local.date().isoformat(),
        local.strftime("%H:%M"),
    )
