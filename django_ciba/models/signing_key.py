"""A realm's own signing key: encrypted at rest; next, then current, then retired."""

from functools import cached_property
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from django_ciba.jose import BadKey, PrivateKey
from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet
from django_ciba.models.realm import Realm
from django_ciba.models.secrets import EncryptedTextField, UndecryptableError


class SigningKeyQuerySet(ConfigurationQuerySet["SigningKey"]):
    def ensure(self, realm: Realm) -> "list[SigningKey]":
        """Give the realm a current and a next key for each of its SIGNING_ALGS; see `fill`."""
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            return [key for alg in realm.conf.SIGNING_ALGS for key in self.fill(realm, alg)]

    def fill(self, realm: Realm, alg: str) -> "list[SigningKey]":
        """Put keys where a current or a next one is missing; those that got there, current first.

        The next key is published from the first day, so it is what becomes current: every client
        has had time to read it. Only one whose private half is lost is retired instead, and a new
        key signs at once. The caller holds the lock on the realm's row.
        """
        live = self.filter(realm=realm, alg=alg).exclude(state=SigningKey.State.RETIRED)
        have = {key.state: key for key in live.defer("private_pem")}
        placed = []
        if SigningKey.State.CURRENT not in have:
            following = have.pop(SigningKey.State.NEXT, None)
            if following is not None and following.can_sign:
                placed.append(following.activate())
            else:
                if following is not None:
                    following.retire()
                placed.append(self.generate(realm, alg, SigningKey.State.CURRENT))
        if SigningKey.State.NEXT not in have:
            placed.append(self.generate(realm, alg, SigningKey.State.NEXT))
        return placed

    def generate(self, realm: Realm, alg: str, state: str) -> "SigningKey":
        """A new key of that algorithm, stored."""
        private = PrivateKey.generate(alg)
        return self.create(
            realm=realm,
            alg=alg,
            kid=private.kid,
            state=state,
            private_pem=private.to_pem(),
            public_jwk=private.public_jwk,
            activated_at=timezone.now() if state == SigningKey.State.CURRENT else None,
        )

    def rotate(self, realm: Realm, alg: str) -> "SigningKey":
        """Retire the current key, make the next one current, publish a new next one.

        Next, current and retired keys are all published, so no relying party that caches the
        JWKS meets an unknown key. Returns the new current key. Keys that can no longer be
        decrypted do not stand in the way; see `fill`.
        """
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            of_alg = self.filter(realm=realm, alg=alg).defer("private_pem")
            for key in of_alg.filter(state=SigningKey.State.CURRENT):
                key.retire()
            return self.fill(realm, alg)[0]


class SigningKey(ConfigurationModel):
    """Signs ID tokens. The private half never leaves the database unencrypted."""

    class State(models.TextChoices):
        NEXT = "next", "next: published, not yet used"
        CURRENT = "current", "current: signs"
        RETIRED = "retired", "retired: published, no longer used"

    realm = models.ForeignKey(Realm, models.CASCADE, related_name="signing_keys")
    kid = models.CharField("key id", max_length=100)
    alg = models.CharField("algorithm", max_length=20)
    state = models.CharField(max_length=10, choices=State, default=State.NEXT)
    private_pem = EncryptedTextField(editable=False)
    public_jwk = models.JSONField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["realm", "kid"], name="ciba_kid_in_realm"),
            models.UniqueConstraint(
                fields=["realm", "alg"],
                condition=Q(state="current"),
                name="ciba_one_current_key_per_alg",
            ),
            models.UniqueConstraint(
                fields=["realm", "alg"],
                condition=Q(state="next"),
                name="ciba_one_next_key_per_alg",
            ),
        ]
        ordering = ["realm", "alg", "-created_at"]

    def __str__(self) -> str:
        return f"{self.alg} {self.kid[:8]} ({self.state})"

    @cached_property
    def private_key(self) -> PrivateKey:
        """The parsed key: parsing an RSA key costs 42 ms, so it is kept with the configuration."""
        return PrivateKey.from_pem(self.private_pem, self.alg, self.kid)

    @property
    def can_sign(self) -> bool:
        """Whether its private half can still be decrypted and read."""
        try:
            return bool(self.private_key)
        except (UndecryptableError, BadKey):
            return False

    def activate(self) -> "SigningKey":
        """Let it sign from now on."""
        self.state, self.activated_at = self.State.CURRENT, timezone.now()
        self.save(update_fields=["state", "activated_at"])
        return self

    def retire(self) -> None:
        """Let it sign no more; it stays published. What takes its place: `SigningKeyQuerySet`."""
        self.state, self.retired_at = self.State.RETIRED, timezone.now()
        self.save(update_fields=["state", "retired_at"])

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("private_key", None)
        return state
