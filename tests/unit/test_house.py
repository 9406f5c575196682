"""The house keeps its own rules: what may know what, what is shipped, what is called how."""

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

import django_ciba
from django_ciba.conf import CibaSettings

pytestmark = pytest.mark.only_on("sqlite")

ROOT = Path(__file__).parents[2]
PACKAGE = Path(django_ciba.__file__).parent
# What the wheel carries besides modules, for those folders that exist.
SHIPPED = ("templates", "static", "locale")
VAGUE = {"common", "helper", "helpers", "misc", "util", "utils"}


def modules() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def imports_inside_functions(tree: ast.Module) -> Iterator[ast.stmt]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node


def names_us(node: ast.stmt) -> bool:
    match node:
        case ast.Import(names):
            return any(name.name.partition(".")[0] == "django_ciba" for name in names)
        case ast.ImportFrom(module, _, level):
            return level > 0 or (module or "").partition(".")[0] == "django_ciba"
    return False


def test_every_setting_is_asked_for_somewhere() -> None:
    """One that nobody reads would protect nothing, and its text would be a promise."""
    asked = {
        node.attr
        for path in modules()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert {each.name for each in CibaSettings.declared()} - asked == set()


def test_imports_go_down_only() -> None:
    """By a process of its own: import-linter shuts off the loggers of the one it runs in."""
    program = str(Path(sys.executable).with_name("lint-imports"))
    command = [program, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_import_hides_in_a_function_from_the_import_law() -> None:
    """apps.py may: Django's ready() is where an app may first import what needs models."""
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        if path != PACKAGE / "apps.py"
        for node in imports_inside_functions(ast.parse(path.read_bytes()))
        if names_us(node)
    ]
    assert hidden == []


def test_no_module_is_called_by_a_name_that_says_nothing() -> None:
    assert [path for path in modules() if path.stem in VAGUE or path.parent.name in VAGUE] == []


@pytest.mark.django_db
def test_the_migrations_are_complete(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        call_command("makemigrations", "--check", "--dry-run", verbosity=1)
    except SystemExit:
        pytest.fail(capsys.readouterr().out)


@pytest.mark.slow
def test_the_wheel_ships_types_pages_and_translations(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    assert "django_ciba/py.typed" in shipped
    assert f"django_ciba-{django_ciba.__version__}.dist-info/licenses/LICENSE" in shipped
    expected = {
        path.relative_to(ROOT).as_posix()
        for folder in SHIPPED
        for path in (PACKAGE / folder).rglob("*")
        if path.is_file()
    }
    assert expected <= shipped
    assert {name.partition("/")[0].partition("-")[0] for name in shipped} == {"django_ciba"}
