"""An acr value and the journey it leads to."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet


class AcrMapping(ConfigurationModel):
    """PingAM: "OpenID Connect acr_values to Auth Chain Mapping", in order."""

    realm = models.ForeignKey("Realm", models.CASCADE, related_name="acr_mappings")
    acr = models.CharField(
        "ACR", max_length=200, validators=[RegexValidator(r"\A[^\s\x00]+\Z", "one word, no space")]
    )
    journey = models.ForeignKey("Journey", models.RESTRICT, related_name="acr_mappings")
    position = models.PositiveIntegerField(default=0)

    objects = ConfigurationQuerySet["AcrMapping"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["realm", "acr"], name="ciba_acr_in_realm")]
        ordering = ["realm", "position", "pk"]
        verbose_name = "ACR mapping"

    def __str__(self) -> str:
        return self.acr

    def clean(self) -> None:
        if self.journey_id and self.realm_id and self.journey.realm_id != self.realm_id:
            raise ValidationError({"journey": "Choose a journey of the same realm."})
