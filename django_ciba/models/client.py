"""A relying party as it is registered: RFC 7591 and CIBA Core §4 names."""

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.crypto import constant_time_compare

from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    FAPI_ALGS,
    EncryptionKey,
    VerificationKey,
    encryption_keys,
    registered_certificates,
    verification_keys,
)
from django_ciba.models import secrets
from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet
from django_ciba.models.secrets import EncryptedTextField, UndecryptableError
from django_ciba.protocol.names import CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE

if TYPE_CHECKING:
    from django_ciba.models.authorization_details_type import AuthorizationDetailsType


def default_grant_types() -> list[str]:
    return [CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE]


class ClientQuerySet(ConfigurationQuerySet["Client"]):
    def end(self, pk: int, registration_token: str, now: datetime) -> bool:
        """RFC 7592 §2.3: shut a client by its own token; whether it took.

        Its row stays, as what was asked and answered in its name hangs on it; nothing that proved
        it stays, so that who lets it in again gives it a new secret.
        """
        its_own = self.filter(
            pk=pk, enabled=True, registration_token_digest=secrets.digest(registration_token)
        )
        shut = its_own.update(
            enabled=False,
            registration_token_digest="",
            secret_digest="",
            secret_encrypted="",
            updated_at=now,
        )
        return shut == 1


