"""A named graph of nodes that a request walks through; each saved document is a version."""

from typing import Any

from django.db import models, transaction

from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet


class Journey(ConfigurationModel):
    """PingAM's authentication journey. Saving a changed document adds a version; running requests
    go on with the one that they started with.
    """

    realm = models.ForeignKey("Realm", models.CASCADE, related_name="journeys")
    name = models.CharField(max_length=200)
    document = models.JSONField(help_text="start, and nodes by key: type, config, outcomes.")
    version = models.ForeignKey(
        "JourneyVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="The version that new requests walk.",
    )

    objects = ConfigurationQuerySet["Journey"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["realm", "name"], name="ciba_journey_name_in_realm"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store, and pin a new version when the document has changed.

        The newest version is read anew: this copy may be older than somebody else's change.
        """
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)
            newest = self.versions.order_by("-number").first()
            if newest is None or newest.document != self.document:
                number = newest.number + 1 if newest else 1
                newest = JourneyVersion.objects.create(
                    journey=self, number=number, document=self.document
                )
            if self.version_id != newest.pk:
                self.version = newest
                super().save(update_fields=["version"])


class JourneyVersion(models.Model):
    """One state of a journey's document; never changed after it was made."""

    journey = models.ForeignKey(Journey, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["journey", "number"], name="ciba_journey_version_number"
            ),
        ]
        ordering = ["journey", "-number"]

    def __str__(self) -> str:
        return f"{self.journey} v{self.number}"
