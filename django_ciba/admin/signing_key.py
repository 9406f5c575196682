"""Signing keys: made here, rotated here, and their private half never shown or taken in."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from django_ciba.admin.base import ModelForm, OperatorAdmin, readable, short, short_moment
from django_ciba.jose import KEY_ALGS
from django_ciba.models import NotPublishedLongEnough, SigningKey, configuration

CURRENT = str(SigningKey.State.CURRENT)
IN_USE = (
    "Only a retired key can be deleted: rotate it first (an action on the list), or retire it "
    "first (manage.py ciba_keys retire)."
)


class NewKeyForm(ModelForm[SigningKey]):
    """Asks which key to make, and for nothing of the key itself."""

    alg = forms.ChoiceField(
        choices=[(each, each) for each in KEY_ALGS],
        help_text="The first key of a realm and algorithm signs at once; the second is published, "
        "and signs after the next rotation.",
    )

    class Meta:
        model = SigningKey
        fields = ["realm", "alg"]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if {"realm", "alg"} <= values.keys():
            values["state"] = self._vacant_state(values)
        return values

    @staticmethod
    def _vacant_state(values: dict[str, Any]) -> str:
        live = SigningKey.objects.filter(realm=values["realm"], alg=values["alg"])
        taken = set(live.values_list("state", flat=True))
        if SigningKey.State.NEXT in taken:
            raise ValidationError(
                "This realm has a next key for this algorithm already: rotate instead."
            )
        return str(SigningKey.State.NEXT) if CURRENT in taken else CURRENT


@admin.register(SigningKey)
class SigningKeyAdmin(OperatorAdmin[SigningKey]):
    """No state is set by hand: a key goes from next to current to retired by rotation."""

    fields = [
        "realm",
        "alg",
        "kid",
        "state",
        "public_jwk",
        "created_at",
        "may_sign_from",
        "activated_at",
        "retired_at",
    ]
    readonly_fields = ["may_sign_from"]
    list_display = [
        "short_state",
        "short_kid",
        "alg",
        "realm",
        "turn",
    ]
    list_display_links = ["short_state", "short_kid"]
    list_filter = ["state", "alg", "realm"]
    list_select_related = ["realm"]
    search_fields = ["kid", "realm__path"]
    date_hierarchy = "created_at"
    actions = ["rotate", "rotate_at_once", "delete_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        """Not even decrypted: these pages open when a key's secret has been lost, too."""
        return super().get_queryset(request).defer("private_pem")

    def get_fieldsets(self, request: HttpRequest, obj: SigningKey | None = None) -> list[Any]:
        if obj is None:
            return [(None, {"fields": ["realm", "alg"]})]
        options: dict[str, Any] = {"fields": list(self.fields)}
        if obj.state != SigningKey.State.RETIRED:
            options["description"] = IN_USE
        return [(None, options)]

    @admin.display(description="key id", ordering="kid")
    def short_kid(self, obj: SigningKey) -> SafeString:
        """Enough to tell keys apart; the whole is on its page."""
        return short(obj.kid, 13)

    @admin.display(description="state", ordering="state")
    def short_state(self, obj: SigningKey) -> str:
        return str(obj.state)

    @admin.display(description="may sign from")
    def may_sign_from(self, obj: SigningKey) -> str:
        """When a next key has been published for long enough (KEY_PUBLISHED_BEFORE)."""
        if obj.state != SigningKey.State.NEXT:
            return "-"
        return readable(obj.may_sign_from)

    @admin.display(description="since, or from")
    def turn(self, obj: SigningKey) -> SafeString | None:
        """Since when it signs or is retired; a next one: from when it may sign.

        The settings of its realm are read as this process holds them: a list asks once for all.
        """
        obj.realm = configuration().realm(obj.realm.path) or obj.realm
        moments = {
            SigningKey.State.NEXT: obj.may_sign_from,
            SigningKey.State.CURRENT: obj.activated_at,
            SigningKey.State.RETIRED: obj.retired_at,
        }
        return short_moment(moments[SigningKey.State(obj.state)])

    def get_form(
        self,
        request: HttpRequest,
        obj: SigningKey | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> "type[forms.ModelForm[SigningKey]]":
        if obj is None:
            kwargs["form"] = NewKeyForm
        return super().get_form(request, obj, change, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: SigningKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SigningKey | None = None) -> bool:
        """What signs, or will, stays: clients keep the JWK Set. It falls only with its realm."""
        if obj is not None and obj.state != SigningKey.State.RETIRED:
            return self.falls_with_its_owner(request, obj)
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: SigningKey, form: Any, change: bool) -> None:
        """Only new ones come here; what is stored is made where every key is made."""
        made = SigningKey.objects.generate(obj.realm, obj.alg, form.cleaned_data["state"])
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.action(
        description="Rotate: the next key signs, the current one retires", permissions=["act"]
    )
    def rotate(self, request: HttpRequest, queryset: QuerySet[SigningKey]) -> None:
        self._rotate(request, queryset, at_once=False)

    @admin.action(
        description="Rotate at once: for a current key that may be stolen", permissions=["act"]
    )
    def rotate_at_once(self, request: HttpRequest, queryset: QuerySet[SigningKey]) -> None:
        """Clients may not have read the next key yet; see KEY_PUBLISHED_BEFORE."""
        self._rotate(request, queryset, at_once=True)

    def _rotate(
        self, request: HttpRequest, queryset: QuerySet[SigningKey], *, at_once: bool
    ) -> None:
        chosen = queryset.select_related("realm").order_by("realm__path", "alg")
        for realm, alg in dict.fromkeys((each.realm, each.alg) for each in chosen):
            if alg not in realm.conf.key_algs:
                self.message_user(
                    request,
                    f"Realm {realm} has given {alg} up (signing_algs, encryption_algs): its keys "
                    "were left alone.",
                    messages.WARNING,
                )
                continue
            try:
                signing = SigningKey.objects.rotate(realm, alg, at_once=at_once)
            except NotPublishedLongEnough as refusal:
                self.message_user(
                    request, f"Realm {realm}, {alg}: {_too_new(refusal)}", messages.WARNING
                )
                continue
            self.note(request, [signing], "Became the current key by rotation.")
            self.message_user(request, f"Realm {realm} signs {alg} with {signing.kid} now.")

    @admin.action(description="Delete retired keys", permissions=["delete"])
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        """Django's own, in whose place this stands, would only say that a permission is missing."""
        in_use = list(queryset.exclude(state=SigningKey.State.RETIRED))
        if in_use:
            names = ", ".join(map(str, in_use))
            self.message_user(request, f"Nothing was deleted: {names}. {IN_USE}", messages.ERROR)
            return None
        return delete_selected(self, request, queryset)


def _too_new(refusal: NotPublishedLongEnough) -> str:
    if refusal.may_sign_from is None:
        return (
            "not rotated, since no next key that can sign is published. Saving the realm "
            "publishes a missing one; manage.py ciba_keys retire replaces one that cannot be "
            "decrypted."
        )
    return (
        "not rotated, since clients may not have read the next key yet. It may sign from "
        f"{readable(refusal.may_sign_from)}; until then, rotate at once only if the current key "
        "may be stolen."
    )
