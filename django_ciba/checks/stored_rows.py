"""What the database holds. It may be dead or not yet migrated, which one check says, once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, router, transaction

from django_ciba.authorization_details import details_type_problems
from django_ciba.checks.declared_settings import unprotected
from django_ciba.checks.deployment import unscheduled
from django_ciba.conf import CibaSettings, ciba_settings
from django_ciba.models import AuthorizationDetailsType, Client, Realm, SigningKey
from django_ciba.models.realm import issuer_problem, settings_problems
from django_ciba.models.secrets import UndecryptableError
from django_ciba.protocol.phone_numbers import CAN_READ_NUMBERS

Find = Callable[[], Iterable[str]]


def silent_without_database(find: Find) -> Find:
    """`find`, finding nothing where the database cannot be asked."""

    def found() -> Iterable[str]:
        try:
            # A failed statement must not spoil a transaction that the caller may be in.
            with transaction.atomic(using=router.db_for_read(Realm)):
                return list(find())
        except (Error, ImproperlyConfigured):
            return []

    return found


def _every_realm() -> list[Realm]:
    """Enabled realms below enabled realms with readable settings; parents loaded, keys not."""
    rows = {row.pk: row for row in Realm.objects.order_by("path")}
    for row in rows.values():
        if row.parent_id is not None:
            row.parent = rows[row.parent_id]
    return [
        row
        for row in rows.values()
        if all(each.enabled and isinstance(each.settings, Mapping) for each in _line(row))
    ]


def _line(realm: Realm) -> list[Realm]:
    return [realm, *realm.ancestors()]


def unreachable_database() -> Iterator[str]:
    alias = router.db_for_read(Realm)
    try:
        with transaction.atomic(using=alias):
            Realm.objects.exists()
    except (Error, ImproperlyConfigured) as fault:
        yield f"DATABASES[{alias!r}] could not be asked for realms and keys: {fault}".rstrip()


@silent_without_database
def no_realm() -> Iterator[str]:
    if not Realm.objects.filter(parent=None).exists():
        yield "There is no root realm, so every endpoint answers 404."


@silent_without_database
def no_signing_key() -> Iterator[str]:
    current = SigningKey.objects.filter(state=SigningKey.State.CURRENT)
    have = set(current.values_list("realm_id", "alg"))
    for realm in _every_realm():
        algs = realm.conf.SIGNING_ALGS
        if CibaSettings.SIGNING_ALGS.problem(algs) is not None:
            continue  # another check says so
        for alg in algs:
            if (realm.pk, alg) not in have:
                yield f"Realm {realm} has no current signing key for {alg}."


@silent_without_database
def undecryptable_keys() -> Iterator[str]:
    if CibaSettings.ENCRYPTION_KEYS.problem(ciba_settings.ENCRYPTION_KEYS) is not None:
        return  # another check says so
    live = SigningKey.objects.exclude(state=SigningKey.State.RETIRED)
    rows = live.values_list("pk", "kid", "alg", "realm__path")
    for pk, kid, alg, path in rows.order_by("pk"):
        try:
            _ = SigningKey.objects.only("private_pem").get(pk=pk).private_pem
        except UndecryptableError:
            yield f"The {alg} signing key {kid} of realm {path} cannot be decrypted."


@silent_without_database
def wrong_realm_settings() -> Iterator[str]:
    for realm in Realm.objects.order_by("path"):
        for name, problem in settings_problems(realm.settings):
            yield f"Realm {realm}: settings {name} {problem}.".replace("  ", " ")
    for realm in _every_realm():
        if {"key_rotation", "key_published_before"} & realm.settings.keys():
            yield from _keys_rotate_too_soon(realm)


def _keys_rotate_too_soon(realm: Realm) -> Iterator[str]:
    rotation, before = realm.conf.KEY_ROTATION, realm.conf.KEY_PUBLISHED_BEFORE
    problems = (CibaSettings.KEY_ROTATION.problem, CibaSettings.KEY_PUBLISHED_BEFORE.problem)
    if rotation is None or problems[0](rotation) or problems[1](before):
        return  # nothing rotates, or another sentence says what is wrong
    if rotation < before:
        yield (
            f"Realm {realm}: key_rotation ({rotation}) is less than key_published_before "
            f"({before}), so no key is published for long enough when it should sign."
        )


@silent_without_database
def keys_not_rotated() -> Iterator[str]:
    if not unscheduled("django_ciba.rotate_keys"):
        return
    for realm in _every_realm():
        if realm.conf.KEY_ROTATION is not None:
            yield (
                f"Realm {realm} has KEY_ROTATION, and Celery beat does not run "
                "django_ciba.rotate_keys: its keys sign until somebody rotates them."
            )


@silent_without_database
def realms_with_expired_hints() -> Iterator[str]:
    for realm in _every_realm():
        if realm.settings.get("accept_expired_id_token_hint") is True:
            yield (
                f"Realm {realm} accepts expired ID tokens as hints: an old, stolen ID token can "
                "start requests for its subject."
            )


@silent_without_database
def realms_that_push() -> Iterator[str]:
    for realm in _every_realm():
        if realm.settings.get("push_delivery") is True:
            yield (
                f"Realm {realm} pushes tokens: they are sent to whoever answers at the address "
                "that a client has registered."
            )


@silent_without_database
def realms_open_to_clients() -> Iterator[str]:
    for realm in _every_realm():
        if realm.settings.get("registration") == "open":
            yield (
                f"Realm {realm} is open to clients: whoever finds it can register one, and have "
                "users asked in a name of its choice."
            )


@silent_without_database
def realms_whose_limits_protect_nothing() -> Iterator[str]:
    for realm in _every_realm():
        own = {str(name).upper() for name in realm.settings}
        for name, problem in unprotected(partial(_usable, realm.conf)):
            of = {name, "PROMPT_WINDOW"} if name == "PROMPTS_PER_USER" else {name}
            if of & own:  # what it inherits is said of whom it has it from
                yield f"Realm {realm}: {name.lower()} {problem}"


def _usable(conf: CibaSettings, name: str) -> Any:
    """The setting of a realm's, or its default where another check says that it is wrong."""
    value, declared = getattr(conf, name), getattr(CibaSettings, name)
    return value if declared.problem(value) is None else declared.default


