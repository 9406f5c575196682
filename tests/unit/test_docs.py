"""What the documentation says is so: generated pages are fresh, and its examples run as printed."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command

import django_ciba
from django_ciba import signals
from django_ciba.checks import CHECKS
from django_ciba.client_registration import MEMBERS as CLIENT_MEMBERS
from django_ciba.conf import CibaSettings
from django_ciba.hooks import CibaHooks
from django_ciba.journeys import NODES
from django_ciba.protocol.errors import ERRORS
from django_ciba.realm_document.faults import MEMBERS as DOCUMENT_MEMBERS
from docs import generate, pages, prose
from tests.services.service import free_port

pytestmark = pytest.mark.only_on("sqlite")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = Path(django_ciba.__file__).parent
README = ROOT / "README.md"
TUTORIAL = DOCS / "tutorial" / "first-flow.md"
BY_HAND = DOCS / "tutorial" / "by-hand.md"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("[!_]*/**/*.md")])
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
PATIENCE = 60.0
# What this run of the suite has set for its own site, and a reader's shell has not.
SITE = ("CIBA_VAR", "DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "CIBA_SIMULATOR")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str

    before: str

    @property
    def file(self) -> str | None:
        """The file that the reader is told to write.

        A Python block begins with its name; JSON has no comments, so the sentence before says it.
        """
        if self.language == "python":
            found = re.match(r"# (\S+\.py)\n", self.text)
        else:
            paragraph = self.before.rstrip().rpartition("\n\n")[2]
            found = re.search(r"(?i:save)[^`]*`(\S+\.json)`", paragraph)
        return found[1] if found else None


def blocks(text: str, *languages: str) -> list[Block]:
    found = [Block(each[2], each[3], text[: each.start()]) for each in FENCE.finditer(text)]
    return [block for block in found if block.language in languages]


def run_printed_tests(printed: Iterable[Block], folder: Path) -> str:
    """Write the files that a page prints, run pytest as its reader would; what it has said."""
    for block in printed:
        (folder / str(block.file)).write_text(block.text, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name not in SITE},
            "CIBA_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "testproject.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


# --- generated pages -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == pages.PAGES[name](), f"run python -m docs.generate: {name} is stale"


@pytest.mark.slow
def test_generate_names_the_page_that_is_stale(tmp_path: Path) -> None:
    for name in pages.PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((DOCS / name).read_text(encoding="utf-8"), encoding="utf-8")
    assert generate.main(["--check"], folder=tmp_path) == 0
    (tmp_path / "reference" / "settings.md").write_text("# Settings\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.md")}
    assert generate.main(["--check"], folder=tmp_path) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.md")} == before
    assert generate.main([], folder=tmp_path) == 0
    assert generate.main(["--check"], folder=tmp_path) == 0


@pytest.mark.slow
def test_generate_writes_nothing_but_pages(tmp_path: Path) -> None:
    """It sets Django up by itself, in a folder of its own, whatever the shell says."""
    environment = {name: value for name, value in os.environ.items() if name not in SITE}
    command = [sys.executable, "-m", "docs.generate", "--check"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_setting_has_its_heading() -> None:
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    missing = [each.name for each in CibaSettings.declared() if f"\n## {each.name}\n" not in page]
    assert missing == []


def test_every_error_has_its_heading() -> None:
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    assert [each.error for each in ERRORS if f"\n## {each.error}\n" not in page] == []


def test_every_endpoint_that_gives_an_error_a_status_is_named_with_that_error() -> None:
    """Which endpoint says what is prose; the statuses that endpoints declare must bear it out."""
    silent = [
        (endpoint.__name__, error.error)
        for name, endpoint in pages.ENDPOINTS.items()
        for error in endpoint.statuses
        if name not in prose.ERROR_PROSE[error.error].said_by
    ]
    assert silent == []


def test_every_check_node_command_and_member_is_on_its_page() -> None:
    for page, names in {
        "checks": [each.id for each in CHECKS],
        "journeys": list(NODES),
        "realm-document": [*DOCUMENT_MEMBERS, *CLIENT_MEMBERS],
        "commands": pages.command_names(),
    }.items():
        text = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
        assert [name for name in names if name not in text] == [], page


def test_every_signal_is_on_its_page() -> None:
    page = (DOCS / "reference" / "signals.md").read_text(encoding="utf-8")
    sent = [name for name in vars(signals) if name.startswith("request_")]
    assert sent
    assert [name for name in sent if f"`{name}`" not in page] == []


# --- what is printed -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_can_be_read_by_what_they_are_for(page: Path) -> None:
    """Python compiles, and JSON is JSON."""
    for block in blocks(page.read_text(encoding="utf-8"), "python", "json"):
        if block.language == "json":
            json.loads(block.text)
        else:
            ast.parse(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_use_names_and_settings_that_exist(page: Path) -> None:
    """What is imported from us is there, and printed settings are known and take their values."""
    for block in blocks(page.read_text(encoding="utf-8"), "python"):
        for statement in ast.walk(ast.parse(block.text)):
            match statement:
                case ast.ImportFrom(module=str(module), names=names) if is_ours(module):
                    absent = [name.name for name in names if not has(module, name.name)]
                    assert absent == [], module
                case ast.Assign(targets=[ast.Name(id="DJANGO_CIBA")], value=value):
                    assert list(settings_faults(ast.literal_eval(value))) == []


def is_ours(module: str) -> bool:
    return module.partition(".")[0] == "django_ciba"


def has(module: str, name: str) -> bool:
    return hasattr(import_module(module), name) or bool(find_spec(f"{module}.{name}"))


def settings_faults(written: dict[str, Any]) -> Iterator[str]:
    known = {each.name: each for each in CibaSettings.declared()}
    for name, value in written.items():
        if name not in known:
            yield f"{name} is no setting"
        elif (problem := known[name].problem(value)) is not None:
            yield f"{name} {problem}"


def test_every_template_and_block_of_the_device_is_on_its_page() -> None:
    """A row for each template, with exactly the blocks that base.html does not have already."""
    page = (DOCS / "how-to" / "change-the-pages.md").read_text(encoding="utf-8")
    printed = {
        row[1]: re.findall(r"`(\w+)`", row[2])
        for row in re.finditer(r"^\| `(\w+\.html)` \|[^|]*\|([^|]*)\|$", page, re.MULTILINE)
    }
    folder = PACKAGE / "templates" / "django_ciba" / "authentication_device"
    found = {
        path.name: re.findall(r"{% block (\w+) %}", path.read_text(encoding="utf-8"))
        for path in folder.glob("*.html")
    }
    for name in found.keys() - {"base.html"}:
        found[name] = [block for block in found[name] if block not in found["base.html"]]
    assert printed == found


def test_every_hook_and_logger_is_named() -> None:
    hooks = (DOCS / "how-to" / "hooks.md").read_text(encoding="utf-8")
    public = [name for name in vars(CibaHooks) if not name.startswith("_")]
    assert [name for name in public if f"`{name}" not in hooks] == []
    deploy = (DOCS / "how-to" / "deploy.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    loggers = {name for text in sources for name in re.findall(r'getLogger\("(.+)"\)', text)}
    assert loggers
    assert [name for name in loggers if f"`{name.removeprefix('django_ciba')}`" not in deploy] == []


def test_every_room_is_in_the_picture_of_the_house() -> None:
    """Floor by floor, in the order of the import law."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (law,) = (each for each in project["tool"]["importlinter"]["contracts"] if "layers" in each)
    floors = [re.findall(r"\w+", layer) for layer in law["layers"]]
    page = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|`]+\|((?: `\w+`,?)+) \|$", page, re.MULTILINE)
    aside = {"apps", "migrations"}  # Django's own places, on every floor and on none
    drawn = [set(re.findall(r"`(\w+)`", row)) for row in rows]
    assert drawn == [set(floor) - aside for floor in floors if set(floor) - aside]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """Sphinx looks at its own pages; the README and its neighbours are read on other sites."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What GitHub and MyST call the headings of a page."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    plain = [re.sub(r"[`*]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def test_the_picture_says_in_words_what_it_shows() -> None:
    picture = (DOCS / "_static" / "flow.svg").read_text(encoding="utf-8")
    assert 'role="img"' in picture
    assert "<title" in picture
    assert "<desc" in picture


