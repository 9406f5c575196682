"""A type of authorization details that a realm knows (RFC 9396 §2)."""

from django.db import models

from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet
from django_ciba.models.realm import Realm


class AuthorizationDetailsType(ConfigurationModel):
    """What an object of this type must look like, and how it is put to the user."""

    realm = models.ForeignKey(Realm, models.CASCADE, related_name="authorization_details_types")
    type = models.CharField(max_length=200, help_text="As payment_initiation.")
    name = models.CharField(max_length=200, blank=True, help_text="What the user reads above it.")
    schema = models.JSONField(
        default=dict, blank=True, help_text="JSON Schema (2020-12) of the whole object."
    )
    template = models.TextField(
        blank=True,
        help_text="Django template of what the user reads; the object's members are its variables. "
        "Empty: every member is listed by name.",
    )

    objects = ConfigurationQuerySet["AuthorizationDetailsType"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["realm", "type"], name="ciba_authorization_details_type_in_realm"
            ),
        ]
        ordering = ["realm", "type"]

    def __str__(self) -> str:
        return self.type