@silent_without_database
def no_default_journey() -> Iterator[str]:
    served = set(Client.objects.filter(enabled=True).values_list("realm_id", flat=True))
    for realm in _every_realm():
        if realm.default_journey_id is not None or realm.pk not in served:
            continue
        if realm.conf.REQUIRE_MAPPED_ACR is not True:
            yield (
                f"Realm {realm} has clients and no default journey: a request whose acr_values "
                "name no mapped value is answered with server_error."
            )


@silent_without_database
def unusable_details_types() -> Iterator[str]:
    for each in AuthorizationDetailsType.objects.select_related("realm"):
        for problem in details_type_problems(each.type, each.schema, each.template):
            yield f"Realm {each.realm}: authorization details type {each.type}: {problem}."


@silent_without_database
def wrong_issuers() -> Iterator[str]:
    for realm in Realm.objects.order_by("path"):
        if (problem := issuer_problem(realm.issuer_override, realm.path)) is not None:
            yield f"Realm {realm}: issuer_override {realm.issuer_override!r} {problem}."


@silent_without_database
def pairwise_without_salt() -> Iterator[str]:
    if ciba_settings.PAIRWISE_SALT is not None:
        return
    pairwise = Client.objects.filter(enabled=True, subject_type=Client.SubjectType.PAIRWISE)
    rows = pairwise.values_list("realm__path", "client_id")
    for path, client_id in rows.order_by("realm__path", "client_id"):
        yield f"Client {client_id} of realm {path} is pairwise, and PAIRWISE_SALT is not set."


@silent_without_database
def two_steps_that_tell_who_exists() -> Iterator[str]:
    for path, client_id in _clients_of_two_steps(hide_unknown_users=True):
        yield (
            f"Client {client_id} of realm {path} has two_step_user_code and hide_unknown_users: it "
            "is given a middle token for those alone who exist, so nothing is hidden from it."
        )


@silent_without_database
def numbers_that_nobody_reads() -> Iterator[str]:
    if CAN_READ_NUMBERS:
        return
    for path, client_id in _clients_of_two_steps():
        yield (
            f"Client {client_id} of realm {path} may name its user by msisdn, and a telephone "
            "number is found only as it is written."
        )


def _clients_of_two_steps(**columns: bool) -> Iterable[tuple[str, str]]:
    of_two = Client.objects.filter(enabled=True, two_step_user_code=True, **columns)
    rows = of_two.values_list("realm__path", "client_id")
    return rows.order_by("realm__path", "client_id")


@silent_without_database
def clients_without_the_profile() -> Iterator[str]:
    strict = [realm for realm in _every_realm() if realm.conf.REQUIRE_FAPI_CIBA is True]
    refused = Client.objects.filter(enabled=True, realm__in=strict).exclude(
        profile=Client.Profile.FAPI_CIBA
    )
    rows = refused.values_list("realm__path", "client_id")
    for path, client_id in rows.order_by("realm__path", "client_id"):
        yield (
            f"Client {client_id} is not of profile fapi-ciba, and realm {path} takes no others "
            "(require_fapi_ciba)."
        )
