"""The conformance page is made of the tests' requirement marks, so that it cannot promise more.

    python -m tests.conformance_page [--check]

runs pytest's collection (no test) and writes docs/reference/conformance.md.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "reference" / "conformance.md"
TO_ROOT: Final = "../.."

INTRODUCTION: Final = """\
# Conformance

<!-- Made from the tests by `make conformance`. Change the tests, not this page. -->

Each sentence below is the name of an automated test, and stands under the clause that the test
holds django_ciba to. The tests run on every change. A clause that is not listed has no test that
names it, which does not mean that it is not followed.
"""


@dataclass(frozen=True)
class Requirement:
    """One test under one clause, however often the test is parametrised."""

    specification: str
    section: str
    row: str
    path: str
    test: str

    @property
    def sentence(self) -> str:
        words = self.test.removeprefix("test_").replace("_", " ")
        return words[:1].upper() + words[1:]


_requirements: set[Requirement] = set()
skipped_at_collection: list[str] = []


def remember(items: Iterable[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("requirement"):
            _requirements.add(_requirement(item, mark))


def _requirement(item: pytest.Item, mark: pytest.Mark) -> Requirement:
    try:
        specification, section, *rest = mark.args
        row = mark.kwargs.get("row") or (rest[0] if rest else "")
    except ValueError:
        raise pytest.UsageError(
            f"{item.nodeid}: requirement needs a specification and a section, not {mark.args}"
        ) from None
    return Requirement(
        specification=str(specification),
        section=str(section).removeprefix("§"),
        row=str(row),
        path=item.path.relative_to(item.config.rootpath).as_posix(),
        test=getattr(item, "originalname", None) or item.name.partition("[")[0],
    )


def finish(session: pytest.Session) -> None:
    """The page, or why there is none, and the exit status that says so."""
    path: Path = session.config.getoption("--conformance-page")
    if session.testsfailed or skipped_at_collection:
        for node in skipped_at_collection:
            print(f"{node} left itself out when it was collected: leave_out belongs in a fixture")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return
    text = page(_requirements)
    session.exitstatus = pytest.ExitCode.OK
    if not session.config.getoption("--conformance-check"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        print(f"{path} is out of date: run `make conformance`")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def page(requirements: Iterable[Requirement]) -> str:
    tree: dict[str, dict[str, list[Requirement]]] = {}
    for requirement in sorted(requirements, key=_order):
        sections = tree.setdefault(requirement.specification, {})
        sections.setdefault(requirement.section, []).append(requirement)
    parts = [INTRODUCTION]
    for specification, sections in tree.items():
        parts.append(f"\n## {specification}\n")
        for section, found in sections.items():
            parts.append(f"\n### {_heading(specification, section)}\n\n")
            parts.extend(_line(requirement) for requirement in found)
    return "".join(parts)


def _heading(specification: str, section: str) -> str:
    title = f"§{section}" if section[:1].isdigit() else section
    rfc = re.fullmatch(r"RFC (\d+)", specification)
    if rfc and section[:1].isdigit():
        return f"[{title}](https://www.rfc-editor.org/rfc/rfc{rfc[1]}#section-{section})"
    return title


def _line(requirement: Requirement) -> str:
    row = f", {requirement.row}" if requirement.row else ""
    path = requirement.path
    return f"- {requirement.sentence}{row} ([{path}]({TO_ROOT}/{path}))\n"


def _order(requirement: Requirement) -> tuple[object, ...]:
    return (
        _natural(requirement.specification),
        _natural(requirement.section),
        requirement.path,
        requirement.sentence,
        requirement.row,
    )


def _natural(text: str) -> list[tuple[int, int, str]]:
    """§7.10 comes after §7.9, and "Appendix A" after all numbers."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)|\W+", text)
        if part
    ]


def main() -> int:
    arguments = argparse.ArgumentParser(description="Write the conformance page.")
    arguments.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = arguments.parse_args().check
    command = [sys.executable, "-m", "pytest", "-qq", "--conformance-page", str(PAGE)]
    done = subprocess.run(
        [*command, *(["--conformance-check"] if check else [])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-8000:], end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
