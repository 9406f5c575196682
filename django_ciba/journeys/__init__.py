"""Journeys: the graph of nodes that a request walks through, as PingAM draws them (design §7)."""

from django_ciba.journeys.answer import NotAnswerable, answer
from django_ciba.journeys.document import FAILURE, SUCCESS, document_problems
from django_ciba.journeys.engine import Progress, walk
from django_ciba.journeys.node import Node, Option, Step, Wait
from django_ciba.journeys.progress import cancel, walk_due
from django_ciba.journeys.registry import NODES, node

__all__ = [
    "FAILURE",
    "NODES",
    "SUCCESS",
    "Node",
    "NotAnswerable",
    "Option",
    "Progress",
    "Step",
    "Wait",
    "answer",
    "cancel",
    "document_problems",
    "node",
    "walk",
    "walk_due",
]
