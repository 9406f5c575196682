"""List, rotate and retire a realm's signing keys."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from django_ciba.jose import KEY_ALGS
from django_ciba.management.arguments import (
    django_options,
    name,
    names_may_begin_with_a_dash,
    stored_realm,
)
from django_ciba.management.command import OperatorCommand
from django_ciba.models import NotPublishedLongEnough, Realm, SigningKey


class Command(OperatorCommand):
    help = (
        "List, rotate and retire the keys that realms sign ID tokens with. Each algorithm of a "
        "realm has one current key that signs, a next key that is published already, and retired "
        "keys that stay published so that what they signed can be verified."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names_may_begin_with_a_dash(parser)
        actions = parser.add_subparsers(dest="action", metavar="list|rotate|retire", required=True)
        listing = actions.add_parser("list", help="list keys: realm, kid, algorithm, state, age")
        listing.add_argument("--realm", help="path of one realm (default: all)")
        rotate = actions.add_parser(
            "rotate",
            help="let the next key sign",
            description=(
                "The current key is retired (and stays published), the next key signs from now "
                "on, and a new next key is published. A next key that has been published for less "
                "than KEY_PUBLISHED_BEFORE is refused, since relying parties may not have read it "
                "yet, unless --now is given or the current key can no longer be decrypted. Keys "
                "that can no longer be decrypted are retired too. Without --alg, all rotate or "
                "none."
            ),
        )
        rotate.add_argument("--realm", default="/", help="path of the realm (default: /)")
        rotate.add_argument(
            "--alg", choices=KEY_ALGS, help="one algorithm (default: all of the realm's)"
        )
        rotate.add_argument(
            "--now",
            action="store_true",
            help="rotate although the next key is too new: for a current key that may be stolen",
        )
        retire = actions.add_parser(
            "retire",
            help="take one key out of use",
            description=(
                "A current or next key is retired at once, and another takes its place: the next "
                "key signs in place of the current one. Keys of an algorithm that the realm no "
                "longer has in signing_algs are not replaced. A retired key stays published, so "
                "that tokens it signed still verify. With --unpublish it is deleted instead: for a "
                "key that somebody else may have, and for old ones."
            ),
        )
        retire.add_argument("kid", metavar="KID", type=name, help="as ciba_keys list shows it")
        retire.add_argument("--realm", help="path of its realm (needed when two realms have KID)")
        retire.add_argument(
            "--unpublish",
            action="store_true",
            help="delete the key: nothing that it signed can be verified any more",
        )
        for parser_of_action in (listing, rotate, retire):
            django_options(parser_of_action)

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {"list": self.list, "rotate": self.rotate, "retire": self.retire}
        actions[options["action"]](**options)

    def list(self, **options: Any) -> None:
        rows = SigningKey.objects.select_related("realm").defer("private_pem")
        if options["realm"] is not None:
            rows = rows.filter(realm=stored_realm(options["realm"]))
        now = timezone.now()
        found = False
        for key in rows.order_by("realm__path", "alg", "created_at", "pk"):
            found = True
            ages = [f"made {_ago(key.created_at, now)}"]
            if key.activated_at:
                ages.append(f"signing since {_ago(key.activated_at, now)}")
            if key.retired_at:
                ages.append(f"retired {_ago(key.retired_at, now)}")
            if key.state == SigningKey.State.NEXT and key.may_sign_from > now:
                moment = key.may_sign_from.isoformat(sep=" ", timespec="seconds")
                ages.append(f"may sign from {moment}")
            columns = (key.realm.path, key.kid, f"{key.alg:5}", f"{key.state:7}", ", ".join(ages))
            self.stdout.write("  ".join(columns))
        if not found:
            self.stderr.write("no keys", self.style.NOTICE)

    def rotate(self, **options: Any) -> None:
        realm = stored_realm(options["realm"])
        algs = [options["alg"]] if options["alg"] else list(realm.conf.key_algs)
        if options["alg"] and options["alg"] not in realm.conf.key_algs:
            raise CommandError(
                f"realm {realm.path} has keys for {', '.join(realm.conf.key_algs)}, not for "
                f"{options['alg']}; its settings signing_algs and encryption_algs say so"
            )
        refused = []
        with transaction.atomic():
            said: list[str] = []
            for alg in algs:
                try:
                    said += _rotated(realm, alg, at_once=options["now"])
                except NotPublishedLongEnough as refusal:
                    refused.append(f"{alg}: {_too_new(refusal)}")
            if refused:
                transaction.set_rollback(True)
        if refused:
            raise CommandError(f"realm {realm.path}: nothing was rotated. {' '.join(refused)}")
        self._print(realm, said)

    def retire(self, **options: Any) -> None:
        rows = SigningKey.objects.select_related("realm").defer("private_pem")
        rows = rows.filter(kid=options["kid"])
        if options["realm"] is not None:
            rows = rows.filter(realm=stored_realm(options["realm"]))
        found = list(rows)
        if not found:
            raise CommandError(f"there is no key {options['kid']}; ciba_keys list shows all")
        if len(found) > 1:
            paths = ", ".join(key.realm.path for key in found)
            raise CommandError(f"{options['kid']} is in more than one realm ({paths}): say --realm")
        realm = found[0].realm
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            key = SigningKey.objects.defer("private_pem").get(pk=found[0].pk)
            said = list(_retired(realm, key, unpublish=options["unpublish"]))
        self._print(realm, said)

    def _print(self, realm: Realm, said: Iterable[str]) -> None:
        """Once it is committed: what was printed has happened."""
        for line in said:
            self.stdout.write(f"{realm.path}: {line}")


# The private half is never read here: a key that can no longer be decrypted must be removable too.


def _too_new(refusal: NotPublishedLongEnough) -> str:
    if refusal.key is None or refusal.may_sign_from is None:
        return (
            "No next key that can sign is published: importing the realm's document, or saving "
            "the realm in the admin, publishes a missing one; ciba_keys retire replaces one that "
            "cannot be decrypted. --now lets a new key sign at once."
        )
    moment = refusal.may_sign_from.isoformat(sep=" ", timespec="seconds")
    return f"The next key {refusal.key.kid} may sign from {moment}; --now does not wait."


def _rotated(realm: Realm, alg: str, *, at_once: bool) -> Iterator[str]:
    before = SigningKey.objects.live(realm, alg)
    SigningKey.objects.rotate(realm, alg, at_once=at_once)
    yield from _told(realm, alg, before, before.get(SigningKey.State.CURRENT))


def _retired(realm: Realm, key: SigningKey, *, unpublish: bool) -> Iterator[str]:
    alg, kid = key.alg, key.kid
    if key.state != SigningKey.State.RETIRED:
        before = SigningKey.objects.live(realm, alg)
        key.retire()
        if alg in realm.conf.key_algs:
            SigningKey.objects.fill(realm, alg)
        yield from _told(realm, alg, before, key, stays=not unpublish)
    elif not unpublish:
        yield f"{alg}: {kid} is retired already; --unpublish deletes it"
    if unpublish:
        key.delete()
        yield f"{alg}: {kid} is deleted: what it signed cannot be verified any more"


def _told(
    realm: Realm,
    alg: str,
    before: Mapping[str, SigningKey],
    retired: SigningKey | None,
    *,
    stays: bool = True,
) -> Iterator[str]:
    """What is different about an algorithm's keys; `retired` was asked for, and may not stay."""
    current, following = SigningKey.State.CURRENT, SigningKey.State.NEXT
    after, now = SigningKey.objects.live(realm, alg), timezone.now()
    signs = after.get(current)
    if signs is not None and signs != before.get(current):
        yield f"{alg}: {signs.kid} signs now"
    if retired is not None and stays:
        yield f"{alg}: {retired.kid} is retired, and still published"
    for key in before.values():
        if key != retired and key not in after.values():
            yield (
                f"{alg}: {key.kid} was next and cannot be decrypted: it is retired, and has "
                "signed nothing"
            )
    if before and signs is not None and signs != before.get(current):
        new = "not published before" if signs not in before.values() else ""
        if not new and signs.may_sign_from > now:
            new = f"published {_ago(signs.created_at, now)}"
        if new:
            yield (
                f"{alg}: {signs.kid} was {new}: relying parties that keep the JWK Set must read it "
                "again"
            )
    if following in after and after[following] != before.get(following):
        yield f"{alg}: {after[following].kid} is next, and published"


def _ago(moment: datetime, now: datetime) -> str:
    """An age in its largest unit."""
    age = max(now - moment, timedelta())
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age.total_seconds() >= seconds:
            return f"{int(age.total_seconds() // seconds)} {unit} ago"
    return "just now"
