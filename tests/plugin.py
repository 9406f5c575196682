"""The suite's own pytest plugin: the database of the run, what was left out, the conformance page.

Loaded by `-p` in pyproject.toml, because a conftest comes too late: by then Django has read its
settings.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests import conformance_page
from tests.services import PostgreSQL

DATABASES: Final = ("sqlite", "postgresql")
NOTHING_OUT: Final = "CIBA_LEAVE_NOTHING_OUT"
PREFIX: Final = "left out: "
VAR: Final = "CIBA_VAR"
WORKER: Final = "PYTEST_XDIST_WORKER"
SITE_ENVIRONMENT: Final = (
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "CIBA_ALLOW_LOOPBACK",
    "CIBA_SIMULATOR",
    "DATABASE_URL",
    "DJANGO_ALLOWED_HOSTS",
    "DJANGO_DEBUG",
    "DJANGO_SECRET_KEY",
    "DJANGO_SETTINGS_MODULE",
    "PUBLIC_URL",
)

_left_out: Counter[str] = Counter()
_to_end = ExitStack()


def leave_out(reason: str) -> NoReturn:
    """Skip a test for what this machine lacks; the summary counts it, and CI does not allow it."""
    pytest.skip(PREFIX + reason)


# --- the database of the run -------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("django_ciba")
    group.addoption(
        "--database",
        choices=DATABASES,
        default=os.environ.get("CIBA_TEST_DATABASE", DATABASES[0]),
        help="the database to test on (CIBA_TEST_DATABASE); PostgreSQL is started for the run",
    )
    group.addoption(
        "--conformance-page",
        metavar="PATH",
        type=Path,
        help="run no test: write the page of requirements and the tests that hold us to them",
    )
    group.addoption(
        "--conformance-check",
        action="store_true",
        help="with --conformance-page: write nothing, and fail unless the page is up to date",
    )


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """One process more than xdist finds cores for: slow tests wait, for servers and clocks."""
    cores = yield
    return cores if config.option.markexpr == "not slow" else cores + 1


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Before pytest-django: the settings read their environment once."""
    options = early_config.known_args_namespace
    if options.conformance_page:
        options.collectonly = early_config.option.collectonly = True
    try:
        if _is_worker():
            _keep_files_apart(f"{os.environ[VAR]}/{os.environ[WORKER]}")
        else:
            _forget_the_shell()
            _keep_files_apart(_temporary())
            if options.database == "postgresql" and not options.conformance_page:
                _start_server()
        yield
    except BaseException:
        _clean_up()
        raise


def pytest_unconfigure() -> None:
    _clean_up()


def _forget_the_shell() -> None:
    """A run tests what the repository says, not the site that this shell was set up for."""
    for name in SITE_ENVIRONMENT:
        os.environ.pop(name, None)


def _keep_files_apart(folder: str) -> None:
    """The demo's database and broker live in testproject/var; a test run keeps out of there."""
    os.environ[VAR] = folder


def _temporary() -> str:
    folder = tempfile.TemporaryDirectory(prefix="ciba-tests-", ignore_cleanup_errors=True)
    _to_end.callback(folder.cleanup)
    return folder.name


def _start_server() -> None:
    if reason := PostgreSQL.missing():
        raise pytest.UsageError(f"--database postgresql: {reason}")
    server = _to_end.enter_context(PostgreSQL())
    os.environ["DATABASE_URL"] = server.url


def _clean_up() -> None:
    _to_end.close()


def _is_worker() -> bool:
    """An xdist worker: it inherits the database that the first process started."""
    return WORKER in os.environ


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {config.getoption('--database')}"


# --- which tests -------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    conformance_page.remember(items)  # first: no choice of tests may thin the page out
    database = config.getoption("--database")
    others = [item for item in items if not _belongs_to(item, database)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def _belongs_to(item: pytest.Item, database: str) -> bool:
    """Tests of another database are not left out: they have a run of their own."""
    mark = item.get_closest_marker("only_on")
    if mark is None:
        return True
    if mark.args[0] not in DATABASES:
        raise pytest.UsageError(f"{item.nodeid}: only_on knows {DATABASES}, not {mark.args[0]!r}")
    return bool(mark.args[0] == database)


# --- what was left out ---------------------------------------------------------------------------


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    skipped = conformance_page.skipped_at_collection
    if report.skipped and report.nodeid not in skipped:  # every xdist worker collects
        skipped.append(report.nodeid)
        _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    _left_out[reason.removeprefix("Skipped: ").removeprefix(PREFIX)] += 1


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _is_worker():
        return
    if session.config.getoption("--conformance-page"):
        conformance_page.finish(session)
    elif _left_out and os.environ.get(NOTHING_OUT) and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _left_out:
        return
    terminalreporter.section("left out")
    for reason, count in sorted(_left_out.items()):
        terminalreporter.line(f"{PREFIX}{count} {'test' if count == 1 else 'tests'}: {reason}")
    if os.environ.get(NOTHING_OUT):
        terminalreporter.line(f"{NOTHING_OUT} is set, so the run has failed.", red=True)
