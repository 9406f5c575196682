"""The generated pages, each a function of the declarations in the code: same code, same page.

What no declaration says stands in `docs.prose`; a name that is missing there, or that nobody
declares any more, ends the run.
"""

import argparse
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any, Final

from django.core.management import load_command_class
from django.core.management.base import BaseCommand

from django_ciba import urls
from django_ciba.authentication_device.api.authentication import DEVICE_ALGS
from django_ciba.authentication_device.api.errors import ERRORS as DEVICE_API_ERROR_CLASSES
from django_ciba.authentication_device.api.errors import NOT_TAKEN, status_of
from django_ciba.authentication_device.api.errors import STATUSES as DEVICE_API_STATUSES
from django_ciba.authentication_device.api.openapi import document
from django_ciba.authentication_device.api.signed_answer import MAX_LIFETIME, TYP
from django_ciba.checks import CHECKS, Check
from django_ciba.client_registration import metadata_of
from django_ciba.client_registration.members import COLUMNS, INFORMATIONAL, MEMBERS, one_of
from django_ciba.conf import MOST, CibaSettings, Setting
from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.journeys import FAILURE, NODES, SUCCESS, Node
from django_ciba.management import commands as command_modules
from django_ciba.models import Client
from django_ciba.protocol.errors import (
    ERRORS,
    InvalidDpopProof,
    InvalidRequest,
    ProtocolError,
    UseDpopNonce,
)
from django_ciba.realm_document.faults import MEMBERS as DOCUMENT_MEMBERS
from django_ciba.resource_server.challenges import STATUS
from docs import prose

ENDPOINTS: Final[Mapping[str, type[WireEndpoint]]] = {
    each.name: each.callback.cls for each in urls.urlpatterns
}
DATABASE_OPTION: Final = "--database default"
OBJECT: Final = object()  # a value that no check takes


# --- what several pages need ---------------------------------------------------------------------


