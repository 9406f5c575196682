"""Create clients, give them new secrets, list them; give leave to register."""

import json
import sys
import uuid
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from django_ciba.client_registration import SECRET_METHODS, InvalidMetadata, registered
from django_ciba.conf import positive
from django_ciba.management.arguments import (
    django_options,
    file_content,
    name,
    names_may_begin_with_a_dash,
    refused,
    stored_realm,
)
from django_ciba.management.command import OperatorCommand
from django_ciba.models import Client, InitialAccessToken, Realm, secrets
from django_ciba.protocol.problems import Problem, under, unknown
from django_ciba.realm_document import InvalidDocument, read, repeated_members

SHOWN_ONCE = "the secret is shown only now: only its digest is stored"
TOKEN_SHOWN_ONCE = "the token is shown only now: only its digest is stored"
BINDINGS = {
    "certificate": "tls_client_certificate_bound_access_tokens",
    "dpop": "dpop_bound_access_tokens",
}


def uses(text: str) -> int | None:
    """An argument's type: a number of registrations, None for any number."""
    if text == "any":
        return None
    if (problem := positive(int(text))) is not None:
        raise ArgumentTypeError(problem)
    return int(text)


def hours(text: str) -> int:
    """An argument's type: a number of hours, at most some ten years."""
    if not 0 < int(text) <= 100_000:
        raise ArgumentTypeError("must be a whole number from 1 to 100000")
    return int(text)


