"""The dry run of a journey: what would happen to a request, tried without asking anybody."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.safestring import SafeString

from django_ciba.admin.demand import demand_in_words
from django_ciba.admin.picture import framed
from django_ciba.journeys import DryRun, NotWalkable, dry_run, picture
from django_ciba.journeys.dry_run import EVENTS, Event
from django_ciba.models import Client, Journey

logger = logging.getLogger("django_ciba.admin")

MOST_EVENTS = 50
ENDED = {
    "authorized": "Approved: the client gets its tokens.",
    "denied": "Denied by the user.",
    "failed": "Failed.",
    "expired": "Expired: the life of the request ran out.",
    "pending": "Not ended: the script was over before the journey.",
}


class DryRunForm(forms.Form):
    """Whose request is tried, and what happens to it."""

    client = forms.ModelChoiceField(Client.objects.none(), help_text="Who would ask.")
    user = forms.CharField(
        max_length=254, help_text="Whom, by the name to sign in with. They are not told."
    )
    scope = forms.CharField(initial="openid", max_length=1000, help_text="What it would ask for.")
    events = forms.CharField(
        initial="approve",
        max_length=1000,
        required=False,
        help_text="What happens then, one after the other: approve; deny; wrong (a number, "
        "passcode or link that is not the right one); wait (until the next timer); or how many "
        "seconds pass. For example: 20 wrong approve",
    )

    def __init__(self, journey: Journey, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        clients: Any = self.fields["client"]
        clients.queryset = journey.realm.clients.order_by("client_id")

    def clean_user(self) -> Any:
        users: Any = get_user_model()._default_manager
        try:
            return users.get_by_natural_key(self.cleaned_data["user"])
        except get_user_model().DoesNotExist:
            raise ValidationError("There is no user of that name.") from None

    def clean_events(self) -> list[Event]:
        words = self.cleaned_data["events"].replace(",", " ").split()
        if len(words) > MOST_EVENTS:
            raise ValidationError(f"At most {MOST_EVENTS} events can be tried.")
        return [_event(each) for each in words]


def _event(word: str) -> Event:
    for event in EVENTS:
        if word == event:
            return event
    if word.isascii() and word.isdigit() and 0 < int(word) <= 86400:
        return int(word)
    raise ValidationError(
        f"An event is {', '.join(EVENTS)}, or a number of seconds from 1 to 86400."
    )


def tried(journey: Journey, form: DryRunForm) -> dict[str, Any]:
    """What a page tells of the dry run that a valid form asks for; what prevents it, in the form.

    It is the saved document that is walked.
    """
    chosen, now = form.cleaned_data, timezone.now()
    document = journey.document
    try:
        run = dry_run(
            document,
            chosen["client"],
            chosen["user"],
            answers=chosen["events"],
            now=now,
            scope=chosen["scope"],
        )
    except NotWalkable as fault:
        form.add_error(None, [f"{path}: {problem}" for path, problem in fault.problems])
        return {}
    except Exception as fault:
        logger.exception("dry run of journey %s", journey.pk)
        form.add_error(None, f"A node has raised {type(fault).__name__}: the log tells more.")
        return {}
    return _told(run, document, now)


def _told(run: DryRun, document: Mapping[str, Any], begun: datetime) -> dict[str, Any]:
    return {
        "ended": ENDED.get(run.ended, run.ended),
        "ended_after": _after(run.ended_at, begun),
        "waits_at": run.waits_at,
        "until": _after(run.due_at, begun),
        "client_is_told": run.client_is_told,
        "steps": [
            (number, _after(each.at, begun), each.node, each.type, each.outcome)
            for number, each in enumerate(run.steps, 1)
        ],
        "sent": [
            (
                _after(each.at, begun),
                each.node,
                ", ".join((*(["inbox"] if each.inbox else []), *each.channels)) or "-",
                ", ".join(each.carries) or "-",
                demand_in_words(each.demand) if each.inbox or each.demand else "-",
            )
            for each in run.sent
        ],
        "happened": [
            (_after(each.at, begun), each.event, each.refused.replace("_", " ") or "-")
            for each in run.happened
        ],
        "drawn": _drawn(run, document),
    }


def _drawn(run: DryRun, document: Mapping[str, Any]) -> SafeString:
    title = "The path of the dry run"
    walk = [{"node": each.node, "outcome": each.outcome} for each in run.steps]
    return framed(picture(document, title=title, name="tried", walk=walk, node=run.waits_at), title)


def _after(moment: datetime | None, begun: datetime) -> str:
    """Seconds after the beginning: the clock of a dry run is its own."""
    return f"{(moment - begun).total_seconds():g} s" if moment is not None else ""
