"""Writes the pages of the reference that the code itself declares, so that neither can go astray.

    python -m docs.generate [--check]

`--check` writes nothing, names each page that is stale, and ends with 1 if there is one.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

import django
from django.apps import apps

DOCS: Final = Path(__file__).parent


def main(arguments: Sequence[str] | None = None, *, folder: Path = DOCS) -> int:
    """The exit status: 1 when `--check` found a stale page."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = parser.parse_args(arguments).check
    stale = 0
    with site():
        for name, page in import_module("docs.pages").PAGES.items():
            path, text = folder / name, page()
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if check:
                stale += 1
                print(f"{path} is out of date: run python -m docs.generate")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                print(f"wrote {path}")
    return int(bool(stale))


@contextmanager
def site() -> Iterator[None]:
    """The test site, set up as if for a command; its files go into a folder that is deleted."""
    if apps.ready:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ciba-docs-") as folder:
        os.environ["CIBA_VAR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "testproject.settings"
        django.setup()
        yield


if __name__ == "__main__":
    sys.exit(main())
