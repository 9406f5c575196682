"""A journey drawn as a picture: an SVG that needs neither script nor style.

From top to bottom: nodes are rounded boxes, outcomes are arrows with their name where they begin,
and those that close a loop go up again. Ends stand beside the node that they end: success is round,
failure is cut at its corners. Everything is in the colour of the text around it, so that it can be
read on light and on dark; classes (`ciba-picture…`) are there for a page that wants more colour.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_ciba.journeys.document import ENDS, FAILURE, SUCCESS
from django_ciba.journeys.layered import Bend, Layers, Vertex, layers, places
from django_ciba.journeys.registry import NODES

MOST_LETTERS: Final = 28
TEXT: Final = 12  # letters of outcomes and labels
LINE: Final = 16  # of text, from one to the next
BOX: Final = 40  # the least half width of a node
PORT: Final = 26  # room of a line where it arrives
ROOM: Final = 16  # between things in one layer
TURN: Final = 46  # between layers, for lines to go sideways
HEAD: Final = 7  # of an arrow
END_WIDTH, END_HEIGHT = 84, 26
MARGIN: Final = 8
WIDE: Final = 600  # more than this cannot be read when it is shrunk to a phone's width


@dataclass(slots=True)
class _Arrow:
    """From one node to one target: a name for each outcome that leads there."""

    source: str
    target: str
    outcomes: list[str]
    steps: dict[str, list[int]] = field(default_factory=dict)

    @property
    def walked(self) -> bool:
        return bool(self.steps)

    @property
    def lines(self) -> list[str]:
        return [_name_and_steps(each, self.steps.get(each, [])) for each in self.outcomes]

    @property
    def width(self) -> float:
        return max(_width(each, TEXT, bold=self.walked) for each in self.lines) + 14

    @property
    def height(self) -> float:
        return LINE * len(self.outcomes)


@dataclass(slots=True)
class _Box:
    """A node: its three lines of text, and how much room it takes."""

    key: str
    label: str
    type: str
    arrows: list[_Arrow]
    badge: str = ""
    walked: bool = False
    half: float = 0.0
    height: float = 0.0

    @property
    def ends(self) -> list[_Arrow]:
        return [each for each in self.arrows if each.target in ENDS]

    @property
    def onward(self) -> list[_Arrow]:
        return [each for each in self.arrows if each.target not in ENDS]

    @property
    def beside(self) -> float:
        """The room that its ends take on its right."""
        return max((each.width + HEAD + END_WIDTH for each in self.ends), default=0.0)

    @property
    def loop(self) -> float:
        """The room that an arrow to itself takes on its left."""
        return sum(each.width + 22 for each in self.arrows if each.target == self.key)


def picture(
    document: Mapping[str, Any],
    *,
    title: str,
    name: str,
    walk: Sequence[Mapping[str, Any]] = (),
    node: str = "",
    over: bool = False,
) -> SafeString:
    """An SVG of a journey's document, which has been found valid when it was saved.

    `title` is what it is called; `name` is an id that nothing else on its page begins with. `walk`
    and `node` are those of a request: arrows that it went along are thick and numbered, and the
    node where it waits is marked; `over` says that it waits no more. A document that is no journey
    makes a picture that says so.
    """
    boxes = _boxes(document, walk)
    if not boxes:
        return format_html('<p class="ciba-picture__none">{}</p>', "There is nothing to draw.")
    if node in boxes:
        boxes[node].badge = "it waited here" if over else "waits here"
        boxes[node].walked = True
    start = document.get("start")
    first = start if isinstance(start, str) and start in boxes else next(iter(boxes))
    return _Drawing(boxes, first).svg(title, name, _in_words(boxes, first, walk, node, over))


# --- what there is to draw ------------------------------------------------------------------------


def _boxes(document: object, walk: Sequence[Mapping[str, Any]]) -> dict[str, _Box]:
    nodes = document.get("nodes") if isinstance(document, Mapping) else None
    if not isinstance(nodes, Mapping):
        return {}
    boxes: dict[str, _Box] = {}
    for key, value in nodes.items():
        placed = value if isinstance(value, Mapping) else {}
        type_name = str(placed.get("type", ""))
        kind = NODES.get(type_name)
        label = str(kind.label) if kind is not None else "not known here"
        boxes[key] = _Box(key, label, type_name, [])
        wired = placed.get("outcomes")
        for outcome, target in (wired if isinstance(wired, Mapping) else {}).items():
            if isinstance(target, str) and target in (*ENDS, *nodes):
                _wire(boxes[key], str(outcome), target)
    for number, step in enumerate(walk, 1):
        box = boxes.get(str(step.get("node", "")))
        if box is not None:
            outcome = str(step.get("outcome", ""))
            box.walked = True
            arrow = next((each for each in box.arrows if outcome in each.outcomes), None)
            # The engine ends a request as failed by an outcome that is not wired.
            arrow = arrow or _wire(box, outcome, FAILURE)
            arrow.steps.setdefault(outcome, []).append(number)
    return boxes


def _wire(box: _Box, outcome: str, target: str) -> _Arrow:
    arrow = next((each for each in box.arrows if each.target == target), None)
    if arrow is None:
        arrow = _Arrow(box.key, target, [])
        box.arrows.append(arrow)
    arrow.outcomes.append(outcome)
    return arrow


def _in_words(
    boxes: Mapping[str, _Box],
    first: str,
    walk: Sequence[Mapping[str, Any]],
    node: str,
    over: bool,
) -> str:
    """The same for those who do not see the picture."""
    said = [f"It starts at {first}."]
    for box in boxes.values():
        ways = [
            f"{outcome} to {arrow.target}" for arrow in box.arrows for outcome in arrow.outcomes
        ]
        said.append(f"{box.key} ({box.label}): {', '.join(ways)}.")
    if walk:
        steps = [f"{each.get('node')}, {each.get('outcome')}" for each in walk]
        said.append(f"A request walked {'; '.join(steps)}.")
    if node in boxes:
        said.append(f"It {'waited' if over else 'waits'} at {node}.")
    return " ".join(said)


def _name_and_steps(outcome: str, steps: Sequence[int]) -> str:
    """An outcome, and at which steps it was taken: "done #4, #6 … #16"."""
    numbers = [f"#{each}" for each in steps]
    if len(numbers) > 3:
        numbers = [f"{numbers[0]}, {numbers[1]} \N{HORIZONTAL ELLIPSIS} {numbers[-1]}"]
    return f"{_cut(outcome)} {', '.join(numbers)}".strip()


def _cut(text: str) -> str:
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[: MOST_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


def _width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is; rather too wide than too narrow."""
    letters = sum(1.05 if unicodedata.east_asian_width(each) in "WF" else 0.58 for each in text)
    return letters * size * (1.08 if bold else 1.0)


