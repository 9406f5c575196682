"""The operator's pages in Django's admin: one file a model or group of models.

Importing this package registers them, as `autodiscover` does. A site that dresses its admin up, say
with Unfold, unregisters a model and registers a subclass of ours and of its own `ModelAdmin`.
"""

from django_ciba.admin.acr_mapping import AcrMappingAdmin
from django_ciba.admin.audit_event import AuditEventAdmin
from django_ciba.admin.authentication_request import AuthenticationRequestAdmin
from django_ciba.admin.authorization_details_type import AuthorizationDetailsTypeAdmin
from django_ciba.admin.client import ClientAdmin
from django_ciba.admin.delivery import DeliveryAdmin
from django_ciba.admin.device import DeviceAdmin, PasskeyAdmin
from django_ciba.admin.grant import GrantAdmin, TokenAdmin
from django_ciba.admin.initial_access_token import InitialAccessTokenAdmin
from django_ciba.admin.journey import JourneyAdmin
from django_ciba.admin.muted_client import MutedClientAdmin
from django_ciba.admin.realm import RealmAdmin
from django_ciba.admin.remote_jwks import RemoteJwksAdmin
from django_ciba.admin.signing_key import SigningKeyAdmin
from django_ciba.admin.user_code import UserCodeAdmin

__all__ = [
    "AcrMappingAdmin",
    "AuditEventAdmin",
    "AuthenticationRequestAdmin",
    "AuthorizationDetailsTypeAdmin",
    "ClientAdmin",
    "DeliveryAdmin",
    "DeviceAdmin",
    "GrantAdmin",
    "InitialAccessTokenAdmin",
    "JourneyAdmin",
    "MutedClientAdmin",
    "PasskeyAdmin",
    "RealmAdmin",
    "RemoteJwksAdmin",
    "SigningKeyAdmin",
    "TokenAdmin",
    "UserCodeAdmin",
]
