"""What only the host site knows: who a hint means, what a user's claims are, who may sign in.

A site subclasses CibaHooks and names its class in DJANGO_CIBA["HOOKS"].
"""

import hmac
from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, Q
from django.utils.module_loading import import_string

from django_ciba.conf import ciba_settings
from django_ciba.jose import base64url
from django_ciba.models import Client, Grant, Realm
from django_ciba.protocol.errors import ServerError
from django_ciba.protocol.hints import PlainHint, UserHint
from django_ciba.protocol.names import SCOPE_CLAIMS
from django_ciba.protocol.phone_numbers import spellings

# Which fields of a user model hold what an RFC 9493 format speaks of; those that exist are asked.
FORMAT_FIELDS = {
    "email": ("email",),
    "phone_number": ("phone_number", "phone", "mobile"),
    "msisdn": ("msisdn", "phone_number", "phone", "mobile"),
    "personal_number": ("personal_number",),
    "opaque": ("pk",),
}
# Those that one number is written in many ways in.
PHONE_FORMATS = ("phone_number", "msisdn")
MAX_INTEGER = 2**63 - 1


class CibaHooks:
    """The defaults work for any user model; override what differs."""

    # What `claims` can say of a user: discovery announces these.
    claims_supported: ClassVar[tuple[str, ...]] = (
        "name",
        "given_name",
        "family_name",
        "preferred_username",
        "email",
        "phone_number",
    )

    # OpenID Identity Assurance: what discovery says besides where `verified_claims` is among them,
    # as {"trust_frameworks_supported": ["eidas"]}.
    verified_claims_metadata: ClassVar[Mapping[str, Any]] = {}

    def find_user(self, hint: UserHint, client: Client) -> AbstractBaseUser | None:
        """The one user that `hint` means to `client`, or None; costs one statement.

        A hint that fits two users fits nobody, or one of them could be asked in place of the other.
        A pairwise client names nobody by the primary key: it could try them all together with a
        `sub` of its own in `claims`, and so learn which public subject that is.
        """
        if isinstance(hint, PlainHint):
            names, model = ciba_settings.LOGIN_HINT_FIELDS, get_user_model()
            if client.is_pairwise:
                names = [name for name in names if _field(model, name) != model._meta.pk]
            return self._only_user(names, hint.value)
        if hint.format == "iss_sub":
            ours = client.realm.issuer
            if hint.members["iss"].rstrip("/") != ours.rstrip("/"):
                return None
            return self.user_for_subject(hint.members["sub"], client)
        if hint.format == "account":
            scheme, _, address = hint.members["uri"].partition(":")
            return self._only_user(("email",), address) if scheme.lower() == "acct" else None
        (value,) = hint.members.values()
        if hint.format == "opaque" and client.is_pairwise:
            return self.user_for_subject(value, client)
        fields = FORMAT_FIELDS.get(hint.format, ())
        if hint.format in PHONE_FORMATS:
            msisdn = hint.format == "msisdn"
            region = ciba_settings.PHONE_REGION
            return self._only_user(fields, *spellings(value, region, international=msisdn))
        return self._only_user(fields, value)

    def public_subject(self, user: AbstractBaseUser) -> str:
        """OpenID Connect Core §2 `sub`: at most 255 ASCII characters, never reassigned."""
        return str(user.pk)

    def user_for_public_subject(self, subject: str) -> AbstractBaseUser | None:
        """The user whose `public_subject` this is, or None."""
        return self._only_user(("pk",), subject)

    def subject(self, user: AbstractBaseUser, client: Client) -> str:
        """OpenID Connect Core §8: `sub` as that client knows the user, public or pairwise."""
        public = self.public_subject(user)
        return pairwise_subject(public, client) if client.is_pairwise else public

    def user_for_subject(self, subject: str, client: Client) -> AbstractBaseUser | None:
        """The user whose `subject` for that client this is, or None; costs one statement.

        A pairwise subject cannot be undone, but whoever may use it was given it with a grant.
        """
        if not client.is_pairwise:
            return self.user_for_public_subject(subject)
        known = Grant.objects.filter(client_id=client.pk, subject=subject).values("user_id")
        found = list(get_user_model()._default_manager.filter(pk__in=known)[:2])
        return found[0] if len(found) == 1 else None

    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        """Whether that account may be used now; asked at request, answer, redemption, refresh.

        Override it to honour a lockout (django-axes, allauth).
        """
        return user.is_active

    def phone_number(self, user: AbstractBaseUser) -> str:
        """Where text messages reach that user, or ""; asked in `bc-authorize`, so no statement.

        Override it where the number is elsewhere, or may not be used before it was verified.
        """
        known = (_text(user, name) for name in FORMAT_FIELDS["phone_number"])
        return next((number for number in known if number), "")

    def claims(
        self, user: AbstractBaseUser, scopes: Collection[str], client: Client
    ) -> dict[str, Any]:
        """OpenID Connect Core §5.4: the claims about `user` that `scopes` allow, without nulls."""
        known = {
            "name": _text(user, "get_full_name"),
            "given_name": _text(user, "first_name"),
            "family_name": _text(user, "last_name"),
            "preferred_username": _text(user, "get_username"),
            "email": _text(user, type(user).get_email_field_name()),
            "phone_number": _text(user, "phone_number"),
        }
        allowed = {name for scope in scopes for name in SCOPE_CLAIMS.get(scope, ())}
        return {name: value for name, value in known.items() if value and name in allowed}

    def requested_claims(
        self, user: AbstractBaseUser, requested: Mapping[str, Any], client: Client
    ) -> dict[str, Any]:
        """OpenID Connect Core §5.5: what is said of `user` to a client that named these claims.

        `requested` has what was asked of each: `essential`, `value`, `values`, or nothing; of
        `verified_claims` what OpenID Identity Assurance lets a client ask: an object, or a list of
        them, with `verification` and `claims`. By
        default it is what `claims` says for the scopes that the client is registered for, so that
        a name opens nothing that a scope would not; and no value but one that was asked for.
        """
        known = self.claims(user, client.scopes, client)
        return {
            name: known[name]
            for name, asked in requested.items()
            if name in known and fits(known[name], asked)
        }

    def _only_user(self, names: Collection[str], *values: str) -> AbstractBaseUser | None:
        """The one user of whom one of these fields is one of these values; one statement."""
        model = get_user_model()
        either = Q()
        # Nothing is not a name, or it would mean the one user who has no e-mail address.
        for name, value in product(names, filter(None, values)):
            if (fits := _comparison(model, name, value)) is not None:
                either |= fits
        if not either:
            return None
        found = list(model._default_manager.filter(either)[:2])
        return found[0] if len(found) == 1 else None


