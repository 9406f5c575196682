"""Print journeys to start from."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_ciba.journeys import TEMPLATES
from django_ciba.management.command import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Journeys to start from. `list-templates` names them; `show NAME` prints one as a JSON "
        'document, for the admin or for "journeys" of a realm document.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list-templates", help="name and purpose of each")
        show = actions.add_parser("show", help="print one")
        show.add_argument("name", metavar="NAME", help="as list-templates names it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list-templates":
            for name, template in TEMPLATES.items():
                self.stdout.write(f"{name}: {template.description}")
            return
        found = TEMPLATES.get(options["name"])
        if found is None:
            raise CommandError(f"there is no such template; there is {', '.join(TEMPLATES)}")
        document = {"name": found.label, **found.document}
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
