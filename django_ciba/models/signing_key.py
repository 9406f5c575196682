"""A realm's own key: encrypted at rest; next, then current, then retired."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from django_ciba.jose import BadKey, PrivateKey
from django_ciba.models.configuration_version import ConfigurationModel, ConfigurationQuerySet
from django_ciba.models.realm import Realm
from django_ciba.models.secrets import EncryptedTextField, UndecryptableError


class NotPublishedLongEnough(Exception):
    """A rotation that did not take place: clients may not have read the next key yet.

    `key` is the next key; None when none is published that can sign. `may_sign_from` is when it
    may take over; None as well without one.
    """

    def __init__(self, key: "SigningKey | None") -> None:
        super().__init__("the next key has not been published for long enough")
        self.key = key
        self.may_sign_from = key.may_sign_from if key is not None else None


class SigningKeyQuerySet(ConfigurationQuerySet["SigningKey"]):
    def live(self, realm: Realm, alg: str) -> "dict[str, SigningKey]":
        """State to key, for the current and the next key of an algorithm; not decrypted."""
        of_alg = self.filter(realm=realm, alg=alg).defer("private_pem")
        found = {key.state: key for key in of_alg.exclude(state=SigningKey.State.RETIRED)}
        for key in found.values():
            key.realm = realm
        return found

    def ensure(self, realm: Realm) -> "list[SigningKey]":
        """Give the realm a current and a next key for each of its algorithms; see `fill`."""
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            return [key for alg in realm.conf.key_algs for key in self.fill(realm, alg)]

    def fill(self, realm: Realm, alg: str) -> "list[SigningKey]":
        """Put keys where a current or a next one is missing; those that got there, current first.

        The next key is published from the first day, so it is what becomes current: every client
        has had time to read it. Only one whose private half is lost is retired instead, and a new
        key signs at once. The caller holds the lock on the realm's row.
        """
        have = self.live(realm, alg)
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

    def rotate(self, realm: Realm, alg: str, *, at_once: bool = False) -> "SigningKey":
        """Retire the current key, make the next one current, publish a new next one.

        Next, current and retired keys are all published, so no relying party that caches the
        JWKS meets an unknown key. Returns the new current key.
        Errors: NotPublishedLongEnough when the key that would sign has been published for less
        than KEY_PUBLISHED_BEFORE, unless it is to be `at_once`, or the current key cannot sign
        anyway. Keys that can no longer be decrypted do not stand in the way; see `fill`.
        """
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            live = self.live(realm, alg)
            current = live.get(SigningKey.State.CURRENT)
            if not at_once and current is not None and current.can_sign:
                _published_long_enough(realm, live.get(SigningKey.State.NEXT), timezone.now())
            if current is not None:
                current.retire()
            return self.fill(realm, alg)[0]

    def rotate_by_schedule(self, realm: Realm, alg: str, now: datetime) -> "SigningKey | None":
        """Rotate if KEY_ROTATION says so; the new current key, or None when nothing was due.

        Of several workers one rotates: the others wait for the realm's row and find nothing due
        any more, and only the one whose update retires the current key goes on. A key that was
        not published before never comes to sign this way: where there is no next key, or one that
        cannot be decrypted, one is published, and signs when its time has come.
        """
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            live = self.live(realm, alg)
            if not rotation_is_due(realm, live, now):
                return None
            following = live.get(SigningKey.State.NEXT)
            if following is None or not following.can_sign:
                if following is not None:
                    following.retire()
                self.generate(realm, alg, SigningKey.State.NEXT)
                return None
            signing = self.filter(
                pk=live[SigningKey.State.CURRENT].pk, state=SigningKey.State.CURRENT
            )
            if not signing.update(state=SigningKey.State.RETIRED, retired_at=now):
                return None
            return self.fill(realm, alg)[0]


def rotation_is_due(realm: Realm, live: "Mapping[str, SigningKey]", now: datetime) -> bool:
    """Whether the schedule has something to do for an algorithm's keys, given by state.

    The current key has signed for KEY_ROTATION, and the next one has been published for
    KEY_PUBLISHED_BEFORE; or there is no next one yet, and one must be published first.
    """
    current = live.get(SigningKey.State.CURRENT)
    if realm.conf.KEY_ROTATION is None or current is None:
        return False
    following = live.get(SigningKey.State.NEXT)
    if following is None:
        return True
    if following.published_for(now) < _before_it_signs(realm):
        return False
    return current.signs_since + timedelta(seconds=realm.conf.KEY_ROTATION) <= now


def _before_it_signs(realm: Realm) -> timedelta:
    return timedelta(seconds=realm.conf.KEY_PUBLISHED_BEFORE)


def _published_long_enough(realm: Realm, following: "SigningKey | None", now: datetime) -> None:
    """Raises NotPublishedLongEnough unless every client has had time to read the next key."""
    usable = following if following is not None and following.can_sign else None
    age = usable.published_for(now) if usable is not None else timedelta()
    if age < _before_it_signs(realm):
        raise NotPublishedLongEnough(usable)


class SigningKey(ConfigurationModel):
    """Signs ID tokens, or decrypts requests: `alg` says which.

    The private half never leaves the database unencrypted.
    """

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

    @property
    def signs_since(self) -> datetime:
        """When it became current; for a realm's first key that is when it was made."""
        return self.activated_at or self.created_at

    def published_for(self, now: datetime) -> timedelta:
        """How long it has been in the JWK Set: every key is published when it is made."""
        return now - self.created_at

    @property
    def may_sign_from(self) -> datetime:
        """When it has been published for KEY_PUBLISHED_BEFORE, and every client has read it."""
        return self.created_at + _before_it_signs(self.realm)

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
