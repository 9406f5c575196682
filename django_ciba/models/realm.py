"""A tenant: issuer, keys, clients, journeys, mapping. Realms nest; root is on top."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Prefetch, Q

from django_ciba.conf import CibaSettings, ciba_settings, issuer_address, realm_setting_problems
from django_ciba.jose import (
    CAN_ENCRYPT,
    ENCRYPTION_ALGS,
    PrivateKey,
    VerificationKey,
    verification_keys,
)
from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet
from django_ciba.models.remote_jwks import called_address_problem

if TYPE_CHECKING:
    from django_ciba.models.acr_mapping import AcrMapping
    from django_ciba.models.authorization_details_type import AuthorizationDetailsType
    from django_ciba.models.signing_key import SigningKey

ROOT_PATH = "/"
TRUSTED_HINT_ISSUERS = CibaSettings.TRUSTED_HINT_ISSUERS.name.lower()
# What conf puts before a fault that lies deeper than the setting itself.
BELOW = re.compile(r"(?P<item>\[\d+\]\.jwks): (?:(?P<key>keys\[\d+\]): )?")


def settings_problems(settings: Any) -> Iterator[tuple[str, str]]:
    """(path, problem) for each fault of a realm's `settings`; for every path of writing them.

    Which settings there are and what they take, conf knows; which addresses may be called,
    `outbound` does, which conf cannot ask.
    """
    faulty = set()
    for name, problem in realm_setting_problems(settings):
        faulty.add(name)
        if (below := BELOW.match(problem)) is not None:
            path = ".".join(filter(None, below.group("item", "key")))
            yield name + path, problem[below.end() :]
        else:
            yield name, problem
    if faulty.isdisjoint({"", TRUSTED_HINT_ISSUERS}):
        for at, each in enumerate(settings.get(TRUSTED_HINT_ISSUERS, ())):
            if "jwks_uri" in each and (problem_there := called_address_problem(each["jwks_uri"])):
                yield f"{TRUSTED_HINT_ISSUERS}[{at}].jwks_uri", problem_there


def issuer_problem(issuer: str, path: str) -> str | None:
    """What is wrong with `issuer` as the override of the realm at `path`; for every way of writing.

    An issuer names one realm: with two of one name, an assertion for one would do at the other.
    """
    if not issuer:
        return None
    if (problem := issuer_address(issuer)) is not None:
        return problem
    for other in Realm.objects.exclude(path=path).select_related("parent"):
        if issuer == other.issuer_override or (ciba_settings.ISSUER and issuer == other.address):
            return f"is that of realm {other}"
    return None


class RealmQuerySet(ConfigurationQuerySet["Realm"]):
    def loaded(self) -> "dict[str, Realm]":
        """Path to enabled realm, with keys, mapping and default journey in memory.

        A realm below a disabled one is disabled too. Private halves are read when they sign, so
        that a retired or next key that cannot be decrypted any more stops nothing.
        """
        keys = apps.get_model("django_ciba", "SigningKey")._default_manager.defer("private_pem")
        rows = self.select_related("default_journey").prefetch_related(
            Prefetch("signing_keys", keys), "acr_mappings__journey", "authorization_details_types"
        )
        by_pk = {row.pk: row for row in rows}
        realms = {}
        for row in by_pk.values():
            if row.parent_id is not None:
                row.parent = by_pk[row.parent_id]
        for row in by_pk.values():
            if row.enabled and all(each.enabled for each in row.ancestors()):
                realms[row.path] = row
        return realms


class Realm(ConfigurationModel):
    """One issuer and all that belongs to it (`seeds`: realms/root/realms/alpha)."""

    name = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z", "letters, digits, . _ -")],
        help_text="The path segment of this realm, as alpha in realms/root/realms/alpha.",
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    path = models.CharField(max_length=500, unique=True, editable=False)
    enabled = models.BooleanField(default=True)
    issuer_override = models.CharField(
        max_length=500,
        blank=True,
        help_text="This realm's issuer when it differs from the address it is served at.",
    )
    settings = models.JSONField(
        default=dict,
        blank=True,
        help_text="Settings of this realm and those below it, by lower-case name.",
    )
    default_journey = models.ForeignKey(
        "Journey",
        models.RESTRICT,
        null=True,
        blank=True,
        related_name="default_of",
        help_text="Walked when acr_values name no mapped value.",
    )

    objects = RealmQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "name"], name="ciba_realm_name_in_parent"),
            models.UniqueConstraint(
                fields=["issuer_override"],
                condition=~Q(issuer_override=""),
                name="ciba_issuer_override_once",
            ),
            models.CheckConstraint(
                name="ciba_root_is_the_only_top",
                condition=Q(parent__isnull=True, path=ROOT_PATH)
                | Q(parent__isnull=False) & ~Q(path=ROOT_PATH),
            ),
        ]
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path or self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        old_path = self.path
        self.path = self._path()
        super().save(*args, **kwargs)
        if old_path and old_path != self.path:
            for child in self.children.all():
                child.parent = self
                child.save()

    def _path(self) -> str:
        if self.parent is None:
            return ROOT_PATH
        return f"{self.parent.path.rstrip('/')}/{self.name}"

    def clean(self) -> None:
        problems = list(settings_problems(self.settings))
        if problems:
            raise ValidationError(
                {"settings": [f"{name} {problem}".strip() for name, problem in problems]}
            )
        if self.parent is None and Realm.objects.filter(parent=None).exclude(pk=self.pk).exists():
            raise ValidationError({"parent": "There is one root realm; choose a parent."})
        if self.pk and self.parent is not None and self in (self.parent, *self.parent.ancestors()):
            raise ValidationError({"parent": "A realm cannot lie below itself."})
        if problem := issuer_problem(self.issuer_override, self.path or self._path()):
            raise ValidationError({"issuer_override": f"The issuer {problem}."})
        if self.default_journey and self.default_journey.realm_id != self.pk:
            raise ValidationError({"default_journey": "Choose a journey of this realm."})

    def ancestors(self) -> "list[Realm]":
        """Parents, nearest first."""
        found: list[Realm] = []
        at = self.parent
        while at is not None and at not in found:
            found.append(at)
            at = at.parent
        return found

    @cached_property
    def conf(self) -> CibaSettings:
        """The settings as this realm has them: its own, then its parents', then the site's."""
        return CibaSettings((self.settings, *(each.settings for each in self.ancestors())))

    @property
    def url_prefix(self) -> str:
        """The path below the mount: "" for root, else "realms/root/realms/alpha/"."""
        if self.path == ROOT_PATH:
            return ""
        return "realms/root" + "".join(f"/realms/{name}" for name in self.path.split("/")[1:]) + "/"

    @property
    def address(self) -> str:
        """Where this realm is served, without a final slash; from ISSUER, never from a request."""
        base = ciba_settings.ISSUER
        if not base:
            raise ImproperlyConfigured("DJANGO_CIBA['ISSUER'] is not set")
        return f"{base}/{self.url_prefix}".rstrip("/")

    @property
    def mtls_address(self) -> str | None:
        """RFC 8705 §5: as `address`, where the TLS server asks for client certificates."""
        base = ciba_settings.MTLS_ENDPOINTS
        return f"{base}/{self.url_prefix}".rstrip("/") if base else None

    @property
    def issuer(self) -> str:
        """OpenID Connect Core §2 `iss`."""
        return self.issuer_override or self.address

    def endpoint(self, name: str) -> str:
        """The address of one of this realm's endpoints, as bc-authorize or access_token."""
        return f"{self.address}/{name}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of this realm: the usual one, and that for client certificates.

        The seeds' addresses of the root realm, with and without realms/root, mean the same.
        """
        bases = [base for base in (self.address, self.mtls_address) if base is not None]
        if self.path == ROOT_PATH:
            bases += [f"{base}/realms/root" for base in bases]
        return tuple(bases)

    def endpoint_addresses(self, name: str) -> tuple[str, ...]:
        """Every address of one of this realm's endpoints, the usual one first."""
        return tuple(f"{base}/{name}" for base in self.addresses)

    @cached_property
    def audiences(self) -> tuple[str, ...]:
        """What a client may name in `aud` to mean us: issuer, token and backchannel endpoint.

        The endpoints' mTLS aliases (RFC 8705 §5) too.
        """
        ends = ("", "/access_token", "/bc-authorize")
        return (self.issuer, *(base + end for base in self.addresses for end in ends))

    @property
    def userinfo_resources(self) -> tuple[str, ...]:
        """RFC 8707 §2: what UserInfo goes by; a token is for the issuer by default."""
        return (self.issuer, self.endpoint("userinfo"))

    @property
    def resources(self) -> tuple[str, ...]:
        """RFC 8707 §2: what a token may be asked for: UserInfo, and RESOURCES."""
        return (*self.userinfo_resources, *self.conf.RESOURCES)

    @cached_property
    def verification_keys(self) -> tuple[VerificationKey, ...]:
        """The public halves of the realm's keys, to know our own ID tokens again."""
        return tuple(
            found for key in self.keys for found in verification_keys({"keys": [key.public_jwk]})
        )

    @cached_property
    def decryption_keys(self) -> tuple[PrivateKey, ...]:
        """The private halves of the realm's keys for encryption, retired ones too.

        None without the extra that decrypts: then nobody is invited to encrypt.
        """
        if not CAN_ENCRYPT:
            return ()
        return tuple(
            key.private_key for key in self.keys if key.alg in ENCRYPTION_ALGS and key.can_sign
        )

    @cached_property
    def keys(self) -> "tuple[SigningKey, ...]":
        """Every key of the realm, next, current and retired, with parsed keys kept."""
        return tuple(self.signing_keys.all())

    @cached_property
    def mapping(self) -> "tuple[AcrMapping, ...]":
        """The acr mapping in order."""
        return tuple(self.acr_mappings.all())

    @cached_property
    def details_types(self) -> "dict[str, AuthorizationDetailsType]":
        """RFC 9396 §2: the types of authorization details that this realm knows, by name."""
        return {each.type: each for each in self.authorization_details_types.all()}
