"""Import realm documents (design §9): all or nothing, and every fault named."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from django_ciba.management.arguments import file_content, refused
from django_ciba.management.command import OperatorCommand
from django_ciba.realm_document import InvalidDocument, apply, read


class Command(OperatorCommand):
    help = (
        "Import a realm document: settings, journeys, acr mapping and clients as JSON, or a list "
        "of such documents. Prints one line for each thing that changes, and nothing is changed "
        "unless all of it is. Running it again changes nothing. What the document does not mention "
        "is left alone; a setting or client member that is null goes back to its default. On "
        "faults, each is printed with its place in the document, and the exit code is 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help='the document, or "-" for standard input')
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="do it, print what changes, and take it all back",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        data = file_content(options["file"], sys.stdin)
        try:
            changes = apply(read(data), dry_run=options["dry_run"])
        except InvalidDocument as fault:
            raise refused(self.stderr, fault.problems, "nothing was imported") from None
        for change in changes:
            self.stdout.write(str(change))
            if change.warning:
                line = f"warning: {change.realm}: {change.subject}: {change.warning}"
                self.stderr.write(line, self.style.WARNING)
        if not changes:
            self.stdout.write("no changes")
        elif options["dry_run"]:
            self.stdout.write("dry run: nothing was changed")
