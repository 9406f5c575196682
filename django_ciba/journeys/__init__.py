"""Journeys: the graph of nodes that a request walks through, as PingAM draws them (design §7)."""

from django_ciba.journeys.answer import NotAnswerable, answer
from django_ciba.journeys.demand import VOUCHED, Demand, Evidence, demand_of
from django_ciba.journeys.document import FAILURE, SUCCESS, document_problems, shows_a_number
from django_ciba.journeys.engine import Progress, walk
from django_ciba.journeys.muting import mute, unmute
from django_ciba.journeys.node import Message, Node, Option, Step, Wait
from django_ciba.journeys.number_matching import choices, new_number
from django_ciba.journeys.progress import cancel, walk_due
from django_ciba.journeys.registry import NODES, node
from django_ciba.journeys.report import report

__all__ = [
    "FAILURE",
    "NODES",
    "SUCCESS",
    "VOUCHED",
    "Demand",
    "Evidence",
    "Message",
    "Node",
    "NotAnswerable",
    "Option",
    "Progress",
    "Step",
    "Wait",
    "answer",
    "cancel",
    "choices",
    "demand_of",
    "document_problems",
    "mute",
    "new_number",
    "node",
    "report",
    "shows_a_number",
    "unmute",
    "walk",
    "walk_due",
]
