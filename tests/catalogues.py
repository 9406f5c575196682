"""The catalogues of the package: what its pages and messages say, in each language that it ships.

    python -m tests.catalogues

writes django_ciba/locale anew from the sources (`make messages`), by GNU gettext: what is new has
no translation yet, what is gone is gone, and nothing else changes. The tests make theirs elsewhere
by the same function, and compare.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import django
from django.core.management import call_command
from django.core.management.commands import makemessages

PACKAGE: Final = Path(__file__).parent.parent / "django_ciba"
LANGUAGES: Final = ("en", "de", "ka")
# The source is English: its catalogue has the same strings, and no translation of any.
SOURCE: Final = "en"
CATALOGUE: Final = "LC_MESSAGES/django.po"
PROGRAMS: Final = ("xgettext", "msgmerge", "msguniq", "msgattrib", "msgfmt", "msgen")
# The admin is in English, so its few plurals are no work for translators.
NOT_TRANSLATED: Final = ("admin", "migrations", "testing", "locale")


class Messages(makemessages.Command):
    """Without guesses from strings that look alike: "remove" is not "rename"."""

    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]


def missing() -> str:
    """What keeps this machine from making catalogues; "" where nothing does."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"GNU gettext is not installed ({', '.join(absent)})" if absent else ""


def make(package: Path, languages: tuple[str, ...] = LANGUAGES) -> None:
    """Bring package/locale up to the sources of `package`, and compile it."""
    here = Path.cwd()
    os.chdir(package)
    try:
        call_command(
            Messages(),
            locale=list(languages),
            extensions=["html", "txt", "py"],
            ignore_patterns=[f"{name}/*" for name in NOT_TRANSLATED],
            no_obsolete=True,
            no_wrap=False,
            add_location="file",
            verbosity=0,
        )
    finally:
        os.chdir(here)
    for language in languages:
        catalogue = package / "locale" / language / CATALOGUE
        catalogue.write_text(_without_dates(catalogue.read_text("utf-8")), "utf-8")
        compiled(catalogue, catalogue.with_suffix(".mo"))


def compiled(catalogue: Path, to: Path) -> None:
    """Raises CalledProcessError, and says what, for a catalogue that msgfmt finds a fault in."""
    subprocess.run(
        ["msgfmt", "--check-format", "--check-domain", "-o", str(to), str(catalogue)], check=True
    )


def _without_dates(text: str) -> str:
    """A day in the file would change it, and every clone, each time somebody looks."""
    return re.sub(r'^"(POT-Creation|PO-Revision)-Date: .*\\n"\n', "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    if reason := missing():
        sys.exit(reason)
    django.setup()
    make(PACKAGE)
