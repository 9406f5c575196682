"""Create clients, give them new secrets, list them."""

import json
import sys
import uuid
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from django_ciba.client_registration import (
    SECRET_METHODS,
    InvalidMetadata,
    Problem,
    registered,
    under,
    unknown,
)
from django_ciba.management.arguments import (
    django_options,
    file_content,
    name,
    names_may_begin_with_a_dash,
    refused,
    stored_realm,
)
from django_ciba.management.command import OperatorCommand
from django_ciba.models import Client, Realm, secrets
from django_ciba.realm_document import InvalidDocument, read, repeated_members

SHOWN_ONCE = "the secret is shown only now: only its digest is stored"


class Command(OperatorCommand):
    help = (
        "Create a client, give one a new secret, or list clients. Secrets are shown once, when "
        "they are made. For everything else that a client can be, use ciba_import."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names_may_begin_with_a_dash(parser)
        actions = parser.add_subparsers(dest="action", metavar="create|secret|list", required=True)
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
        for parser_of_action in (create, secret, listing):
            django_options(parser_of_action)

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {"create": self.create, "secret": self.secret, "list": self.list}
        actions[options["action"]](**options)

    def create(self, **options: Any) -> None:
        realm = stored_realm(options["realm"])
        metadata: dict[str, Any] = {
            "client_id": options["client_id"] or str(uuid.uuid4()),
            "token_endpoint_auth_method": options["auth_method"],
            "scope": options["scope"],
            "require_signed_request_object": not options["unsigned"],
        }
        if options["name"]:
            metadata["client_name"] = options["name"]
        if options["jwks_uri"]:
            metadata["jwks_uri"] = options["jwks_uri"]
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
