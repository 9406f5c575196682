"""Where the vertices of a graph stand when it is drawn from top to bottom, in layers.

After Sugiyama: layers by the longest way from the start, an order in each layer with few crossings,
and places that are as straight above each other as widths allow. Plain geometry: it knows nothing
of journeys.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 8  # more orders than this are hardly ever better
STRAIGHTENINGS = 12
STRAIGHT = 4.0  # how much more a line is worth straight than a vertex in the middle


class Bend(NamedTuple):
    """Where lines to one target, from one side, pass a layer."""

    target: str
    up: bool
    layer: int


Vertex = str | Bend
Way = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Layers:
    """`rows` from the top, each from the left; `ways` are vertices from source to target."""

    rows: list[list[Vertex]]
    ways: dict[Way, list[Vertex]]
    layer: dict[str, int]

    def goes_up(self, source: str, target: str) -> bool:
        return self.layer[target] < self.layer[source]


def layers(start: str, targets: Mapping[str, Sequence[str]]) -> Layers:
    """Layers of what `targets` wires, the start on top. A line from a vertex to itself has no way.

    Lines that would close a circle go up, all others go down.
    """
    back, order = _closing(start, targets)
    layer = dict.fromkeys(order, 0)
    for source in order:
        for target in targets[source]:
            if (source, target) not in back:
                layer[target] = max(layer[target], layer[source] + 1)
    ways = {
        (source, target): _way(source, target, layer)
        for source in order
        for target in targets[source]
        if source != target
    }
    rows: list[list[Vertex]] = [[] for _ in range(max(layer.values()) + 1)]
    placed: set[Vertex] = set()
    for vertex in order:
        for each in (
            vertex,
            *(bend for to in targets[vertex] for bend in ways.get((vertex, to), ())),
        ):
            if each not in placed:
                placed.add(each)
                rows[each.layer if isinstance(each, Bend) else layer[each]].append(each)
    return Layers(_uncrossed(rows, _links(ways.values())), ways, layer)


def _closing(start: str, targets: Mapping[str, Sequence[str]]) -> tuple[set[Way], list[str]]:
    """The lines that lead back to where a walk in depth came from, and an order without them."""
    back: set[Way] = set()
    finished: list[str] = []
    open_: dict[str, None] = {}
    seen: set[str] = set()
    for root in (start, *targets):
        stack = [(root, reversed(targets[root]))] if root not in seen else []
        while stack:
            source, ahead = stack[-1]
            seen.add(source)
            open_[source] = None
            target = next(ahead, None)
            if target is None:
                stack.pop()
                del open_[source]
                finished.append(source)
            elif target in open_:
                back.add((source, target))
            elif target not in seen:
                stack.append((target, reversed(targets[target])))
    return back, finished[::-1]


def _way(source: str, target: str, layer: Mapping[str, int]) -> list[Vertex]:
    up = layer[target] < layer[source]
    between = (
        range(layer[source] - 1, layer[target], -1)
        if up
        else range(layer[source] + 1, layer[target])
    )
    return [source, *(Bend(target, up, each) for each in between), target]


def _links(ways: Iterable[list[Vertex]]) -> dict[Vertex, set[Vertex]]:
    """Each vertex to those that a line joins it with."""
    links: dict[Vertex, set[Vertex]] = {}
    for way in ways:
        for one, other in pairwise(way):
            links.setdefault(one, set()).add(other)
            links.setdefault(other, set()).add(one)
    return links


# --- the order in each layer ----------------------------------------------------------------------


def _uncrossed(rows: list[list[Vertex]], links: Mapping[Vertex, set[Vertex]]) -> list[list[Vertex]]:
    """The order with the fewest crossings that a few sweeps down and up come upon."""
    best, fewest = rows, _crossings(rows, links)
    current = [list(row) for row in rows]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        numbers = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for number in numbers:
            beside = current[number - 1 if down else number + 1]
            current[number] = _sorted_by_neighbours(current[number], beside, links)
        crossings = _crossings(current, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in current], crossings
    return best


def _sorted_by_neighbours(
    row: list[Vertex], beside: list[Vertex], links: Mapping[Vertex, set[Vertex]]
) -> list[Vertex]:
    place = {vertex: number for number, vertex in enumerate(beside)}

    def middle(numbered: tuple[int, Vertex]) -> float:
        number, vertex = numbered
        found = [place[each] for each in links.get(vertex, ()) if each in place]
        return sum(found) / len(found) if found else float(number)

    return [vertex for _, vertex in sorted(enumerate(row), key=middle)]


def _crossings(rows: list[list[Vertex]], links: Mapping[Vertex, set[Vertex]]) -> int:
    found = 0
    for upper, lower in pairwise(rows):
        place = {vertex: number for number, vertex in enumerate(lower)}
        ended: list[int] = []
        for vertex in upper:
            ends = [place[each] for each in links.get(vertex, ()) if each in place]
            found += sum(len(ended) - bisect_right(ended, end) for end in ends)
            for end in ends:
                insort(ended, end)
    return found


# --- places ---------------------------------------------------------------------------------------


def places(
    found: Layers, left: Mapping[Vertex, float], right: Mapping[Vertex, float]
) -> dict[Vertex, float]:
    """From the left, where each vertex stands: as straight as possible, and none over another.

    `left` and `right` say how much room a vertex needs on each side of its place.
    """
    links = _links(found.ways.values())
    x = {vertex: 0.0 for row in found.rows for vertex in row}
    for row in found.rows:
        at = 0.0
        for vertex in row:
            x[vertex] = at + left[vertex]
            at = x[vertex] + right[vertex]
    for turn in range(STRAIGHTENINGS):
        down = turn % 2 == 0
        numbered = list(enumerate(found.rows))
        for number, row in numbered if down else reversed(numbered):
            near = number - 1 if down else number + 1
            beside = set(found.rows[near]) if 0 <= near < len(found.rows) else set()
            wished = []
            for vertex in row:
                over = [x[each] for each in links.get(vertex, ()) if each in beside]
                wished.append(sum(over) / len(over) if over else x[vertex])
            weights = [STRAIGHT if isinstance(each, Bend) else 1.0 for each in row]
            gaps = [right[one] + left[other] for one, other in pairwise(row)]
            x.update(zip(row, _apart(wished, weights, gaps), strict=True))
    edge = min(x[vertex] - left[vertex] for vertex in x)
    return {vertex: at - edge for vertex, at in x.items()}


def _apart(wished: list[float], weights: list[float], gaps: list[float]) -> list[float]:
    """The places nearest to those wished that keep their order and the gaps between them.

    Neighbours that want the same room are pooled, and stand together where the pool wants to be.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # the pool's place, weight and size
    for wish, wanted, offset in zip(wished, weights, offsets, strict=True):
        at, weight, size = wish - offset, wanted, 1
        while pools and pools[-1][0] > at:
            other, heavy, more = pools.pop()
            at = (at * weight + other * heavy) / (weight + heavy)
            weight, size = weight + heavy, size + more
        pools.append((at, weight, size))
    flat = [at for at, _, size in pools for _ in range(size)]
    return [at + offset for at, offset in zip(flat, offsets, strict=True)]
