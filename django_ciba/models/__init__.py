"""What the database holds: one file a model."""

from django_ciba.models.acr_mapping import AcrMapping
from django_ciba.models.audit_event import AuditEvent
from django_ciba.models.authentication_request import AuthenticationRequest
from django_ciba.models.authorization_details_type import AuthorizationDetailsType
from django_ciba.models.client import Client
from django_ciba.models.configuration import Configuration, configuration
from django_ciba.models.configuration_version import ConfigurationVersion, forget
from django_ciba.models.delivery import Delivery, DeliveryAttempt
from django_ciba.models.device import Device, DeviceEnrolment
from django_ciba.models.grant import Grant, Token
from django_ciba.models.initial_access_token import InitialAccessToken
from django_ciba.models.journey import Journey, JourneyVersion
from django_ciba.models.muted_client import MutedClient
from django_ciba.models.passkey import Passkey, PasskeyChallenge, passkeys_of
from django_ciba.models.prompt_limits import PromptLimits, longest_memory
from django_ciba.models.realm import Realm
from django_ciba.models.remote_jwks import RemoteJwks
from django_ciba.models.signing_key import NotPublishedLongEnough, SigningKey, rotation_is_due
from django_ciba.models.used_assertion import UsedAssertion
from django_ciba.models.used_proof import UsedProof
from django_ciba.models.user_code import UserCode

__all__ = [
    "AcrMapping",
    "AuditEvent",
    "AuthenticationRequest",
    "AuthorizationDetailsType",
    "Client",
    "Configuration",
    "ConfigurationVersion",
    "Delivery",
    "DeliveryAttempt",
    "Device",
    "DeviceEnrolment",
    "Grant",
    "InitialAccessToken",
    "Journey",
    "JourneyVersion",
    "MutedClient",
    "NotPublishedLongEnough",
    "Passkey",
    "PasskeyChallenge",
    "PromptLimits",
    "Realm",
    "RemoteJwks",
    "SigningKey",
    "Token",
    "UsedAssertion",
    "UsedProof",
    "UserCode",
    "configuration",
    "forget",
    "longest_memory",
    "passkeys_of",
    "rotation_is_due",
]
