"""What the user reads of an object: words, and every member, with nothing hidden or active."""

from typing import Any

import pytest

from django_ciba.authorization_details import presented
from django_ciba.models import AuthorizationDetailsType
from tests.authorization_details import PAYMENT, TEMPLATE, payment

HOSTILE = "<script>alert(1)</script>"
UNSEEN = "\N{REPLACEMENT CHARACTER}"


def way(*names: str) -> str:
    """How a nested member is called."""
    return " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} ".join(names)


def of_type(template: str = "", name: str = "") -> AuthorizationDetailsType:
    return AuthorizationDetailsType(type=PAYMENT, name=name, template=template)


def words(template: str, **members: Any) -> str | None:
    return presented({"type": PAYMENT, **members}, of_type(template)).words


def rows(**members: Any) -> list[tuple[str, tuple[str, ...]]]:
    found = presented({"type": PAYMENT, **members}, of_type()).members
    return [(each.name, each.values) for each in found]


# --- in words ----------------------------------------------------------------------------------


def test_the_template_says_it_with_each_value_set_apart() -> None:
    shown = presented(payment(), of_type(TEMPLATE, "A payment"))
    assert shown.name == "A payment"
    assert shown.words == (
        "Pay <bdi>EUR</bdi> <bdi>123.50</bdi> to <strong><bdi>Merchant A</bdi></strong>."
    )
    assert [each.name for each in shown.members] == [
        "creditorName",
        way("instructedAmount", "amount"),
        way("instructedAmount", "currency"),
    ]


@pytest.mark.requirement("RFC 9396", "12")
@pytest.mark.parametrize(
    "template",
    [
        "{{ a }}",
        "{{ a|upper }}",
        "{{ a|default:'x' }}",
        "{{ list|join:', ' }}",
        "{{ list|first }}",
        "{{ list }}",
        "{{ object }}",
        "{{ object.a }}",
        "{% for each in list %}{{ each }}{% endfor %}",
        "{% for name in object %}{{ name }}{% endfor %}{{ a }}",
        "{% firstof a %}",
        "{% with b=a %}{{ b }}{% endwith %}",
        "{{ a|cut:'x' }}",
        "{{ a|add:a }}",
        "{{ a|truncatechars:20 }}",
        "{{ list|slice:':1' }}",
        "{{ list|slice:':1'|join:'' }}",
    ],
)
def test_no_value_is_markup_whatever_the_template_does(template: str) -> None:
    members = {"a": HOSTILE, "list": [HOSTILE], "object": {"a": HOSTILE, HOSTILE: 1}}
    said = words(template, **members)
    assert said is not None
    assert "<script" not in said.lower()
    assert "&lt;script" in said.lower()


@pytest.mark.parametrize(
    "template",
    [
        "{{ a.items }}{{ a.keys }}{{ a.clear }}{{ a.popitem }}",
        "{{ list.append }}{{ list.clear }}{{ list.pop }}",
        "{{ nothing.at.all }}",
        "{{ a.missing }}",
    ],
)
def test_members_are_reached_and_nothing_else(template: str) -> None:
    assert words(f"[{template}]", a={"b": 1}, list=[1]) == "[]"


def test_a_member_named_as_a_method_is_that_member() -> None:
    assert words("{{ a.items }}", a={"items": "x"}) == "<bdi>x</bdi>"


def test_part_of_an_array_is_said_as_all_of_it_is() -> None:
    members = {"list": [{"a": "x"}, ["y"], "z"]}
    assert words("{{ list|slice:':2' }}", **members) == "a: x, y"
    assert words("{{ list }}", **members) == "a: x, y, z"


def test_a_member_cannot_stand_in_for_what_templates_know_themselves() -> None:
    said = words("{% if a == True %}yes{% else %}no{% endif %}", a=False, **{"True": False})
    assert said == "no"


def test_what_does_not_show_is_made_to_show() -> None:
    said = words("{{ a }}", a="50\u202e05\u200b\n1")
    assert said == f"<bdi>50{UNSEEN}05{UNSEEN} 1</bdi>"


@pytest.mark.parametrize(
    "template", ["", "   ", "{{ missing }}", "{{ a|floatformat:a }}{{ a.format }}", "{% broken %}"]
)
def test_a_template_that_says_nothing_or_fails_leaves_all_members(template: str) -> None:
    shown = presented({"type": PAYMENT, "a": "{0}"}, of_type(template))
    assert shown.words is None
    assert [(each.name, each.values) for each in shown.members] == [("a", ("{0}",))]


# --- every member ------------------------------------------------------------------------------


def test_every_value_is_listed_with_the_way_to_it() -> None:
    assert rows(
        actions=["read", "write"],
        amount={"value": "1.50", "currency": "EUR"},
        count=3,
        empty=None,
        nothing=[],
        nobody={},
        parties=[{"name": "A"}, {"name": "B", "ids": [1, 2]}],
        rate=1.5,
        urgent=True,
    ) == [
        ("actions", ("read", "write")),
        (way("amount", "currency"), ("EUR",)),
        (way("amount", "value"), ("1.50",)),
        ("count", ("3",)),
        ("empty", ()),
        ("nobody", ()),
        ("nothing", ()),
        (way("parties", "1", "name"), ("A",)),
        (way("parties", "2", "ids"), ("1", "2")),
        (way("parties", "2", "name"), ("B",)),
        ("rate", ("1.5",)),
        ("urgent", ("yes",)),
    ]


def test_names_are_made_to_show_too() -> None:
    assert rows(**{"a\u202eb": "x"}) == [(f"a{UNSEEN}b", ("x",))]


def test_an_object_of_a_type_that_is_gone_is_shown_by_its_name_alone() -> None:
    shown = presented({"type": "gone\u200b", "a": HOSTILE}, None)
    assert shown.name == f"gone{UNSEEN}"
    assert shown.words is None
    assert shown.members[0].values == (HOSTILE,)
