"""A journey as a picture: all of it is there, nothing lies over another, and it is safe to show."""

import random
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from django_ciba.journeys import NODES, TEMPLATES, picture
from tests import provider

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = r"-?\d+(?:\.\d+)?"


def drawn(document: Any, **more: Any) -> ElementTree.Element:
    return ElementTree.fromstring(picture(document, title="A journey", name="one", **more))


def words_of(svg: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in svg.iter(f"{SVG}text")]


def boxes_of(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom."""
    found = []
    for each in svg.iter(f"{SVG}rect"):
        if each.get("class") == "ciba-picture__box":
            x, y, width, height = (
                float(each.get(name, "")) for name in ("x", "y", "width", "height")
            )
            found.append((x, y, x + width, y + height))
    return found


def lines_of(svg: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """Points along each line from node to node."""
    return [
        list(points(each.get("d", "")))
        for each in svg.findall(f"{SVG}path")
        if "ciba-picture__arrow" in each.get("class", "")
    ]


def points(path: str) -> Iterator[tuple[float, float]]:
    x = y = 0.0
    for letter, numbers in re.findall(r"([MLCVH])([^MLCVH]*)", path):
        values = [float(each) for each in re.findall(NUMBER, numbers)]
        if letter == "C":
            ends = [(x, y), *zip(values[::2], values[1::2], strict=True)]
            for step in range(1, 21):
                t = step / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                yield (
                    sum(w * end[0] for w, end in zip(weights, ends, strict=True)),
                    sum(w * end[1] for w, end in zip(weights, ends, strict=True)),
                )
            x, y = ends[-1]
        else:
            x = values[0] if letter in "MLH" else x
            y = values[-1] if letter in "MLV" else y
            yield x, y


def random_journey(seed: int, size: int) -> dict[str, Any]:
    """Every node is reached, and many outcomes lead back, on, to the node itself or to an end."""
    chance = random.Random(seed)
    keys = [f"node {number}" for number in range(size)]
    nodes = {}
    for number, key in enumerate(keys):
        onward = keys[number + 1] if number + 1 < size else "@success"
        anywhere = [*chance.choices(keys, k=3), "@failure", "@success"]
        nodes[key] = {
            "type": "PushSender",
            "outcomes": {"on": onward, "a": chance.choice(anywhere), "b": chance.choice(anywhere)},
        }
    return {"start": keys[0], "nodes": nodes}


def test_every_node_has_its_key_label_and_type() -> None:
    words = words_of(drawn(provider.PUSH_JOURNEY))
    for key, node in provider.PUSH_JOURNEY["nodes"].items():
        for text in (key, NODES[node["type"]].label, node["type"]):
            assert text in words
    assert "start" in words


def test_every_outcome_is_named_and_every_end_is_told_apart_without_colour() -> None:
    svg = drawn(provider.PUSH_JOURNEY)
    words = words_of(svg)
    for node in provider.PUSH_JOURNEY["nodes"].values():
        assert set(node["outcomes"]) <= set(words)
    ends = {
        group.get("class"): [each.get("d", "") for each in group.iter(f"{SVG}path")]
        for group in svg.iter(f"{SVG}g")
        if "ciba-picture__end" in group.get("class", "")
    }
    success = ends["ciba-picture__end ciba-picture__end--success"]
    failure = ends["ciba-picture__end ciba-picture__end--failure"]
    assert "a13" in success[0], "round"
    assert "a" not in failure[0], "cornered"
    assert success[1] != failure[1], "another sign"
    assert {"success", "failure"} <= set(words)


def test_a_loop_goes_up_and_everything_else_goes_down() -> None:
    ends = [(line[0][1], line[-1][1]) for line in lines_of(drawn(provider.PUSH_JOURNEY))]
    up = [(first, last) for first, last in ends if last < first]
    assert len(up) == 1, "from wait to verify"
    assert len(ends) == 5, "start, found, sent, waiting, done"


def test_a_node_that_leads_to_itself_has_a_bow() -> None:
    document = {
        "start": "wait",
        "nodes": {
            "wait": {"type": "PollingWait", "outcomes": {"done": "wait", "spam": "@failure"}}
        },
    }
    svg = drawn(document)
    bows = [each for each in svg.iter(f"{SVG}path") if "C" in each.get("d", "")]
    assert len(bows) == 1
    assert len(boxes_of(svg)) == 1


@pytest.mark.parametrize("size", [1, 2, 4, 12, 30, 100])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_lies_over_a_node(seed: int, size: int) -> None:
    svg = drawn(random_journey(seed, size))
    boxes = boxes_of(svg)
    assert len(boxes) == size
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
        for other in boxes[number + 1 :]:
            apart = other[0] > right or other[2] < left or other[1] > bottom or other[3] < top
            assert apart, (boxes[number], other)
    for line in lines_of(svg):
        for x, y in line:
            inside = [box for box in boxes if box[0] < x < box[2] and box[1] + 1 < y < box[3] - 1]
            assert inside == [], (x, y)
            assert 0 <= x <= width


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_can_be_drawn(name: str) -> None:
    document = TEMPLATES[name].document
    assert set(document["nodes"]) <= set(words_of(drawn(document)))


def test_long_names_are_cut_and_whole_where_the_pointer_rests() -> None:
    key = "k" * 100
    document = {"start": key, "nodes": {key: {"type": "PollingWait", "outcomes": {"done": key}}}}
    svg = drawn(document)
    assert key not in words_of(svg)
    assert f"{'k' * 27}\N{HORIZONTAL ELLIPSIS}" in words_of(svg)
    assert f"{key}: Polling Wait (PollingWait)" in [each.text for each in svg.iter(f"{SVG}title")]


def test_what_an_operator_typed_is_text() -> None:
    key = "<script>alert('x')</script>&\""
    document = {
        "start": key,
        "nodes": {key: {"type": "<b>", "outcomes": {"<i>": "@failure", "</svg>": key}}},
    }
    walk = [{"node": key, "outcome": "<u>"}]
    told = picture(document, title="</title><script>", name="one", walk=walk, node=key)
    tags = {each.tag.removeprefix(SVG) for each in ElementTree.fromstring(told).iter()}
    assert tags <= {"svg", "title", "desc", "g", "path", "rect", "circle", "text"}


def test_it_needs_no_style_and_no_script() -> None:
    walk = [{"node": "username", "outcome": "found"}]
    svg = drawn(provider.PUSH_JOURNEY, walk=walk, node="wait")
    attributes = {name for each in svg.iter() for name in each.keys()}  # noqa: SIM118 - an element
    assert "style" not in attributes
    assert [name for name in attributes if name.startswith("on") or "href" in name] == []
    colours = {each.get(name) for each in svg.iter() for name in ("fill", "stroke")}
    assert colours == {"currentColor", "none", None}, "dark and light are the page's"


def test_it_is_told_to_those_who_do_not_see_it() -> None:
    walk = [{"node": "username", "outcome": "found"}, {"node": "send", "outcome": "sent"}]
    svg = drawn(provider.PUSH_JOURNEY, walk=walk, node="wait")
    assert svg.get("role") == "img"
    title, description = svg[0], svg[1]
    assert title.get("id") == svg.get("aria-labelledby") == "one-title"
    assert description.get("id") == svg.get("aria-describedby") == "one-words"
    assert title.text == "A journey"
    told = description.text or ""
    assert told.startswith("It starts at username. username (Platform Username): found to send, ")
    assert "wait (Polling Wait): done to verify." in told
    assert told.endswith("A request walked username, found; send, sent. It waits at wait.")


def test_the_path_of_a_request_is_thick_and_numbered() -> None:
    walk = [
        {"node": "username", "outcome": "found"},
        {"node": "send", "outcome": "sent"},
        {"node": "verify", "outcome": "waiting"},
        *[{"node": "wait", "outcome": "done"}, {"node": "verify", "outcome": "waiting"}] * 5,
    ]
    svg = drawn(provider.PUSH_JOURNEY, walk=walk, node="wait")
    words = words_of(svg)
    etc = "\N{HORIZONTAL ELLIPSIS}"
    assert {"found #1", "sent #2", f"waiting #3, #5 {etc} #13", f"done #4, #6 {etc} #12"} <= set(
        words
    )
    assert "not_found" in words, "the others have no number"
    thick = [
        each
        for each in svg.findall(f"{SVG}path")
        if "ciba-picture__arrow--walked" in each.get("class", "")
    ]
    assert [each.get("stroke-width") for each in thick] == ["3"] * 4
    assert [each for each in words if each.endswith("waits here")] != []


def test_the_end_that_was_reached_is_marked_and_no_other() -> None:
    walk = [{"node": "username", "outcome": "not_found"}]
    svg = drawn(provider.PUSH_JOURNEY, walk=walk)
    bold = [each.text for each in svg.iter(f"{SVG}text") if each.get("font-weight") == "bold"]
    assert sorted(bold, key=str) == sorted(
        [*provider.PUSH_JOURNEY["nodes"], "not_found #1", "failure"], key=str
    )
    assert [each for each in words_of(svg) if "here" in each] == []


def test_an_outcome_that_is_not_wired_has_led_to_failure() -> None:
    document = {
        "start": "wait",
        "nodes": {"wait": {"type": "PollingWait", "outcomes": {"done": "@success"}}},
    }
    words = words_of(drawn(document, walk=[{"node": "wait", "outcome": "spam"}]))
    assert {"spam #1", "failure", "success"} <= set(words)


def test_a_request_that_has_ended_waits_no_more() -> None:
    words = words_of(drawn(provider.PUSH_JOURNEY, node="wait", over=True))
    assert [each for each in words if each.endswith("it waited here")] != []


@pytest.mark.parametrize("document", [None, [], "text", {}, {"nodes": []}, {"nodes": {}}])
def test_what_is_no_journey_is_said_to_be_none(document: Any) -> None:
    told = picture(document, title="A journey", name="one")
    assert told == '<p class="ciba-picture__none">There is nothing to draw.</p>'


@pytest.mark.parametrize(
    "document",
    [
        {"nodes": {"a": None, "b": {"type": "Gone", "outcomes": {"x": "nowhere"}}}},
        {"start": "nowhere", "nodes": {"a": {"outcomes": ["x"]}, "b": {"outcomes": {"x": "a"}}}},
        {"start": ["a"], "nodes": {"a": {"type": 7, "outcomes": {"x": ["a"], "y": {}}}, "b": 1}},
    ],
)
def test_what_an_old_site_has_saved_is_drawn_as_far_as_it_can_be_read(document: Any) -> None:
    words = words_of(drawn(document))
    assert {"a", "b", "not known here"} <= set(words)
