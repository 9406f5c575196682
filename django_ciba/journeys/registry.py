"""Node types by name: ours, and the site's own named in JOURNEY_NODES."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from django_ciba.conf import ciba_settings
from django_ciba.journeys.node import Node
from django_ciba.journeys.nodes import OWN_NODES


@lru_cache(maxsize=4)
def _table(paths: tuple[str, ...]) -> dict[str, Node[Any]]:
    table = {each.type: each() for each in OWN_NODES}
    for path in paths:
        found = import_string(path)
        if not (isinstance(found, type) and issubclass(found, Node)):
            raise TypeError(f"{path} is not a subclass of django_ciba.journeys.Node")
        if found.type in table:
            raise TypeError(f"{path}: there is a node type {found.type} already")
        table[found.type] = found()
    return table


class _Nodes(Mapping[str, Node[Any]]):
    """Type name to node; reads JOURNEY_NODES when asked."""

    def _now(self) -> dict[str, Node[Any]]:
        return _table(tuple(ciba_settings.JOURNEY_NODES))

    def __getitem__(self, name: str) -> Node[Any]:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


NODES: Mapping[str, Node[Any]] = _Nodes()


def node(name: str) -> Node[Any]:
    """The node of that type name; KeyError when there is none."""
    return NODES[name]
