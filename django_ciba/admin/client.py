"""Clients: checked by the same rules as an import, their secrets made here and shown once."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import ngettext

from django_ciba.admin.base import ModelForm, OperatorAdmin
from django_ciba.client_registration import (
    MEMBERS,
    SECRET_METHODS,
    metadata_problems,
    registered,
)
from django_ciba.client_registration.members import COLUMNS, INFORMATIONAL
from django_ciba.jose import ENCRYPTION_ALGS, ENCRYPTION_ENCS
from django_ciba.models import Client
from django_ciba.models.client import default_grant_types
from django_ciba.models.secrets import new_secret
from django_ciba.protocol.names import CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE

GRANT_TYPES = [
    (CIBA_GRANT_TYPE, f"CIBA ({CIBA_GRANT_TYPE})"),
    (REFRESH_TOKEN_GRANT_TYPE, f"Refresh token ({REFRESH_TOKEN_GRANT_TYPE})"),
]
FIRST_NAME = re.compile(r"[A-Za-z_]+")


class ClientForm(ModelForm[Client]):
    """The form's values are client metadata, so that admin and import have one set of rules."""

    grant_types = forms.MultipleChoiceField(
        choices=GRANT_TYPES,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        initial=default_grant_types,
    )

    # What `registered` is given, and the secret that it then knows: for the operator, once.
    given: dict[str, Any]
    secret: str | None = None

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        realm = values.get("realm") or getattr(self.instance, "realm", None)
        if realm is None or self.errors.keys() & {*COLUMNS, "metadata"}:
            return values  # what is not well formed is not looked at any closer
        informational = dict(self._informational(values))
        columns = {name: values[name] for name in COLUMNS if name in values}
        # A form has no null, and says "" for what is not set.
        self.given = informational | {
            name: None if value == "" else value for name, value in columns.items()
        }
        if self._needs_a_secret(values.get("token_endpoint_auth_method", "")):
            self.secret = self.given["client_secret"] = new_secret()
        found = metadata_problems(
            self.given,
            realm.conf,
            existing=self.instance if self.instance.pk else None,
            details_types=realm.details_types,
        )
        for path, problem in found:
            self._place(path, problem)
        return values

    def _needs_a_secret(self, method: str) -> bool:
        """client_secret_jwt needs more than the digest that the other methods are content with."""
        stored = bool(self.instance.secret_digest)
        if method == Client.AuthMethod.CLIENT_SECRET_JWT:
            stored = self.instance.keeps_secret
        return method in SECRET_METHODS and not stored

    def _informational(self, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """RFC 7591 §2: what is kept and shown. The site's own names beside it are not looked at."""
        written = values["metadata"]
        if not isinstance(written, dict):
            self.add_error("metadata", "This must be a JSON object.")
            return
        for name, value in written.items():
            if name in INFORMATIONAL:
                yield name, value
            elif name in MEMBERS:
                self.add_error("metadata", f"{name}: has no place here.")

    def _place(self, path: str, problem: str) -> None:
        """Show a fault at the field that it is in."""
        found = FIRST_NAME.match(path)
        name = found.group() if found else ""
        rest = path.removeprefix(name).lstrip(".")
        if name in self.fields:
            self.add_error(name, f"{rest}: {problem}" if rest else problem)
        elif name in INFORMATIONAL and "metadata" in self.fields:
            self.add_error("metadata", f"{path}: {problem}")
        else:
            self.add_error(None, f"{path}: {problem}" if path else problem)

    def clean_metadata(self) -> Any:
        """An empty field is an empty object: the column is not nullable."""
        metadata = self.cleaned_data["metadata"]
        return {} if metadata is None else metadata

    def save(self, commit: bool = True) -> Client:
        registered(self.given, self.instance.realm, existing=self.instance)
        return super().save(commit)


@admin.register(Client)
class ClientAdmin(OperatorAdmin[Client]):
    """The digest of the secret is in no form and no list."""

    form = ClientForm
    fieldsets = [
        (None, {"fields": ["realm", "client_id", "client_name", "enabled", "profile"]}),
        (
            "Client authentication",
            {
                "fields": [
                    "token_endpoint_auth_method",
                    "secret_state",
                    "token_endpoint_auth_signing_alg",
                    "issuer_only_audience",
                ]
            },
        ),
        (
            "Client certificate (tls_client_auth)",
            {
                "classes": ["collapse"],
                "fields": [
                    "tls_client_auth_subject_dn",
                    "tls_client_auth_san_dns",
                    "tls_client_auth_san_uri",
                    "tls_client_auth_san_ip",
                    "tls_client_auth_san_email",
                ],
            },
        ),
        ("Keys", {"fields": ["jwks", "jwks_uri"]}),
        (
            "Authentication requests",
            {
                "fields": [
                    "scope",
                    "authorization_details_types",
                    "grant_types",
                    "require_signed_request_object",
                    "backchannel_authentication_request_signing_alg",
                    "backchannel_user_code_parameter",
                    "two_step_user_code",
                    "hide_unknown_users",
                ]
            },
        ),
        (
            "How it learns of the answer",
            {
                "fields": [
                    "backchannel_token_delivery_mode",
                    "backchannel_client_notification_endpoint",
                    "backchannel_long_polling",
                ]
            },
        ),
        (
            "Access tokens",
            {
                "fields": [
                    "access_token_format",
                    "tls_client_certificate_bound_access_tokens",
                    "dpop_bound_access_tokens",
                ]
            },
        ),
        (
            "ID tokens and UserInfo",
            {
                "fields": [
                    "id_token_signed_response_alg",
                    "userinfo_signed_response_alg",
                    "subject_type",
                    "sector_identifier_uri",
                ]
            },
        ),
        (
            "Encryption",
            {
                "classes": ["collapse"],
                "fields": [
                    "id_token_encrypted_response_alg",
                    "id_token_encrypted_response_enc",
                    "userinfo_encrypted_response_alg",
                    "userinfo_encrypted_response_enc",
                    "request_object_encryption_alg",
                    "request_object_encryption_enc",
                ],
            },
        ),
        (
            "Introspection, for a resource server",
            {
                "classes": ["collapse"],
                "fields": [
                    "may_introspect",
                    "resource_identifiers",
                    "introspection_signed_response_alg",
                ],
            },
        ),
        (
            "The rest",
            {"fields": ["metadata", "registered_by", "created_at", "updated_at"]},
        ),
    ]
    list_display = [
        "client_id",
        "client_name",
        "realm",
        "enabled",
        "token_endpoint_auth_method",
        "backchannel_token_delivery_mode",
        "updated_at",
    ]
    list_filter = [
        "enabled",
        "realm",
        "token_endpoint_auth_method",
        "backchannel_token_delivery_mode",
        "profile",
    ]
    list_select_related = ["realm"]
    search_fields = ["client_id", "client_name"]
    date_hierarchy = "created_at"
    actions = ["make_secret", "take_over"]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> list[str]:
        """The names by which a relying party and its tokens know a client are not changed."""
        always = ["secret_state", "registered_by", "created_at", "updated_at"]
        return always if obj is None else [*always, "realm", "client_id"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Encryption algorithms are chosen: what there is depends on what is installed."""
        for ending, known in (("_alg", ENCRYPTION_ALGS), ("_enc", ENCRYPTION_ENCS)):
            if "encrypt" in db_field.name and db_field.name.endswith(ending):
                return forms.ChoiceField(
                    choices=[("", "---------"), *((each, each) for each in known)],
                    required=False,
                    label=capfirst(db_field.verbose_name),
                )
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("authorization_details_types", "resource_identifiers"):
            field.widget.attrs["rows"] = 3  # a short list of names
        return field

    @admin.display(description="registered by")
    def registered_by(self, obj: Client) -> str:
        if obj.registration_token_digest:
            return (
                "Itself. It can change and end its registration (RFC 7592), also what you change "
                "here; the action “Take over its registration” on the list ends that."
            )
        return (
            "An operator, or itself before it ended its registration or an operator took it over."
        )

    @admin.display(description="client secret")
    def secret_state(self, obj: Client) -> str:
        if obj.secret_digest:
            return "Stored as a digest. The action “Make a new secret” on the list replaces it."
        if obj._state.adding or obj.token_endpoint_auth_method in SECRET_METHODS:
            return "Made on saving, for the methods that use one, and then shown once."
        return f"{obj.token_endpoint_auth_method} uses none."

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.secret is not None:
            self._show_once(request, obj, form.secret)

    def _show_once(self, request: HttpRequest, client: Client, secret: str) -> None:
        self.message_user(
            request,
            f"The secret of {client.client_id}, shown only now: {secret}",
            messages.WARNING,
        )

    @admin.action(description="Make a new secret", permissions=["change"])
    def make_secret(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        """The old secret ends at once, so it is done to one client at a time."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one client.", messages.ERROR)
            return
        (client,) = chosen
        if client.token_endpoint_auth_method not in SECRET_METHODS:
            self.message_user(
                request, f"{client.token_endpoint_auth_method} uses no secret.", messages.ERROR
            )
            return
        secret = client.new_secret()
        client.save(update_fields=["secret_digest", "secret_encrypted", "updated_at"])
        self.note(request, [client], "Made a new secret.")
        self._show_once(request, client, secret)

    @admin.action(description="Take over its registration", permissions=["change"])
    def take_over(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        """RFC 7592 §3: its registration access token ends, so what operators change stays so."""
        own = list(queryset.exclude(registration_token_digest=""))
        taken = Client.objects.filter(pk__in=[each.pk for each in own]).update(
            registration_token_digest=""
        )
        self.note(request, own, "Took its registration over.")
        text = ngettext(
            "%d client can no longer change itself.",
            "%d clients can no longer change themselves.",
            taken,
        )
        self.message_user(request, text % taken, messages.SUCCESS if own else messages.WARNING)