REALM_DOCUMENTS = [
    pytest.param(page, block.text, id=f"{page.relative_to(ROOT).as_posix()}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(encoding="utf-8"), "json"))
    if '"realm":' in block.text
]


def test_there_are_realm_documents_to_import() -> None:
    assert {param.values[0] for param in REALM_DOCUMENTS} >= {README, TUTORIAL, BY_HAND}


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "text"), REALM_DOCUMENTS)
def test_a_printed_realm_document_imports(
    page: Path, text: str, tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DJANGO_CIBA = {"ISSUER": "https://op.example.com/oauth2"}
    document = tmp_path / "realm.json"
    document.write_text(text, encoding="utf-8")
    call_command("ciba_import", str(document), "--dry-run")
    assert capsys.readouterr().out.endswith("dry run: nothing was changed\n")


# --- what is promised to work --------------------------------------------------------------------

PASSWORD = "correct horse battery staple"


class Project:
    """A Django project, made by doing what a page says."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in SITE},
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        self.folder = folder
        self.run("-m", "django", "startproject", "mysite")
        self.folder = folder / "mysite"

    def write_files_of(self, page: str) -> None:
        """Add each block that has a file's name to the end of that file."""
        for block in blocks(page, "python", "json"):
            if block.file is None:
                continue
            places = [self.folder / block.file, self.folder / "mysite" / block.file]
            place = next((each for each in places if each.exists()), places[0])
            with place.open("a", encoding="utf-8") as file:
                file.write(f"\n{block.text}")

    def run(self, *arguments: str) -> str:
        """What Python prints, given these arguments; it must end well."""
        done = self._process(arguments, subprocess.PIPE)
        out, _ = done.communicate(timeout=PATIENCE)
        assert done.returncode == 0, f"{arguments}\n{out}"
        return out

    @contextmanager
    def running(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
        """A process that goes on, and the file that it prints to."""
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        with log.open("w", encoding="utf-8") as file:
            process = self._process(arguments, file)
            try:
                yield process, log
            finally:
                process.terminate()
                process.wait(PATIENCE)

    def _process(self, arguments: Sequence[str], output: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


def typed(page: str, program: str) -> list[list[str]]:
    """The words of every line that begins with that program, in a project that is there already."""
    lines = [
        shlex.split(line, comments=True)
        for block in blocks(page, "sh")
        for line in block.text.replace("\\\n", "").splitlines()
    ]
    return [line[1:] for line in lines if line[0] == program and line[1:2] != ["-m"]]


def eventually(log: Path, pattern: str, process: subprocess.Popen[str]) -> re.Match[str]:
    """What a process prints, once it has printed it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        text = log.read_text(encoding="utf-8")
        if found := re.search(pattern, text):
            return found
        assert process.poll() is None, text
        time.sleep(0.1)
    pytest.fail(f"{pattern!r} was not printed:\n{log.read_text(encoding='utf-8')}")


def the(pattern: str, text: str) -> str:
    """What the pattern's group holds; it must be there."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found, text
    return found[1]


SECRET = r"^client_secret: (\S+)$"


@pytest.mark.slow
def test_the_readme_turns_a_site_into_a_provider(tmp_path: Path) -> None:
    """Its files and commands in a new project; alice finds the question in her inbox."""
    site = f"localhost:{free_port()}"
    page = README.read_text(encoding="utf-8").replace("localhost:8000", site)
    project = Project(tmp_path)
    project.write_files_of(page)
    *commands, web, worker = typed(page, "python")
    printed = {line[1]: project.run(*quiet(line)) for line in commands}
    assert list(printed) == ["migrate", "createsuperuser", "ciba_import", "ciba_client"]
    assert "no issues" in project.run("manage.py", "check")
    shell = {"SECRET": the(SECRET, printed["ciba_client"])}
    ask, poll = map(Curl.of, typed(page, "curl"))
    with (
        project.running(*web, "--noreload") as (server, log),
        project.running(*worker) as (loop, prompts),
    ):
        eventually(log, "Quit the server", server)
        shell["AUTH_REQ_ID"] = ask.sent(shell)["auth_req_id"]
        assert poll.sent(shell)["error"] == "authorization_pending"
        eventually(prompts, "shop", loop)
        (inbox,) = re.findall(rf"`(http://{site}/\S+)`", page)
        approve_as_alice(inbox, site, question="shop")
        tokens = poll.sent(shell)
    assert tokens["scope"] == "openid"
    assert tokens["id_token"]


def quiet(line: list[str]) -> list[str]:
    """A command that asks nothing: the password of a new user comes from the environment."""
    return [*line, *(["--noinput"] if "createsuperuser" in line else [])]


@dataclass
class Lesson:
    """The tutorial's project, as it is when its first lesson comes to the relying party."""

    project: Project
    site: str
    prompts: Path
    worker: subprocess.Popen[str]
    left: list[list[str]]  # what the first lesson has still to type

    def page(self, path: Path) -> str:
        return path.read_text(encoding="utf-8").replace("localhost:8000", self.site)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lesson]:
    """Every file and command of the first lesson, on a port of its own, with both processes up."""
    site = f"localhost:{free_port()}"
    page = TUTORIAL.read_text(encoding="utf-8").replace("localhost:8000", site)
    project = Project(tmp_path_factory.mktemp("lesson"))
    project.write_files_of(page)
    commands = typed(page, "python")
    while "runserver" not in commands[0]:
        line = commands.pop(0)
        printed = project.run(*quiet(line))
        if "ciba_client" in line:
            project.environment["CLIENT_SECRET"] = the(SECRET, printed)
    web, worker, *left = commands
    assert worker == ["manage.py", "ciba_run_due", "--loop"]
    with (
        # One process: it need not notice when somebody edits a file meanwhile.
        project.running(*web, "--noreload") as (server, log),
        project.running(*worker) as (loop, prompts),
    ):
        eventually(log, "Quit the server", server)
        yield Lesson(project, site, prompts, loop, left)


@pytest.mark.slow
def test_the_tutorial_goes_from_an_empty_project_to_a_token(lesson: Lesson) -> None:
    """Alice follows the link of her prompt, logs in and approves; the script prints her claims."""
    (script, _), project = lesson.left, lesson.project
    with project.running(*script) as (party, output):
        eventually(output, "authorization_pending", party)
        link = eventually(lesson.prompts, r"Corner Shop.*£9\.50.*-> (http\S+)", lesson.worker)[1]
        approve_as_alice(link, lesson.site, question="Pay £9.50 to Corner Shop (CS-1234)")
        assert party.wait(PATIENCE) == 0, output.read_text(encoding="utf-8")
    claims, userinfo = map(ast.literal_eval, output.read_text(encoding="utf-8").splitlines()[-2:])
    assert (claims["acr"], claims["amr"]) == ("push", ["pwd"])
    assert userinfo["preferred_username"] == "alice"


@pytest.mark.slow
def test_the_tutorial_can_be_answered_without_a_browser(lesson: Lesson) -> None:
    (script, answer), project = lesson.left, lesson.project
    assert answer[1:] == ["ciba_answer", "THE_AUTH_REQ_ID", "approve"]
    with project.running(*script) as (party, output):
        auth_req_id = eventually(output, r"'auth_req_id': '([\w-]+)'", party)[1]
        said = project.run(*(word.replace("THE_AUTH_REQ_ID", auth_req_id) for word in answer))
        assert "approved; it is authorized now" in said
        assert party.wait(PATIENCE) == 0, output.read_text(encoding="utf-8")


def approve_as_alice(link: str, site: str, *, question: str) -> None:
    """What her browser does: the link, the login page, the page with the question, the button."""
    csrf = r'name="csrfmiddlewaretoken" value="([^"]+)"'
    browser = requests.Session()
    login = browser.get(link, timeout=PATIENCE)
    assert "/admin/login/" in login.url
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": the(csrf, login.text)}
    page = browser.post(login.url, form, timeout=PATIENCE)
    assert page.url == link
    assert question in page.text
    action = the(r'action="(/ciba/requests/[^"]+)"', page.text)
    verdict = {"verdict": "approved", "csrfmiddlewaretoken": the(csrf, page.text)}
    outcome = browser.post(f"http://{site}{action}", verdict, timeout=PATIENCE)
    assert outcome.status_code == 200


@pytest.mark.slow
def test_the_walk_with_curl_gets_the_answers_that_are_printed(lesson: Lesson) -> None:
    """The second lesson in the first one's project, each request as curl would send it."""
    page, project = lesson.page(BY_HAND), lesson.project
    project.write_files_of(page)
    importing, making_keys, registering, answering = typed(page, "python")
    project.run(*importing)
    project.run(*making_keys)
    shell = {"$CLIENT_SECRET": the(SECRET, project.run(*registering))}
    shell["$(python sign.py)"] = project.run("sign.py").strip()
    printed = [json.loads(each.text) for each in blocks(page, "json") if each.file is None]
    started, pending, too_soon, tokens, userinfo = printed
    ask, poll, claims = map(Curl.of, typed(page, "curl"))

    answer = ask.sent(shell)
    assert answer.keys() == started.keys()
    assert answer["expires_in"] == started["expires_in"]
    assert answer["interval"] == started["interval"]
    shell["$AUTH_REQ_ID"] = answer["auth_req_id"]
    assert poll.sent(shell) == pending
    assert poll.sent(shell) == too_soon
    project.run(*(shell.get(word, word) for word in answering))
    answer = poll.sent(shell)
    assert answer.keys() == tokens.keys()
    unlike = ("access_token", "refresh_token", "id_token")
    assert all(answer[name] == tokens[name] for name in tokens if name not in unlike)
    shell["$ACCESS_TOKEN"] = answer["access_token"]
    assert claims.sent(shell) == userinfo
    assert poll.sent(shell)["error"] == "invalid_grant"
    assert claims.sent(shell)["error"] == "invalid_token"


@dataclass(frozen=True)
class Curl:
    """A line of curl, as far as the pages use it."""

    url: str
    user: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    header: str = ""

    @classmethod
    def of(cls, words: list[str]) -> "Curl":
        *options, url = words
        pairs = list(zip(options[::2], options[1::2], strict=True))
        assert {name for name, _ in pairs} <= {"--request", "--user", "--data", "--header"}
        given = dict(pairs)
        return cls(
            url,
            tuple(given["--user"].split(":")) if "--user" in given else (),
            tuple(value for name, value in pairs if name == "--data"),
            given.get("--header", ""),
        )

    def sent(self, shell: Mapping[str, str]) -> dict[str, Any]:
        """The JSON of the answer, with the shell's variables filled in."""

        def filled(text: str) -> str:
            for name, value in shell.items():
                text = text.replace(name, value)
            return text

        headers = dict([filled(self.header).split(": ", 1)] if self.header else [])
        if not self.data:
            answer = requests.get(self.url, headers=headers, timeout=PATIENCE)
        else:
            name, secret = map(filled, self.user)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = "&".join(map(filled, self.data))
            answer = requests.post(
                self.url, body, auth=(name, secret), headers=headers, timeout=PATIENCE
            )
        found: dict[str, Any] = answer.json()
        return found
