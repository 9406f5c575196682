"""The realm document: a realm's settings, journeys, acr mapping and clients as JSON (design §9).

One document, or a list of them, each for another realm. What a document does not mention is left
alone: other realms, journeys, mappings and clients, and members that it leaves out.
"""

from .changes import Change
from .exporting import export
from .faults import document_problems
from .importing import apply
from .reading import InvalidDocument, read, repeated_members

__all__ = [
    "Change",
    "InvalidDocument",
    "apply",
    "document_problems",
    "export",
    "read",
    "repeated_members",
]