# --- the drawing ----------------------------------------------------------------------------------


class _Port(NamedTuple):
    """Where a line touches a box: what is next to it on the line, and whose line it is."""

    beside: Vertex
    arrives: bool
    target: str


class _Drawing:
    """The journey's boxes and lines, measured and put in their places."""

    def __init__(self, boxes: dict[str, _Box], first: str) -> None:
        self.boxes, self.first = boxes, first
        targets = {key: [each.target for each in box.onward] for key, box in boxes.items()}
        self.layers: Layers = layers(first, targets)
        self.arrows = {
            (each.source, each.target): each for box in boxes.values() for each in box.onward
        }
        self._sides = self._lines_by_side()
        self._measure()
        self._place()
        self.ports = self._ports()
        self._stack()

    # --- how large ---

    def _measure(self) -> None:
        for key, box in self.boxes.items():
            widest = 28 + max(
                _width(_cut(key), 14, bold=True),
                _width(_cut(box.label), TEXT),
                _width(_cut(box.type), 11),
                _width(box.badge, TEXT, bold=True) + 16,
            )
            sides = (self._room(key, on_top=True), self._room(key, on_top=False))
            box.half = max(2 * BOX, widest, *sides) / 2
            rows = sum(max(each.height + 10, END_HEIGHT + 6) for each in box.ends)
            box.height = max(66.0 + (LINE + 4 if box.badge else 0), rows + 8)

    def _room(self, key: str, *, on_top: bool) -> float:
        """What the lines on one side of a box need; a line alone is in the middle."""
        widths = list(self._side(key, on_top=on_top).values())
        return 2 * widths[0] + 8 if len(widths) == 1 else sum(widths) + 12

    def _side(self, key: str, *, on_top: bool) -> dict[_Port, float]:
        """The lines on one side of a box, and the room of each."""
        return self._sides.get((key, on_top), {})

    def _place(self) -> None:
        left: dict[Vertex, float] = {}
        right: dict[Vertex, float] = {}
        for vertex in (each for row in self.layers.rows for each in row):
            if isinstance(vertex, Bend):
                left[vertex] = right[vertex] = ROOM / 2 + 2
            else:
                box = self.boxes[vertex]
                left[vertex] = box.half + box.loop + ROOM / 2
                right[vertex] = box.half + box.beside + ROOM / 2
        self.x = places(self.layers, left, right)
        self.width = max(self.x[each] + right[each] for each in self.x) + 2 * MARGIN
        self.x = {vertex: at + MARGIN for vertex, at in self.x.items()}

    def _stack(self) -> None:
        """Tops and bottoms of the layers; the names of outcomes stand between them."""
        count = len(self.layers.rows)
        self.under, self.over = [HEAD + 6.0] * count, [HEAD + 6.0] * count
        turn = [0.0] * count
        for (source, target), way in self.layers.ways.items():
            number, height = self.layers.layer[source], self.arrows[source, target].height + 6
            up = self._up(source, target)
            beside = self.over if up else self.under
            beside[number] = max(beside[number], height)
            xs = [self._x_on(way, number) for number in range(len(way))]
            for step, (one, other) in enumerate(pairwise(xs)):
                gap = number - step - 1 if up else number + step
                if abs(one - other) > 1:
                    turn[gap] = max(turn[gap], min(TURN, 10 + abs(one - other) / 2))
        self.over[0] = max(self.over[0], 34.0)
        self.top: list[float] = []
        self.bottom: list[float] = []
        at = float(MARGIN)
        for number, row in enumerate(self.layers.rows):
            heights = [self.boxes[each].height for each in row if not isinstance(each, Bend)]
            at += self.over[number]
            self.top.append(at)
            at += max(heights, default=0.0)
            self.bottom.append(at)
            at += self.under[number] + turn[number]
        self.height = self.bottom[-1] + MARGIN

    def _up(self, source: str, target: str) -> bool:
        return self.layers.goes_up(source, target)

    def _edges(self, key: str) -> tuple[float, float]:
        """Top and bottom of a node's box, which stands in the middle of its layer."""
        number = self.layers.layer[key]
        middle = (self.top[number] + self.bottom[number]) / 2
        half = self.boxes[key].height / 2
        return middle - half, middle + half

    # --- lines ---

    def _lines_by_side(self) -> dict[tuple[str, bool], dict[_Port, float]]:
        """By box, and whether on its top: what leaves and arrives there, and the room of each."""
        sides: dict[tuple[str, bool], dict[_Port, float]] = {}
        for (source, target), way in self.layers.ways.items():
            up = self._up(source, target)
            leaves, arrives = _Port(way[1], False, target), _Port(way[-2], True, target)
            sides.setdefault((source, up), {})[leaves] = self.arrows[source, target].width
            sides.setdefault((target, not up), {})[arrives] = PORT
        return sides

    def _ports(self) -> dict[tuple[str, _Port], float]:
        """Where each line leaves or reaches a box: in the order of where it comes from or goes."""
        ports: dict[tuple[str, _Port], float] = {}
        for (key, on_top), lines in self._sides.items():
            # Of two between the same boxes, the one that goes down is on the left at both.
            order = sorted(
                lines, key=lambda line: (self.x[line.beside], line.arrives != on_top, line.target)
            )
            if len(order) == 1:
                ports[key, order[0]] = self.x[key]
                continue
            at = self.x[key] - sum(lines.values()) / 2
            for line in order:
                width = lines[line]
                # A name stands right of a line that goes down, and left of one that goes up.
                inside = PORT / 2 if line.arrives else width - 7 if on_top else 7
                ports[key, line] = at + inside
                at += width
        return ports

    def _x_on(self, way: list[Vertex], number: int) -> float:
        """Where a line passes the vertex of that number on its way."""
        if number == 0:
            return self.ports[str(way[0]), _Port(way[1], False, str(way[-1]))]
        if number == len(way) - 1:
            return self.ports[str(way[-1]), _Port(way[-2], True, str(way[-1]))]
        return self.x[way[number]]

    def _line(self, way: list[Vertex]) -> tuple[str, float, float, float]:
        """The path of a line, and where it leaves and arrives: x, y, x."""
        source, target = str(way[0]), str(way[-1])
        up = self._up(source, target)
        leaves, arrives = self._x_on(way, 0), self._x_on(way, len(way) - 1)
        source_top, source_bottom = self._edges(source)
        target_top, target_bottom = self._edges(target)
        begin = source_top if up else source_bottom
        finish = (target_bottom + HEAD) if up else (target_top - HEAD)
        parts = [f"M{leaves:.1f} {begin:.1f}"]
        x = leaves
        for number, (one, other) in enumerate(pairwise(way), 1):
            y0, y1 = self._between(one, up), self._between(other, not up)
            to = self._x_on(way, number)
            middle = (y0 + y1) / 2
            parts.append(
                f"L{x:.1f} {y0:.1f}C{x:.1f} {middle:.1f} {to:.1f} {middle:.1f} {to:.1f} {y1:.1f}"
            )
            x = to
        parts.append(f"L{arrives:.1f} {finish:.1f}")
        return "".join(parts), leaves, begin, arrives

    def _between(self, vertex: Vertex, upper: bool) -> float:
        """Where the room for turning begins, above a vertex's layer or below it."""
        number = vertex.layer if isinstance(vertex, Bend) else self.layers.layer[vertex]
        if upper:
            return self.top[number] - self.over[number]
        return self.bottom[number] + self.under[number]

    # --- SVG ---

    def svg(self, title: str, name: str, words: str) -> SafeString:
        return format_html(
            '<svg xmlns="http://www.w3.org/2000/svg" class="ciba-picture{wide}" role="img" '
            'aria-labelledby="{name}-title" aria-describedby="{name}-words" '
            'width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'direction="ltr" font-family="system-ui, sans-serif" font-size="12" '
            'fill="currentColor" stroke="none">'
            '<title id="{name}-title">{title}</title><desc id="{name}-words">{words}</desc>'
            "{parts}</svg>",
            name=name,
            wide=" ciba-picture--wide" if self.width > WIDE else "",
            width=round(self.width),
            height=round(self.height),
            title=title,
            words=words,
            parts=_joined((*self._begin(), *self._lines(), *self._nodes())),
        )

    def _begin(self) -> Iterator[SafeString]:
        x, (top, _) = self.x[self.first], self._edges(self.first)
        yield format_html(
            '<circle cx="{x}" cy="{y}" r="5"/><text x="{beside}" y="{text}">start</text>',
            x=_at(x),
            y=_at(top - 26),
            beside=_at(x + 11),
            text=_at(top - 22),
        )
        yield _stroke(f"M{x:.1f} {top - 26:.1f}V{top - HEAD:.1f}", "arrow")
        yield _head(x, top, 0, 1)

    def _lines(self) -> Iterator[SafeString]:
        """What was walked comes last, and lies on top."""
        ways = sorted(self.layers.ways.items(), key=lambda item: self.arrows[item[0]].walked)
        for (source, target), way in ways:
            arrow = self.arrows[source, target]
            up = self._up(source, target)
            path, leaves, begin, arrives = self._line(way)
            yield _stroke(path, "arrow", thick=arrow.walked)
            top, bottom = self._edges(target)
            yield _head(arrives, bottom if up else top, 0, -1 if up else 1)
            first = begin - 6 - LINE * (len(arrow.outcomes) - 1) if up else begin + LINE - 1
            yield _names(arrow, leaves - 5 if up else leaves + 5, first, before=up)

    def _nodes(self) -> Iterator[SafeString]:
        for key, box in self.boxes.items():
            parts = [self._box(key, box), *self._ends(key, box), *self._loops(key, box)]
            yield format_html(
                '<g class="ciba-picture__node{}">{}</g>',
                " ciba-picture__node--walked" if box.walked else "",
                _joined(parts),
            )

    def _box(self, key: str, box: _Box) -> SafeString:
        x, (top, bottom) = self.x[key], self._edges(key)
        middle = (top + bottom) / 2 - (LINE / 2 if box.badge else 0)
        lines = [
            (middle - 10, 14, "bold", _cut(key)),
            (middle + 7, TEXT, "normal", _cut(box.label)),
            (middle + 22, 11, "normal", _cut(box.type)),
        ]
        if box.badge:
            sign = "\N{BLACK RIGHT-POINTING TRIANGLE}"
            lines.append((middle + 24 + LINE, TEXT, "bold", f"{sign} {box.badge}"))
        text = format_html_join(
            "",
            '<text x="{}" y="{}" font-size="{}" font-weight="{}" text-anchor="middle">{}</text>',
            ((_at(x), _at(y), size, weight, said) for y, size, weight, said in lines),
        )
        inner = format_html(
            '<rect x="{}" y="{}" width="{}" height="{}" rx="6" fill="none" stroke="currentColor" '
            'stroke-dasharray="5 3" class="ciba-picture__waits"/>',
            _at(x - box.half + 4),
            _at(top + 4),
            _at(2 * box.half - 8),
            _at(box.height - 8),
        )
        return format_html(
            '<title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="9" fill="none" '
            'stroke="currentColor" stroke-width="{}" class="ciba-picture__box"/>{}{}',
            f"{key}: {box.label} ({box.type})",
            _at(x - box.half),
            _at(top),
            _at(2 * box.half),
            _at(box.height),
            "2.75" if box.walked else "1.25",
            inner if box.badge else "",
            text,
        )

    def _ends(self, key: str, box: _Box) -> Iterator[SafeString]:
        x, (top, bottom) = self.x[key] + box.half, self._edges(key)
        rows = [max(each.height + 10, END_HEIGHT + 6) for each in box.ends]
        at = (top + bottom) / 2 - sum(rows) / 2
        for arrow, row in zip(box.ends, rows, strict=True):
            y = at + row - END_HEIGHT / 2 - 3
            finish = x + box.beside - END_WIDTH
            yield _stroke(f"M{x:.1f} {y:.1f}H{finish - HEAD:.1f}", "arrow", thick=arrow.walked)
            yield _head(finish, y, 1, 0)
            yield _names(arrow, x + 7, y - 5 - LINE * (len(arrow.outcomes) - 1))
            yield _end(arrow, finish, y)
            at += row

    def _loops(self, key: str, box: _Box) -> Iterator[SafeString]:
        """An outcome that leads to its own node again."""
        for arrow in box.arrows:
            if arrow.target == key:
                x, (top, bottom) = self.x[key] - box.half, self._edges(key)
                middle = (top + bottom) / 2
                yield _stroke(
                    f"M{x:.1f} {middle + 16:.1f}C{x - 34:.1f} {middle + 16:.1f} {x - 34:.1f} "
                    f"{middle - 16:.1f} {x - HEAD:.1f} {middle - 16:.1f}",
                    "arrow",
                    thick=arrow.walked,
                )
                yield _head(x, middle - 16, 1, 0)
                yield _names(arrow, x - 26 - arrow.width + 10, middle + 4)