class Command(OperatorCommand):
    help = (
        "Create a client, give one a new secret, list clients, or give somebody leave to register "
        "clients. Secrets are shown once, when they are made. For everything else that a client "
        "can be, use ciba_import."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names_may_begin_with_a_dash(parser)
        actions = parser.add_subparsers(
            dest="action", metavar="create|secret|list|initial-token", required=True
        )
        create = actions.add_parser(
            "create",
            help="create a client and print its client_id and secret",
            description=(
                "Create a client. Prints client_id, and client_secret where the method has one. "
                "Clients sign their requests unless --unsigned says that they do not, so give "
                "--jwks or --jwks-uri, or --unsigned."
            ),
        )
        create.add_argument("--realm", default="/", help="path of its realm (default: /)")
        create.add_argument("--client-id", type=name, help="default: a random UUID")
        create.add_argument("--name", help="what the user reads when asked")
        create.add_argument(
            "--auth-method",
            default=Client.AuthMethod.CLIENT_SECRET_BASIC.value,
            choices=Client.AuthMethod.values,
            help="how it authenticates (default: client_secret_basic)",
        )
        create.add_argument(
            "--scope", default="openid", help='what it may ask for, as "openid profile"'
        )
        create.add_argument(
            "--jwks", metavar="FILE", help='file with its public keys as a JWK Set; "-": stdin'
        )
        create.add_argument("--jwks-uri", metavar="URL", help="where it publishes its public keys")
        create.add_argument(
            "--unsigned", action="store_true", help="take requests that it has not signed"
        )
        create.add_argument(
            "--delivery-mode",
            default=Client.DeliveryMode.POLL.value,
            choices=Client.DeliveryMode.values,
            help="how it learns of the answer (default: poll)",
        )
        create.add_argument(
            "--notification-endpoint", metavar="URL", help="where ping and push are sent to"
        )
        create.add_argument(
            "--profile",
            choices=Client.Profile.values,
            help="the rules it is held to (default: ciba; fapi-ciba where its realm forces it)",
        )
        create.add_argument(
            "--bound-tokens",
            choices=[*BINDINGS],
            help="what its access tokens are bound to; fapi-ciba needs one of the two",
        )
        secret = actions.add_parser(
            "secret",
            help="replace a client's secret and print the new one",
            description=(
                "Make a new secret and print it. The old one stops working within "
                "CONFIGURATION_MAX_AGE."
            ),
        )
        secret.add_argument("client_id", metavar="CLIENT_ID", type=name)
        secret.add_argument("--realm", default="/", help="path of its realm (default: /)")
        listing = actions.add_parser("list", help="list clients")
        listing.add_argument("--realm", help="path of one realm (default: all)")
        initial = actions.add_parser(
            "initial-token",
            help="make an initial access token and print it",
            description=(
                "Make an initial access token (RFC 7591) and print it: whoever has it registers "
                "clients in the realm, where its setting registration is token."
            ),
        )
        initial.add_argument("token_name", metavar="NAME", help="whom it is for, for operators")
        initial.add_argument("--realm", default="/", help="path of the realm (default: /)")
        initial.add_argument(
            "--uses",
            default=1,
            type=uses,
            help='registrations it is good for, or "any" (default: 1)',
        )
        initial.add_argument(
            "--hours", type=hours, help="hours that it is good for (default: without end)"
        )
        for parser_of_action in (create, secret, listing, initial):
            django_options(parser_of_action)

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {
            "create": self.create,
            "secret": self.secret,
            "list": self.list,
            "initial-token": self.initial_token,
        }
        actions[options["action"]](**options)

    def create(self, **options: Any) -> None:
        realm = stored_realm(options["realm"])
        metadata: dict[str, Any] = {
            "client_id": options["client_id"] or str(uuid.uuid4()),
            "token_endpoint_auth_method": options["auth_method"],
            "scope": options["scope"],
            "require_signed_request_object": not options["unsigned"],
            "backchannel_token_delivery_mode": options["delivery_mode"],
        }
        for option, member in (
            ("name", "client_name"),
            ("jwks_uri", "jwks_uri"),
            ("notification_endpoint", "backchannel_client_notification_endpoint"),
            ("profile", "profile"),
        ):
            if options[option]:
                metadata[member] = options[option]
        if options["bound_tokens"]:
            metadata[BINDINGS[options["bound_tokens"]]] = True
        if options["jwks"]:
            metadata["jwks"] = self._jwks(options["jwks"])
        if options["auth_method"] in SECRET_METHODS:
            metadata["client_secret"] = secrets.new_secret()
        try:
            client = registered(metadata, realm)
        except InvalidMetadata as fault:
            missing_keys = any(each.path == "jwks" for each in fault.problems)
            hint = " (--jwks, --jwks-uri or --unsigned?)" if missing_keys else ""
            raise refused(self.stderr, fault.problems, f"no client was created{hint}") from None
        with transaction.atomic():
            Realm.objects.select_for_update().get(pk=realm.pk)
            if Client.objects.filter(realm=realm, client_id=client.client_id).exists():
                raise CommandError(
                    f"there is a client {client.client_id} in realm {realm.path} already; "
                    "ciba_client secret gives it a new secret, ciba_import changes it"
                )
            client.save()
        self.stdout.write(f"client_id: {client.client_id}")
        if "client_secret" in metadata:
            self._show(metadata["client_secret"])

    def _jwks(self, path: str) -> Any:
        try:
            jwks = read(file_content(path, sys.stdin))
        except InvalidDocument as fault:
            problems = list(under("jwks", fault.problems))
            raise refused(self.stderr, problems, "no client was created") from None
        if problems := list(under("jwks", repeated_members(jwks))):
            raise refused(self.stderr, problems, "no client was created")
        return jwks

    def secret(self, **options: Any) -> None:
        realm = stored_realm(options["realm"])
        with transaction.atomic():
            rows = Client.objects.select_for_update().filter(realm=realm)
            client = rows.filter(client_id=options["client_id"]).first()
            if client is None:
                raise CommandError(str(_unknown_client(realm, options["client_id"])))
            if client.token_endpoint_auth_method not in SECRET_METHODS:
                raise CommandError(
                    f"{client.client_id} authenticates by {client.token_endpoint_auth_method} and "
                    "has no secret; change its token_endpoint_auth_method by ciba_import first"
                )
            secret = client.new_secret()
            client.save()
        self._show(secret)

    def initial_token(self, **options: Any) -> None:
        realm = stored_realm(options["realm"])
        row = InitialAccessToken(
            realm=realm, name=options["token_name"].strip(), uses_left=options["uses"]
        )
        if options["hours"] is not None:
            row.expires_at = timezone.now() + timedelta(hours=options["hours"])
        value = row.new_value()
        try:
            row.full_clean()
        except ValidationError as fault:
            raise CommandError("; ".join(fault.messages)) from None
        row.save()
        self.stdout.write(f"initial_access_token: {value}")
        self.stderr.write(TOKEN_SHOWN_ONCE, self.style.WARNING)
        if realm.conf.REGISTRATION != "token":
            self.stderr.write(
                f"realm {realm.path} does not ask for it: its setting registration is "
                f"{realm.conf.REGISTRATION}",
                self.style.WARNING,
            )

    def _show(self, secret: str) -> None:
        self.stdout.write(f"client_secret: {secret}")
        self.stderr.write(SHOWN_ONCE, self.style.WARNING)

    def list(self, **options: Any) -> None:
        rows = Client.objects.select_related("realm").order_by("realm__path", "client_id")
        if options["realm"] is not None:
            rows = rows.filter(realm=stored_realm(options["realm"]))
        found = False
        for client in rows.iterator():
            found = True
            state = "enabled" if client.enabled else "DISABLED"
            if client.token_endpoint_auth_method in SECRET_METHODS and not client.secret_digest:
                state += ", WITHOUT SECRET"
            columns = (
                client.realm.path,
                client.client_id,
                json.dumps(client.client_name, ensure_ascii=False),
                client.token_endpoint_auth_method,
                state,
            )
            self.stdout.write("  ".join(columns))
        if not found:
            self.stderr.write("no clients", self.style.NOTICE)


def _unknown_client(realm: Realm, client_id: str) -> Problem:
    known = Client.objects.filter(realm=realm).values_list("client_id", flat=True)
    message = unknown(client_id, known, f"realm {realm.path}")
    return Problem("", f"client {json.dumps(client_id)} {message}")
