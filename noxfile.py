"""The suite on the supported versions of Python and Django: `make matrix`.

The newest pair runs everything on PostgreSQL; the others run what is quick, on SQLite. The pair
that .venv holds is not repeated: `make test` is its run, whole and on both.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

import nox

NOTHING_OUT: Final = "CIBA_LEAVE_NOTHING_OUT"
PAIRS: Final = (
    ("3.11", "5.2"),
    ("3.12", "5.2"),
    ("3.12", "6.0"),
    ("3.12", "6.1"),
    ("3.13", "5.2"),
    ("3.13", "6.0"),
    ("3.13", "6.1"),
)
PYTEST: Final = ("python", "-m", "pytest", "-n", "auto", "--dist", "loadfile")

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = NOTHING_OUT in os.environ
nox.options.stop_on_first_error = False

# uv brings certificates of its own; a machine that trusts others says so to its system.
os.environ.setdefault("UV_SYSTEM_CERTS", "1")
os.environ.setdefault("UV_NATIVE_TLS", "1")


def enable_pyenv_versions() -> None:
    """pyenv puts a python3.12 on PATH that refuses to start unless its version is enabled."""
    versions = pyenv_root() / "versions"
    wanted = dict.fromkeys(python for python, _ in PAIRS)
    found = [newest for python in wanted if (newest := newest_in(versions, python))]
    if found:
        os.environ["PYENV_VERSION"] = ":".join(found)


def pyenv_root() -> Path:
    """Where pyenv is: as it says itself, or beside the shims that are on PATH."""
    if named := os.environ.get("PYENV_ROOT"):
        return Path(named)
    for each in os.environ.get("PATH", "").split(os.pathsep):
        folder = Path(each)
        if folder.name == "shims" and (folder.parent / "versions").is_dir():
            return folder.parent
    return Path.home() / ".pyenv"


def newest_in(versions: Path, python: str) -> str | None:
    patches = [
        int(patch)
        for folder in versions.glob(f"{python}.*/bin/python{python}")
        if (patch := folder.parents[1].name.rpartition(".")[2]).isdigit()
    ]
    return f"{python}.{max(patches)}" if patches else None


def pair_of_this_environment() -> tuple[str, str]:
    django = ".".join(version("django").split(".")[:2])
    return f"{sys.version_info.major}.{sys.version_info.minor}", django


enable_pyenv_versions()
OTHERS: Final = [pair for pair in PAIRS if pair != pair_of_this_environment()]


@nox.session
@nox.parametrize(("python", "django"), OTHERS)
def tests(session: nox.Session, django: str) -> None:
    session.install("--editable", ".", "--group", "test", f"Django=={django}.*")
    newest = (session.python, django) == PAIRS[-1]
    part = ("--database", "postgresql") if newest else ("--database", "sqlite", "-m", "not slow")
    session.run(*PYTEST, *part, *session.posargs)


@nox.session(python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The oldest releases that pyproject.toml allows: a lower bound is a promise too."""
    session.install("--resolution", "lowest-direct", "--editable", ".", "--group", "test")
    session.run(*PYTEST, "-m", "not slow", *session.posargs)
