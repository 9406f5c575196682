"""Command line arguments that several commands share."""

import json
import re
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError

from django_ciba.models import Realm
from django_ciba.protocol.problems import Problem
from django_ciba.realm_document.reading import MOST_BYTES

# 32 octets in base64url: an auth_req_id or a key id. No option of a command looks like this.
NAME_WITH_DASH: Final = re.compile(r"-[A-Za-z0-9_-]{42}")


def names_may_begin_with_a_dash(parser: ArgumentParser) -> None:
    """One in 64 random names begins with a dash, and argparse takes those for options.

    They are handed on with a space before them; `name` takes it away.
    """
    parse: Callable[..., Namespace] = parser.parse_args

    def parse_args(args: Sequence[str] | None = None, namespace: Any = None) -> Namespace:
        given = sys.argv[1:] if args is None else args
        shielded = [f" {each}" if NAME_WITH_DASH.fullmatch(each) else each for each in given]
        return parse(shielded, namespace)

    parser.parse_args = parse_args  # type: ignore[method-assign,assignment]


def django_options(parser: ArgumentParser) -> None:
    """Let --settings and its like stand behind an action as well as before it."""
    for option in ("--settings", "--pythonpath"):
        parser.add_argument(option, default=SUPPRESS, help=SUPPRESS)
    parser.add_argument(
        "-v", "--verbosity", type=int, choices=range(4), default=SUPPRESS, help=SUPPRESS
    )
    for option in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(option, action="store_true", default=SUPPRESS, help=SUPPRESS)


def name(text: str) -> str:
    """An argument's type: a name without the white space that copying brings."""
    return text.strip()


def file_content(path: str, stdin: Any) -> bytes:
    """The octets of a file, or of standard input for "-"; one more than we read, at most.

    Errors: `CommandError` that names the file.
    """
    try:
        if path == "-":
            data = getattr(stdin, "buffer", stdin).read(MOST_BYTES + 1)
            return data.encode() if isinstance(data, str) else bytes(data)
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as fault:
        raise CommandError(f"{path} cannot be read: {fault.strerror or fault}") from None


def stored_realm(path: str) -> Realm:
    """The realm at that path. Errors: `CommandError` that says which realms there are."""
    found = Realm.objects.filter(path=path).first()
    if found is not None:
        return found
    paths = list(Realm.objects.values_list("path", flat=True))
    if paths:
        raise CommandError(f"there is no realm {json.dumps(path)}; there is {', '.join(paths)}")
    raise CommandError(
        f"there is no realm {json.dumps(path)}, and no other one: make it with "
        f"""echo '{json.dumps({"realm": path})}' | manage.py ciba_import -"""
    )


def refused(stderr: Any, problems: list[Problem], consequence: str) -> CommandError:
    """Write every fault on its own line; the error to end the command with."""
    for problem in problems:
        stderr.write(str(problem))
    faults = "1 fault" if len(problems) == 1 else f"{len(problems)} faults"
    return CommandError(f"{faults}: {consequence}")