def _joined(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((each,) for each in parts))


def _at(value: float) -> str:
    return f"{value:.1f}"


def _stroke(path: str, kind: str, *, thick: bool = False) -> SafeString:
    return format_html(
        '<path d="{}" fill="none" stroke="currentColor" stroke-width="{}" '
        'class="ciba-picture__{}{}"/>',
        path,
        "3" if thick else "1.25",
        kind,
        f" ciba-picture__{kind}--walked" if thick else "",
    )


def _head(x: float, y: float, right: int, down: int) -> SafeString:
    """An arrow's head whose point is there, and which points that way."""
    back_x, back_y = x - right * (HEAD + 2), y - down * (HEAD + 2)
    side_x, side_y = down * 4.5, right * 4.5
    return format_html(
        '<path d="M{} {}L{} {}L{} {}Z" class="ciba-picture__head"/>',
        *(
            _at(each)
            for each in (
                x,
                y,
                back_x + side_x,
                back_y + side_y,
                back_x - side_x,
                back_y - side_y,
            )
        ),
    )


def _names(arrow: _Arrow, x: float, y: float, *, before: bool = False) -> SafeString:
    anchor = "end" if before else "start"
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}" font-weight="{}" class="ciba-picture__outcome">{}'
        "</text>",
        (
            (
                _at(x),
                _at(y + LINE * number),
                anchor,
                "bold" if outcome in arrow.steps else "normal",
                line,
            )
            for number, (outcome, line) in enumerate(zip(arrow.outcomes, arrow.lines, strict=True))
        ),
    )


