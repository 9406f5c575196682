"""Names from the registries, each spelled once."""

from typing import Final

CIBA_GRANT_TYPE: Final = "urn:openid:params:grant-type:ciba"
REFRESH_TOKEN_GRANT_TYPE: Final = "refresh_token"
JWT_BEARER_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

OPENID_SCOPE: Final = "openid"

# CIBA Core §7.1: the three ways to say who is meant.
HINTS: Final = ("login_hint", "id_token_hint", "login_hint_token")

# CIBA Core §7.1.1: what may travel inside a signed authentication request.
AUTHENTICATION_REQUEST_PARAMETERS: Final = frozenset(
    {
        "scope",
        "client_notification_token",
        "acr_values",
        "login_hint_token",
        "id_token_hint",
        "login_hint",
        "binding_message",
        "user_code",
        "requested_expiry",
        "authorization_details",
        "claims",
        "resource",
        "dpop_jkt",
        "ui_locales",
    }
)

# OpenID Connect Core §5.4: the claims that each scope asks for.
SCOPE_CLAIMS: Final[dict[str, tuple[str, ...]]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}