class Client(ConfigurationModel):
    """A relying party of one realm."""

    class AuthMethod(models.TextChoices):
        CLIENT_SECRET_BASIC = "client_secret_basic", "client_secret_basic"
        CLIENT_SECRET_POST = "client_secret_post", "client_secret_post"
        CLIENT_SECRET_JWT = "client_secret_jwt", "client_secret_jwt"
        PRIVATE_KEY_JWT = "private_key_jwt", "private_key_jwt"
        TLS_CLIENT_AUTH = "tls_client_auth", "tls_client_auth"
        SELF_SIGNED_TLS_CLIENT_AUTH = "self_signed_tls_client_auth", "self_signed_tls_client_auth"

    class DeliveryMode(models.TextChoices):
        POLL = "poll", "poll"
        PING = "ping", "ping"
        PUSH = "push", "push"

    class SigningAlg(models.TextChoices):
        ES256 = "ES256", "ES256"
        PS256 = "PS256", "PS256"
        RS256 = "RS256", "RS256"
        EDDSA = "EdDSA", "EdDSA"

    class AssertionAlg(models.TextChoices):
        ES256 = "ES256", "ES256"
        PS256 = "PS256", "PS256"
        RS256 = "RS256", "RS256"
        EDDSA = "EdDSA", "EdDSA"
        HS256 = "HS256", "HS256"

    class Profile(models.TextChoices):
        CIBA = "ciba", "CIBA"
        FAPI_CIBA = "fapi-ciba", "FAPI-CIBA"

    class SubjectType(models.TextChoices):
        PUBLIC = "public", "public"
        PAIRWISE = "pairwise", "pairwise"

    class AccessTokenFormat(models.TextChoices):
        OPAQUE = "opaque", "opaque"
        JWT = "jwt", "JWT (RFC 9068)"

    realm = models.ForeignKey("Realm", models.CASCADE, related_name="clients")
    client_id = models.CharField(
        "client ID",
        max_length=200,
        validators=[RegexValidator(r"\A[A-Za-z0-9._~:/-]+\Z", "letters, digits, . _ ~ : / -")],
    )
    client_name = models.CharField(
        max_length=200, blank=True, help_text="What the user reads when asked."
    )
    enabled = models.BooleanField(
        default=True,
        help_text="To end a client gently, untick this: it is refused from then on, and can be "
        "let in again. Deleting it takes its requests, grants and tokens along.",
    )
    secret_digest = models.CharField(max_length=64, blank=True, editable=False)
    # client_secret_jwt alone: a MAC needs the secret itself.
    secret_encrypted = EncryptedTextField(blank=True, default="", editable=False)
    token_endpoint_auth_method = models.CharField(
        max_length=40, choices=AuthMethod, default=AuthMethod.CLIENT_SECRET_BASIC
    )
    token_endpoint_auth_signing_alg = models.CharField(
        "token endpoint auth signing algorithm",
        max_length=10,
        choices=AssertionAlg,
        blank=True,
        help_text="The one algorithm of its assertions; empty: any of ours that fits its method.",
    )
    tls_client_auth_subject_dn = models.CharField(
        "TLS client auth: subject DN",
        max_length=1000,
        blank=True,
        help_text="tls_client_auth: what its certificate is known by. Give exactly one of these "
        "five (RFC 8705). The distinguished name is written as in RFC 4514.",
    )
    tls_client_auth_san_dns = models.CharField(
        "TLS client auth: DNS name", max_length=255, blank=True
    )
    tls_client_auth_san_uri = models.CharField("TLS client auth: URI", max_length=1000, blank=True)
    tls_client_auth_san_ip = models.CharField(
        "TLS client auth: IP address", max_length=45, blank=True
    )
    tls_client_auth_san_email = models.CharField(
        "TLS client auth: e-mail address", max_length=320, blank=True
    )
    grant_types = models.JSONField(default=default_grant_types)
    scope = models.CharField(
        max_length=1000, default="openid", help_text="Space-separated scopes it may ask for."
    )
    jwks = models.JSONField(
        "JWKS",
        null=True,
        blank=True,
        help_text='Public keys given here, as {"keys": [...]} (Public key selector: JWKs),',
    )
    jwks_uri = models.CharField(
        "JWKS URI",
        max_length=1000,
        blank=True,
        help_text="or the address where the client publishes them (Public key selector: JWKs_URI).",
    )
    require_signed_request_object = models.BooleanField(
        default=True,
        help_text="Refuse authentication requests that the client has not signed with one of its "
        "keys. Untick this only for a client that cannot sign.",
    )
    backchannel_authentication_request_signing_alg = models.CharField(
        "backchannel authentication request signing algorithm",
        max_length=10,
        choices=SigningAlg,
        blank=True,
        help_text="The one algorithm of its signed requests; empty: any of ours.",
    )
    backchannel_token_delivery_mode = models.CharField(
        max_length=10, choices=DeliveryMode, default=DeliveryMode.POLL
    )
    backchannel_client_notification_endpoint = models.CharField(
        max_length=1000,
        blank=True,
        help_text="Where ping and push are sent to. Its owner must be the client's.",
    )
    backchannel_long_polling = models.BooleanField(
        default=False,
        help_text="Hold its polls until the user has answered, at most LONG_POLLING_SECONDS, where "
        "the site runs under ASGI (CIBA Core §7.3).",
    )
    backchannel_user_code_parameter = models.BooleanField(
        default=False,
        help_text="Users who have set a user code must tell it to this client, which sends it as "
        "user_code: whoever does not know it cannot have them asked.",
    )
    two_step_user_code = models.BooleanField(
        "two-step user code",
        default=False,
        help_text="It may finish a request by a passcode that its user was sent: polling gives a "
        "middle token first, and a second request with that token and the passcode the rest. For "
        "clients that poll.",
    )
    id_token_signed_response_alg = models.CharField(
        "ID token signing algorithm",
        max_length=10,
        choices=SigningAlg,
        default=SigningAlg.ES256,
    )
    id_token_encrypted_response_alg = models.CharField(
        "ID token encryption algorithm", max_length=30, blank=True
    )
    id_token_encrypted_response_enc = models.CharField(
        "ID token content encryption", max_length=30, blank=True
    )
    userinfo_signed_response_alg = models.CharField(
        "UserInfo signing algorithm",
        max_length=10,
        choices=SigningAlg,
        blank=True,
        help_text="Empty: UserInfo is answered as plain JSON.",
    )
    userinfo_encrypted_response_alg = models.CharField(
        "UserInfo encryption algorithm", max_length=30, blank=True
    )
    userinfo_encrypted_response_enc = models.CharField(
        "UserInfo content encryption", max_length=30, blank=True
    )
    introspection_signed_response_alg = models.CharField(
        "introspection signing algorithm",
        max_length=10,
        choices=SigningAlg,
        blank=True,
        help_text="Of signed introspection answers (RFC 9701), when it asks for one.",
    )
    request_object_encryption_alg = models.CharField(
        "request encryption algorithm", max_length=30, blank=True
    )
    request_object_encryption_enc = models.CharField(
        "request content encryption", max_length=30, blank=True
    )
    subject_type = models.CharField(max_length=10, choices=SubjectType, default=SubjectType.PUBLIC)
    sector_identifier_uri = models.CharField(
        "sector identifier URI",
        max_length=1000,
        blank=True,
        help_text="Pairwise clients of one sector know a user by one subject.",
    )
    access_token_format = models.CharField(
        max_length=10, choices=AccessTokenFormat, default=AccessTokenFormat.OPAQUE
    )
    tls_client_certificate_bound_access_tokens = models.BooleanField(
        "certificate-bound access tokens",
        default=False,
        help_text="Its tokens work only with the certificate they were asked for with (RFC 8705).",
    )
    dpop_bound_access_tokens = models.BooleanField(
        "DPoP-bound access tokens",
        default=False,
        help_text="Every token request needs a DPoP proof, and its tokens work only with the key "
        "of that proof (RFC 9449).",
    )
    authorization_details_types = models.JSONField(
        default=list, blank=True, help_text="Types of authorization details that it may ask for."
    )
    may_introspect = models.BooleanField(
        default=False,
        help_text="A resource server of the realm: it may introspect tokens that other clients "
        "show it.",
    )
    resource_identifiers = models.JSONField(
        default=list,
        blank=True,
        help_text="For a resource server: the resources (RFC 8707) that it is. Tokens for other "
        "resources are inactive to it.",
    )
    profile = models.CharField(max_length=20, choices=Profile, default=Profile.CIBA)
    issuer_only_audience = models.BooleanField(
        default=False,
        help_text="Take assertions only when aud is the issuer (the strict way of rfc7523bis).",
    )
    hide_unknown_users = models.BooleanField(
        default=False,
        help_text="Answer a hint that names nobody, a user who cannot be asked and a wrong user "
        "code like any other request, and let it expire.",
    )
    metadata = models.JSONField(default=dict, blank=True, help_text="Other registered members.")
    registration_token_digest = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="Of a client that registered itself: what it manages its registration with.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["realm", "client_id"], name="ciba_client_id_in_realm"),
            models.CheckConstraint(
                name="ciba_jwks_or_jwks_uri",
                condition=Q(jwks__isnull=True) | Q(jwks_uri=""),
            ),
        ]
        ordering = ["client_id"]

    def __str__(self) -> str:
        return self.client_name or self.client_id

    def new_secret(self) -> str:
        """Store the digest, hand back the only copy of the secret. The caller saves."""
        secret = secrets.new_secret()
        self.set_secret(secret)
        return secret

    def set_secret(self, secret: str) -> None:
        """Store the digest of a secret that was agreed elsewhere. The caller saves.

        The secret itself is kept, encrypted, only for the method that cannot do without.
        """
        self.secret_digest = secrets.digest(secret)
        signs_with_it = self.token_endpoint_auth_method == self.AuthMethod.CLIENT_SECRET_JWT
        self.secret_encrypted = secret if signs_with_it else ""

    @property
    def keeps_secret(self) -> bool:
        """Whether the secret itself is kept, and can be read: not only its digest."""
        try:
            return bool(self.secret_encrypted)
        except UndecryptableError:
            return False

    def new_registration_token(self) -> str:
        """RFC 7592 §3: store the digest, hand back the only copy. The caller saves."""
        value = secrets.new_secret()
        self.registration_token_digest = secrets.digest(value)
        return value

    def has_registration_token(self, value: str) -> bool:
        """Whether `value` is what this client manages itself with, in constant time."""
        return bool(self.registration_token_digest) and constant_time_compare(
            self.registration_token_digest, secrets.digest(value)
        )

    def has_secret(self, secret: str) -> bool:
        """Whether `secret` is this client's, in constant time; a client without one has none."""
        return bool(self.secret_digest) and constant_time_compare(
            self.secret_digest, secrets.digest(secret)
        )

    @property
    def binds_its_tokens(self) -> bool:
        """Whether its tokens work for nobody else: by certificate (RFC 8705) or DPoP (RFC 9449)."""
        return self.tls_client_certificate_bound_access_tokens or self.dpop_bound_access_tokens

    @property
    def is_fapi(self) -> bool:
        """FAPI-CIBA: whether the client is held to that profile."""
        return self.profile == self.Profile.FAPI_CIBA

    @property
    def is_pairwise(self) -> bool:
        """OpenID Connect Core §8: whether it knows users by subjects that others do not share."""
        return self.subject_type == self.SubjectType.PAIRWISE

    @property
    def sector(self) -> str:
        """OpenID Connect Core §8.1, CIBA Core §4: whose pairwise subjects equal this client's.

        The host of `sector_identifier_uri`; else of the address that the client shows to be its
        own: where tokens are pushed to, or where the keys are that it signs with. A client with
        neither is a sector by itself.
        """
        pushed = self.backchannel_token_delivery_mode == self.DeliveryMode.PUSH
        own = self.backchannel_client_notification_endpoint if pushed else self.jwks_uri
        host = urlsplit(self.sector_identifier_uri or own).hostname
        return f"host:{host}" if host else f"client:{self.realm.path}:{self.client_id}"

    def signature_algs(self, registered: str) -> tuple[str, ...]:
        """RFC 8725 §3.1: what it may sign with: the one algorithm registered for that, or ours.

        FAPI 1.0 Advanced §8.6: PS256 and ES256 alone.
        """
        ours = FAPI_ALGS if self.is_fapi else ASYMMETRIC_ALGS
        return tuple(alg for alg in ours if registered in ("", alg))

    @cached_property
    def inline_keys(self) -> tuple[VerificationKey, ...]:
        """The parsed keys of `jwks`; empty when the client has a `jwks_uri` or no keys."""
        return verification_keys(self.jwks) if self.jwks else ()

    @cached_property
    def inline_encryption_keys(self) -> tuple[EncryptionKey, ...]:
        """As `inline_keys`, those that we may encrypt to."""
        return encryption_keys(self.jwks, unknown="skip") if self.jwks else ()

    @cached_property
    def inline_certificates(self) -> tuple[x509.Certificate, ...]:
        """RFC 8705 §2.2.2: as `inline_keys`, the certificates (`x5c`) that stand beside them."""
        return registered_certificates(self.jwks, unknown="skip") if self.jwks else ()

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What it may ask for: of its own scopes, those that its realm knows."""
        return frozenset(self.scope.split()) & frozenset(self.realm.conf.SCOPES)

    def still_allowed(self, granted: str) -> str:
        """Of a granted scope, what the client may have now: an operator may have cut it since."""
        return " ".join(value for value in granted.split() if value in self.scopes)

    @property
    def details_types(self) -> "dict[str, AuthorizationDetailsType]":
        """RFC 9396 §2, §10: the types that it may ask for: of its own, those of its realm."""
        known = self.realm.details_types
        return {name: known[name] for name in self.authorization_details_types if name in known}

    def still_allowed_details(self, granted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of granted authorization details, those of a type that the client may have now."""
        allowed = self.details_types if granted else {}
        return [each for each in granted if each["type"] in allowed]


# What an instance computes once and keeps; whoever changes a column lets go of it.
COMPUTED: Final = tuple(
    name for name, each in vars(Client).items() if isinstance(each, cached_property)
)
# FAPI 1.0 Advanced §5.2.2 (14): what proves a client without a secret that both sides hold.
FAPI_AUTH_METHODS: Final = (
    Client.AuthMethod.PRIVATE_KEY_JWT,
    Client.AuthMethod.TLS_CLIENT_AUTH,
    Client.AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
)
