"""A relying party as it is registered: RFC 7591 and CIBA Core §4 names."""

from functools import cached_property

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.crypto import constant_time_compare

from django_ciba.jose import VerificationKey, verification_keys
from django_ciba.models import secrets
from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet
from django_ciba.protocol.names import CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE


def default_grant_types() -> list[str]:
    return [CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE]


class Client(ConfigurationModel):
    """A relying party of one realm."""

    class AuthMethod(models.TextChoices):
        CLIENT_SECRET_BASIC = "client_secret_basic", "client_secret_basic"
        CLIENT_SECRET_POST = "client_secret_post", "client_secret_post"
        PRIVATE_KEY_JWT = "private_key_jwt", "private_key_jwt"

    class DeliveryMode(models.TextChoices):
        POLL = "poll", "poll"

    class SigningAlg(models.TextChoices):
        ES256 = "ES256", "ES256"
        PS256 = "PS256", "PS256"
        RS256 = "RS256", "RS256"
        EDDSA = "EdDSA", "EdDSA"

    class Profile(models.TextChoices):
        CIBA = "ciba", "CIBA"

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
    token_endpoint_auth_method = models.CharField(
        max_length=40, choices=AuthMethod, default=AuthMethod.CLIENT_SECRET_BASIC
    )
    token_endpoint_auth_signing_alg = models.CharField(
        "token endpoint auth signing algorithm",
        max_length=10,
        choices=SigningAlg,
        blank=True,
        help_text="The one algorithm of its assertions; empty: any of ours.",
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
    backchannel_user_code_parameter = models.BooleanField(
        default=False,
        help_text="Users who have set a user code must tell it to this client, which sends it as "
        "user_code: whoever does not know it cannot have them asked.",
    )
    id_token_signed_response_alg = models.CharField(
        "ID token signing algorithm",
        max_length=10,
        choices=SigningAlg,
        default=SigningAlg.ES256,
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
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConfigurationQuerySet["Client"].as_manager()

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
        """Store the digest of a secret that was agreed elsewhere. The caller saves."""
        self.secret_digest = secrets.digest(secret)

    def has_secret(self, secret: str) -> bool:
        """Whether `secret` is this client's, in constant time; a client without one has none."""
        return bool(self.secret_digest) and constant_time_compare(
            self.secret_digest, secrets.digest(secret)
        )

    @cached_property
    def inline_keys(self) -> tuple[VerificationKey, ...]:
        """The parsed keys of `jwks`; empty when the client has a `jwks_uri` or no keys."""
        return verification_keys(self.jwks) if self.jwks else ()

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What it may ask for: of its own scopes, those that its realm knows."""
        return frozenset(self.scope.split()) & frozenset(self.realm.conf.SCOPES)

    def still_allowed(self, granted: str) -> str:
        """Of a granted scope, what the client may have now: an operator may have cut it since."""
        return " ".join(value for value in granted.split() if value in self.scopes)