def made_from(source: str) -> str:
    return f"<!-- Made from {source} by `make docs`. Change that, not this page. -->\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a cell's own bars are escaped."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines.extend([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(value: object) -> str:
    """A Python value as code; strings with the quotes that this project writes."""
    text = repr(value)
    if '"' not in text:
        text = text.replace("'", '"')
    return f"`{text}`"


def with_code(text: str) -> str:
    """A sentence of the code's own, with what is code in it marked as such."""
    pattern = (
        r"DJANGO_CIBA\['\w+'\](?:\[\d+\])?|\{'[^}]*\}\}?"
        r"|manage\.py \w+(?: (?:create|list|retire|rotate|secret))?(?: --?\w[\w-]*)*"
    )
    return re.sub(pattern, r"`\g<0>`", text)


def accepted(problem: Callable[[Any], str | None], nothing: str = "None") -> str:
    """What a check takes, in the words in which it refuses; the largest number is said once."""
    said = (problem(OBJECT) or "anything").removeprefix("must be ")
    said = said.replace(f" to {MOST}", " up").replace(f", at most {MOST}", "")
    return f"{said}, or `{nothing}`" if problem(None) is None and problem(OBJECT) else said


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def one_blank_line(text: str) -> str:
    """The text without the blank lines that its parts leave beside each other."""
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def whole(names: Iterable[str], written: Mapping[str, Any], what: str) -> None:
    """Prose and declarations name the same things; raises LookupError for one that differs."""
    for name in sorted({*names} ^ {*written}):
        raise LookupError(f"{what} {name} is declared or in docs/prose.py, and not in both")


# --- settings ------------------------------------------------------------------------------------

SETTINGS_TOP: Final = """\
# Settings

{made}
A site writes one dict:

```python
DJANGO_CIBA = {{
    "ISSUER": "https://op.example.com/oauth2",
    "AUTH_REQ_ID_LIFETIME": 300,
}}
```

`ISSUER` is needed; everything else has a default. Settings are read when they are used, so
Django's `override_settings` works in tests. `manage.py check` names a setting that is misspelt or
has a wrong value.

Settings marked *realm* may be overridden for one realm and those below it, under their lower-case
name, in the realm's `settings` (see [the realm document](realm-document.md) and
[realms](../how-to/realms.md)). The nearest realm that says something wins; the site's own dict
comes last.

No number may be larger than {most}.

"""


def settings_page() -> str:
    declared = list(CibaSettings.declared())
    rows = (
        (f"[{each.name}](#{anchor(each.name)})", code(each.default), "realm" if each.realm else "")
        for each in declared
    )
    parts = [SETTINGS_TOP.format(made=made_from("django_ciba/conf.py"), most=MOST)]
    parts.append(table(("setting", "default", ""), rows))
    parts.extend(setting_section(each) for each in declared)
    return "".join(parts)


def setting_section(setting: Setting[Any]) -> str:
    lines = [
        f"\n## {setting.name}\n",
        f"{setting.doc}\n",
        f"- Default: {code(setting.default)}{duration(setting)}",
        f"- Takes: {accepted(setting.problem)}",
    ]
    if setting.realm:
        lines.append(f"- In a realm: `{setting.name.lower()}`")
    if setting.security:
        lines.append(f"- **Security:** {setting.security}")
    return "\n".join(lines) + "\n"


def duration(setting: Setting[Any]) -> str:
    """Long times in a unit that is easier to read."""
    default = setting.default
    if "econds" in setting.doc.split(".")[0] and isinstance(default, int) and default >= 300:
        for seconds, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
            if default % seconds == 0:
                count = default // seconds
                return f" ({count} {unit}{'' if count == 1 else 's'})"
    return ""


# --- errors --------------------------------------------------------------------------------------

ERRORS_TOP: Final = """\
# Errors

{made}
A refusal is JSON with `error` and `error_description` (RFC 6749 §5.2). The description says what to
change, and never repeats what was sent. A client that sends `Accept: application/problem+json` gets
the same members inside an RFC 9457 problem. Refusals of an access token stand in `WWW-Authenticate`
too (RFC 6750 §3).

The status depends on the endpoint as well as on the code.

"""


def errors_page() -> str:
    whole((each.error for each in ERRORS), prose.ERROR_PROSE, "the error")
    rows = (
        (f"[{each.error}](#{anchor(each.error)})", statuses(each), said_by(each, with_status=False))
        for each in ERRORS
    )
    made = made_from("django_ciba/protocol/errors.py, the endpoints and docs/prose.py")
    parts = [ERRORS_TOP.format(made=made), table(("error", "status", "said by"), rows)]
    parts.extend(error_section(each) for each in ERRORS)
    return "".join(parts)


def error_section(error: type[ProtocolError]) -> str:
    return (
        f"\n## {error.error}\n\n{error.meaning}\n\n"
        f"- Said by: {said_by(error)}\n"
        f"- Defined by: {error.source}\n"
        f"- What to do: {prose.ERROR_PROSE[error.error].what_to_do}\n"
    )


def status(error: type[ProtocolError], where: str) -> int | None:
    """The status that an endpoint gives that error, 400 where it declares none; None for a push."""
    if where == prose.PUSHED:
        return None
    if error.error in prose.STATUS_EVERYWHERE:
        return prose.STATUS_EVERYWHERE[error.error]
    if where == prose.OWN_API:
        return STATUS[error]
    return ENDPOINTS[where].statuses.get(error, 400)


def statuses(error: type[ProtocolError]) -> str:
    found = {status(error, where) for where in prose.ERROR_PROSE[error.error].said_by}
    return ", ".join(map(str, sorted(each for each in found if each is not None))) or "-"


def said_by(error: type[ProtocolError], *, with_status: bool = True) -> str:
    named = []
    for where in prose.ERROR_PROSE[error.error].said_by:
        name = f"`{where}`" if where in ENDPOINTS else where
        code = status(error, where) if with_status else None
        named.append(f"{name} ({code})" if code is not None else name)
    return ", ".join(named)


# --- checks --------------------------------------------------------------------------------------

CHECKS_TOP: Final = """\
# Checks

{made}
`manage.py check` tells what is wrong with a site's settings, `manage.py check --deploy` also what a
production site has left open. A check that does not apply to a site is silenced by its id:

```python
SILENCED_SYSTEM_CHECKS = ["django_ciba.W023"]
```

`E` is an error, `W` a warning, `I` a remark. An id is never given to another check later.
"""
WHEN: Final = {
    (False, False): "With every check",
    (True, False): "With `--deploy`",
    (True, True): f"With `--deploy {DATABASE_OPTION}`",
}


def checks_page() -> str:
    parts = [CHECKS_TOP.format(made=made_from("django_ciba/checks"))]
    ordered = sorted(CHECKS, key=when_run)
    for when, group in groupby(ordered, key=when_run):
        parts.append(f"\n## {WHEN[when]}\n")
        parts.extend(check_section(each) for each in group)
    return "".join(parts)


def when_run(check: Check) -> tuple[bool, bool]:
    return check.deploy, check.database


def check_section(check: Check) -> str:
    return f"\n### {check.id}\n\n**{check.title}.** {with_code(check.hint)}\n"


# --- commands ------------------------------------------------------------------------------------

COMMANDS_TOP: Final = """\
# Commands

{made}
All are run as `python manage.py …`, and take Django's own options (`--settings`, `--verbosity` and
so on) as well. Exit code 0 means that it was done, 1 that it was not, 2 that the arguments are
wrong. What is for programs goes to standard output, what is for people to standard error.
"""


def command_names() -> list[str]:
    return sorted(each.name for each in pkgutil.iter_modules(command_modules.__path__))


def commands_page() -> str:
    parts = [COMMANDS_TOP.format(made=made_from("django_ciba/management/commands"))]
    for name in command_names():
        command = load_command_class("django_ciba", name)
        parts.append(f"\n## {name}\n\n{with_code(command.help)}\n\n")
        parts.extend(arguments_of(command.create_parser("manage.py", name), name))
    return one_blank_line("".join(parts))


def arguments_of(parser: argparse.ArgumentParser, called: str) -> Iterator[str]:
    """Synopsis and arguments of a command, or of each of its actions."""
    shared = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    own = [each for each in parser._actions if each.dest not in shared]
    for each in own:
        if isinstance(each, argparse._SubParsersAction):
            for name, below in each.choices.items():
                yield f"### {called} {name}\n\n"
                helped = [choice.help for choice in each._choices_actions if choice.dest == name]
                yield f"{with_code(below.description or sentence(str(helped[0])))}\n\n"
                yield from arguments_of(below, f"{called} {name}")
            return
    words = [f"manage.py {called}", *map(synopsis, sorted(own, key=is_option, reverse=True))]
    yield f"```sh\n{' '.join(words)}\n```\n\n"
    if own:
        rows = ((f"`{shown(each)}`", argument_help(each)) for each in own)
        yield table(("argument", "meaning"), rows) + "\n"


def is_option(action: argparse.Action) -> bool:
    return bool(action.option_strings)


def shown(action: argparse.Action) -> str:
    """An argument as it is typed."""
    choices = "|".join(map(str, action.choices)) if action.choices else ""
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    value = metavar or choices or action.dest.upper()
    if not is_option(action):
        return value
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"


def synopsis(action: argparse.Action) -> str:
    needed = action.required if is_option(action) else action.nargs != "?"
    return shown(action) if needed else f"[{shown(action)}]"


def argument_help(action: argparse.Action) -> str:
    text = action.help or ("what to do" if action.choices else "")
    return with_code(text)


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# --- realm document ------------------------------------------------------------------------------

REALM_DOCUMENT_TOP: Final = """\
# The realm document

{made}
`manage.py ciba_import` makes the database say what such a document says, and
`manage.py ciba_export` prints one. A file holds one document, or a list of them. Everything in it
is imported, or nothing: every fault is printed with its place.

What a document does not mention is left alone. In `settings` and in a client, `null` puts the
default back.

```json
{{
  "realm": "/alpha",
  "settings": {{"auth_req_id_lifetime": 600, "polling_interval": 2}},
  "journeys": [
    {{
      "name": "CIBA Push Journey",
      "start": "username",
      "nodes": {{
        "username": {{
          "type": "PlatformUsername",
          "outcomes": {{"found": "send", "not_found": "@failure"}}
        }},
        "send": {{
          "type": "PushSender",
          "config": {{"push_type": "default"}},
          "outcomes": {{"sent": "verify", "not_registered": "@failure"}}
        }},
        "verify": {{
          "type": "PushResultVerifier",
          "outcomes": {{
            "success": "@success",
            "failure": "@failure",
            "expired": "@failure",
            "waiting": "wait"
          }}
        }},
        "wait": {{
          "type": "PollingWait",
          "config": {{"seconds": 8}},
          "outcomes": {{"done": "verify"}}
        }}
      }}
    }}
  ],
  "acr_values": [{{"acr": "push", "journey": "CIBA Push Journey"}}],
  "default_journey": "CIBA Push Journey",
  "clients": [
    {{
      "client_id": "myCIBAClient",
      "client_secret": "at-least-32-characters-for-an-example-only",
      "client_name": "My CIBA Application",
      "token_endpoint_auth_method": "client_secret_basic",
      "scope": "openid profile",
      "jwks_uri": "https://shop.example.com/jwks.json",
      "backchannel_authentication_request_signing_alg": "ES256"
    }}
  ]
}}
```

## Members of the document

"""


CLIENT_TOP: Final = """
## Members of a client

The names are those of RFC 7591, OpenID Connect Registration and CIBA Core §4, and a few of our own.

"""


def realm_document_page() -> str:
    whole(DOCUMENT_MEMBERS, prose.DOCUMENT_MEMBERS, "the document's member")
    whole({*MEMBERS} - {*INFORMATIONAL}, prose.CLIENT_MEMBERS, "the client's member")
    made = made_from("django_ciba/realm_document, client_registration and docs/prose.py")
    members = ((f"`{name}`", prose.DOCUMENT_MEMBERS[name]) for name in DOCUMENT_MEMBERS)
    overridable = (
        (f"[{each.name.lower()}](settings.md#{anchor(each.name)})", accepted(each.problem, "null"))
        for each in CibaSettings.declared()
        if each.realm
    )
    return "".join(
        (
            REALM_DOCUMENT_TOP.format(made=made),
            table(("member", "meaning"), members),
            "\n## Settings of a realm\n\nTuples of the settings page are lists here.\n\n",
            table(("setting", "takes"), overridable),
            CLIENT_TOP,
            table(("member", "meaning", "default"), client_rows()),
            "\n## Members that are kept and shown\n\nNothing depends on these: "
            + ", ".join(f"`{name}`" for name in INFORMATIONAL)
            + ".\n",
        )
    )


def client_rows() -> Iterator[tuple[str, str, str]]:
    defaults = metadata_of(Client())
    for name in (*COLUMNS, "client_secret"):
        meaning = prose.CLIENT_MEMBERS[name]
        check = MEMBERS[name]
        if isinstance(check, partial) and check.func is one_of:
            meaning += f" One of {', '.join(f'`{each}`' for each in check.args[0])}."
        yield f"`{name}`", meaning, json_code(defaults[name]) if name in defaults else ""


def json_code(value: object) -> str:
    if value is None or isinstance(value, bool):
        return f"`{json.dumps(value)}`"
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value}`"


# --- journeys ------------------------------------------------------------------------------------

JOURNEYS_TOP: Final = """\
# Journeys

{made}
A journey is what happens between a request and its end. It is a JSON document: `start` names a
node, and `nodes` holds each node by a key of your choice.

```json
{{
  "start": "send",
  "nodes": {{
    "send": {{
      "type": "PushSender",
      "config": {{"message_timeout": 120}},
      "outcomes": {{"sent": "verify", "not_registered": "@failure"}}
    }},
    "verify": {{
      "type": "PushResultVerifier",
      "outcomes": {{
        "success": "@success",
        "failure": "@failure",
        "expired": "@failure",
        "waiting": "wait"
      }}
    }},
    "wait": {{"type": "PollingWait", "outcomes": {{"done": "verify"}}}}
  }}
}}
```

`outcomes` wires each outcome to the key of another node, or to an end: `{success}` or `{failure}`.
`config` sets options; what it leaves out has its default.

A journey is saved only if it can be walked: known types, options that fit, every outcome wired,
every node reached from `start`, and a way from each node to an end. A request keeps the version
that it started with. `{success}` gives tokens only if the user has approved; a journey cannot
approve in the user's place. An answer goes on with the journey at once; a timer does when a worker
next looks.

[Build a journey](../how-to/build-a-journey.md) has journeys to start from. A site adds node types
of its own by [JOURNEY_NODES](settings.md#journey_nodes):
[Write a node](../how-to/write-a-node.md).
"""


def journeys_page() -> str:
    top = JOURNEYS_TOP.format(
        made=made_from("django_ciba/journeys/nodes"), success=SUCCESS, failure=FAILURE
    )
    return top + "".join(node_section(each) for each in NODES.values())


def node_section(node: Node[Any]) -> str:
    outcomes = [f"`{name}`" for name in node.outcomes]
    outcomes += [f"`{name}` (may be left out)" for name in node.optional_outcomes]
    module = inspect.getdoc(inspect.getmodule(type(node))) or ""
    purpose = module.partition(": ")[2]
    parts = [
        f"\n## {node.type}\n\n**{node.label}**: {purpose}\n\n{inspect.getdoc(type(node))}\n\n",
        f"Outcomes: {', '.join(outcomes)}.\n",
    ]
    if node.options:
        rows = (
            (
                f"`{name}`",
                "must be set" if option.required else json_code(option.default),
                option.doc,
                accepted(option.problem, "null"),
            )
            for name, option in node.options.items()
        )
        parts.append("\n" + table(("option", "default", "meaning", "takes"), rows))
    return "".join(parts)


# --- the device's API ----------------------------------------------------------------------------

DEVICE_API_TOP: Final = """\
# The device's API

{made}
For a site's own mobile app; [how to](../how-to/own-mobile-app.md) mount it and write the app.
Addresses are below the mount, which is `/ciba/api/` as a rule. With the extra `[openapi]`,
`GET schema` gives the same in OpenAPI.

Every call carries a header `DPoP`: a proof (RFC 9449 §4.2) of type `dpop+jwt`, signed by the
device's key with {algs}, with `htm`, `htu`, `iat` and a `jti` of its own. The device is found by
the key's thumbprint (RFC 7638). There are no tokens and no cookies. Where the site sets
[DPOP_NONCE_REQUIRED](settings.md#dpop_nonce_required), the proof also carries the `nonce` of the
last `DPoP-Nonce` header.

Bodies are JSON objects (`application/json`), read strictly: a member named twice, or more than
[MAX_BODY_BYTES](settings.md#max_body_bytes), is refused. Members that are not named here are passed
over. All answers are JSON. Times are RFC 3339, in UTC.

## Calls

"""
SIGNED_ANSWER: Final = """
## The signed answer

A JWS in the compact form, signed by the enrolled key. Its header has `typ` `{typ}` and `alg`,
{algs}; other members, a `jwk` too, are not looked at. All claims are compared, and each that
differs is refused with a sentence of its own.

"""
ANSWER_CLAIMS: Final = (
    ("iss", "`id` of the device"),
    ("aud", "`audience` of the device, and nothing else"),
    ("iat", "when it was signed: now"),
    ("exp", "at most {lifetime} seconds later"),
    ("jti", "a name of its own; taken once"),
    ("request", "`id` of the request"),
    ("prompt", "`prompt` of the request"),
    ("client", "`client.id` of the request"),
    ("binding_message", "`binding_message` of the request, an empty string if it has none"),
    ("verdict", "`approved` or `denied`"),
    ("number", "as a string, where the request demands one and the verdict is `approved`"),
    ("passcode", "the same"),
    ("amr", "how the user was verified (RFC 8176), a list; only what the site believes counts"),
)
DEVICE_API_ERRORS: Final = """
## Errors

`error` and `error_description`, as [everywhere](errors.md). A 401 has `WWW-Authenticate: DPoP`.
Besides `server_error` and `temporarily_unavailable`:

"""


def device_api_page() -> str:
    found = document("https://op.example.com/ciba/api")
    algs = " or ".join(f"`{each}`" for each in DEVICE_ALGS)
    operations = [
        (method.upper(), path.removeprefix("/"), operation)
        for path, each in found["paths"].items()
        for method, operation in each.items()
    ]
    rows = (
        (f"`{method} {path}`", operation["summary"], ", ".join(operation["responses"]))
        for method, path, operation in operations
    )
    parts = [
        DEVICE_API_TOP.format(made=made_from("django_ciba/authentication_device/api"), algs=algs),
        table(("call", "what", "statuses"), rows),
    ]
    parts.extend(call_section(*each) for each in operations)
    parts.append("\n## Shapes\n")
    parts.extend(
        shape_section(name, shape)
        for name, shape in found["components"]["schemas"].items()
        if name != "Error"
    )
    claims = ((f"`{name}`", text.format(lifetime=MAX_LIFETIME)) for name, text in ANSWER_CLAIMS)
    parts += [SIGNED_ANSWER.format(typ=TYP, algs=algs), table(("claim", "value"), claims)]
    parts += [DEVICE_API_ERRORS, table(("error", "status", "meaning"), device_api_errors())]
    return one_blank_line("".join(parts))


def call_section(method: str, path: str, operation: Mapping[str, Any]) -> str:
    said = f"{operation['summary']}. {operation.get('description', '')}".rstrip()
    lines = [f"\n### {method} {path}\n", f"{said}\n"]
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
    lines.append(f"- Takes: {shape_link(sent['schema']) if sent else 'nothing'}")
    for code_, answer in operation["responses"].items():
        if code_.startswith("2"):
            content = answer.get("content", {}).get("application/json")
            lines.append(f"- {code_}: {shape_link(content['schema']) if content else 'nothing'}")
    return "\n".join(lines) + "\n"


def shape_section(name: str, shape: Mapping[str, Any]) -> str:
    needed = shape.get("required", [])
    rows = (
        (
            f"`{member}`{'' if member in needed else ' (may be left out)'}",
            shape_link(each),
            each.get("description", ""),
        )
        for member, each in shape["properties"].items()
    )
    return f"\n### {name}\n\n" + table(("member", "type", "meaning"), rows)


def shape_link(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    if choices := schema.get("enum"):
        return ", ".join("null" if each is None else f"`{each}`" for each in choices)
    for joined in ("allOf", "oneOf", "anyOf"):
        if joined in schema:
            return " or ".join(shape_link(each) for each in schema[joined])
    kinds = schema.get("type", "any")
    if kinds == "array":
        return f"list of {shape_link(schema['items'])}"
    words = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    return f"{words} ({schema['format']})" if "format" in schema else words


def device_api_errors() -> Iterator[tuple[str, str, str]]:
    for error in (InvalidRequest, InvalidDpopProof, UseDpopNonce, *DEVICE_API_ERROR_CLASSES):
        yield f"`{error.error}`", str(DEVICE_API_STATUSES.get(error, 400)), error.meaning
    for reason, description in NOT_TAKEN.items():
        if reason not in {each.error for each in DEVICE_API_ERROR_CLASSES}:
            yield (
                f"`{reason}`",
                str(status_of(reason)),
                sentence(description),
            )


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "reference/settings.md": settings_page,
    "reference/errors.md": errors_page,
    "reference/checks.md": checks_page,
    "reference/commands.md": commands_page,
    "reference/realm-document.md": realm_document_page,
    "reference/journeys.md": journeys_page,
    "reference/device-api.md": device_api_page,
}
