"""Export realms as documents that ciba_import reads."""

import json
from typing import Any

from django.core.management.base import CommandParser

from django_ciba.management.arguments import stored_realm
from django_ciba.management.command import OperatorCommand
from django_ciba.models import Realm
from django_ciba.realm_document import export


class Command(OperatorCommand):
    help = (
        "Print a realm as a JSON document, or all realms as a list of documents, for ciba_import. "
        "It holds no secret: no client secrets (only their digests are stored) and no signing "
        "keys. Importing it into the same database changes nothing; elsewhere, new clients that "
        "have a client_secret need theirs added to the document first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "realm",
            metavar="REALM",
            nargs="?",
            help='the path of one realm, as "/" or "/alpha"; left out: all of them, parents first',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["realm"]
        document: Any
        if path is None:
            document = [export(each) for each in _paths()]
        else:
            document = export(stored_realm(path).path)
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))


def _paths() -> list[str]:
    return sorted(Realm.objects.values_list("path", flat=True))
