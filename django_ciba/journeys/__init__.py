"""Journeys: the graph of nodes that a request walks through, as PingAM draws them (design §7)."""

from django_ciba.journeys.answer import VERDICTS, NotAnswerable, answer
from django_ciba.journeys.config import Option, Positive, option, required
from django_ciba.journeys.demand import VOUCHED, Demand, Evidence, demand_of
from django_ciba.journeys.document import (
    FAILURE,
    SUCCESS,
    document_problems,
    shows_a_number,
    takes_two_steps,
)
from django_ciba.journeys.dry_run import DryRun, NotWalkable, dry_run
from django_ciba.journeys.engine import Progress, walk
from django_ciba.journeys.muting import mute, unmute
from django_ciba.journeys.node import Message, Node, Step, Wait
from django_ciba.journeys.number_matching import choices, new_number
from django_ciba.journeys.passcode import (
    PasscodeRefused,
    enter_passcode,
    passcode_has_gone_out,
)
from django_ciba.journeys.picture import picture
from django_ciba.journeys.progress import cancel, walk_due
from django_ciba.journeys.question import passcode_methods, question_goes_by
from django_ciba.journeys.registry import NODES, node
from django_ciba.journeys.report import report
from django_ciba.journeys.templates import TEMPLATES, Template

__all__ = [
    "FAILURE",
    "NODES",
    "SUCCESS",
    "TEMPLATES",
    "VERDICTS",
    "VOUCHED",
    "Demand",
    "DryRun",
    "Evidence",
    "Message",
    "Node",
    "NotAnswerable",
    "NotWalkable",
    "Option",
    "PasscodeRefused",
    "Positive",
    "Progress",
    "Step",
    "Template",
    "Wait",
    "answer",
    "cancel",
    "choices",
    "demand_of",
    "document_problems",
    "dry_run",
    "enter_passcode",
    "mute",
    "new_number",
    "node",
    "option",
    "passcode_has_gone_out",
    "passcode_methods",
    "picture",
    "question_goes_by",
    "report",
    "required",
    "shows_a_number",
    "takes_two_steps",
    "unmute",
    "walk",
    "walk_due",
]