def pairwise_subject(public: str, client: Client) -> str:
    """OpenID Connect Core §8.1: one subject for each user and sector, that nobody can undo.

    Raises ServerError without PAIRWISE_SALT: a subject that anybody could work out is public.
    """
    salt = ciba_settings.PAIRWISE_SALT
    if not salt:
        raise ServerError(
            "the provider cannot name its users to this client",
            log_detail=f"client {client.client_id} is pairwise, and PAIRWISE_SALT is not set",
        )
    return base64url(hmac.digest(salt.encode(), f"{client.sector}\0{public}".encode(), "sha256"))


def fits(value: Any, asked: Mapping[str, Any]) -> bool:
    """OpenID Connect Core §5.5.1: whether `value` is one that was asked for; any, by default."""
    if "value" in asked and value != asked["value"]:
        return False
    return "values" not in asked or value in asked["values"]


def supported_claims(realm: Realm) -> frozenset[str]:
    """OpenID Connect Discovery §3 claims_supported: what the hooks can say in that realm.

    A claim that belongs to scopes alone which the realm lacks is not said there.
    """
    closed = {
        claim
        for scope, claims in SCOPE_CLAIMS.items()
        if scope not in realm.conf.SCOPES
        for claim in claims
    }
    return frozenset(hooks().claims_supported) - closed


def _comparison(model: type[AbstractBaseUser], name: str, value: str) -> Q | None:
    """`name` equals `value`, or None when the model lacks the field or it cannot hold the value."""
    field = _field(model, name)
    if field is None:
        return None
    try:
        typed = field.to_python(value)
    except ValidationError:
        return None
    if isinstance(typed, int) and (str(typed) != value or not 0 <= typed <= MAX_INTEGER):
        return None  # one spelling a number, and none that the column cannot hold
    exact = field.name != model.get_email_field_name()
    return Q(**{field.name if exact else f"{field.name}__iexact": typed})


def _field(model: type[AbstractBaseUser], name: str) -> "Field[Any, Any] | None":
    """The model's own field of that name, or the one that it calls its user name or e-mail."""
    if name == "pk":
        return model._meta.pk
    user_name = getattr(model, "USERNAME_FIELD", name)
    own = {"username": user_name, "email": model.get_email_field_name()}
    for each in (name, own.get(name, name)):
        try:
            found = model._meta.get_field(each)
        except FieldDoesNotExist:
            continue
        return found if isinstance(found, Field) and not found.is_relation else None
    return None


def _text(user: AbstractBaseUser, name: str) -> str:
    """An attribute or method of the user as text; "" when this user model has none."""
    found = getattr(user, name, "")
    return str((found() if callable(found) else found) or "").strip()


@lru_cache(maxsize=4)
def _instance(path: str) -> CibaHooks:
    found = import_string(path)()
    if not isinstance(found, CibaHooks):
        raise TypeError(f"{path} is not a subclass of django_ciba.hooks.CibaHooks")
    return found


def hooks() -> CibaHooks:
    """The site's hooks: one instance a process."""
    return _instance(ciba_settings.HOOKS)