def _weight(walked: bool) -> str:
    return "bold" if walked else "normal"


def _end(arrow: _Arrow, x: float, y: float) -> SafeString:
    """Success is round and has a tick; failure is cut at its corners and has a cross."""
    top, bottom, right = y - END_HEIGHT / 2, y + END_HEIGHT / 2, x + END_WIDTH
    if arrow.target == SUCCESS:
        arc = "a13 13 0 0 1 0 "
        shape = f"M{x + 13:.1f} {top:.1f}H{right - 13:.1f}{arc}26H{x + 13:.1f}{arc}-26Z"
        sign = f"M{x + 11:.1f} {y:.1f}l4 4l7 -8"
    else:
        shape = (
            f"M{x + 9:.1f} {top:.1f}H{right - 9:.1f}L{right:.1f} {top + 9:.1f}V{bottom - 9:.1f}"
            f"L{right - 9:.1f} {bottom:.1f}H{x + 9:.1f}L{x:.1f} {bottom - 9:.1f}V{top + 9:.1f}Z"
        )
        sign = f"M{x + 12:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    return format_html(
        '<g class="ciba-picture__end ciba-picture__end--{}">{}{}'
        '<text x="{}" y="{}" font-weight="{}">{}</text></g>',
        arrow.target[1:],
        _stroke(shape, "box", thick=arrow.walked),
        _stroke(sign, "sign", thick=False),
        _at(x + 27),
        _at(y + 4),
        _weight(arrow.walked),
        arrow.target[1:],
    )
