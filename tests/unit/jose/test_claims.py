"""Times and audiences, at the boundary second."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ciba.jose import (
    Expired,
    JoseError,
    Malformed,
    NotYetValid,
    audiences,
    issued_in_the_past,
    not_before,
    not_expired,
    numeric_date,
    same_audience,
)

NOW = 1_800_000_000


@pytest.mark.requirement("RFC 7519", "2")
@pytest.mark.parametrize("value", [0, 1, NOW, NOW + 0.5, 253402300799])
def test_a_date_is_a_number_of_seconds(value: float) -> None:
    assert numeric_date({"exp": value}, "exp") == value


@pytest.mark.requirement("RFC 7519", "2")
@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        "1800000000",
        [],
        {},
        -1,
        -0.5,
        10**400,
        2**63,
        253402300800,
        1e300,
        float("inf"),
        float("-inf"),
        float("nan"),
    ],
)
def test_what_is_no_date_is_refused_by_the_claims_name(value: Any) -> None:
    with pytest.raises(Malformed, match="claim nbf"):
        numeric_date({"nbf": value}, "nbf")


@pytest.mark.parametrize("claims", [{}, {"exp": None, "nbf": None, "iat": None, "aud": None}])
def test_a_claim_that_is_null_is_absent(claims: dict[str, Any]) -> None:
    assert numeric_date(claims, "exp") is None
    assert not_before(claims, now=NOW) is None
    assert issued_in_the_past(claims, now=NOW) is None
    assert audiences(claims) == ()
    with pytest.raises(Malformed, match="exp is needed"):
        not_expired(claims, now=NOW)


@pytest.mark.requirement("RFC 7519", "4.1.4")
def test_a_token_is_expired_in_the_second_that_it_names() -> None:
    assert not_expired({"exp": NOW + 1}, now=NOW) == NOW + 1
    with pytest.raises(Expired):
        not_expired({"exp": NOW}, now=NOW)
    assert not_expired({"exp": NOW}, now=NOW, leeway=1) == NOW
    with pytest.raises(Expired):
        not_expired({"exp": NOW - 60}, now=NOW, leeway=60)
    with pytest.raises(Expired):
        not_expired({"exp": NOW}, now=NOW + 0.001)


@pytest.mark.requirement("RFC 7519", "4.1.5")
@pytest.mark.parametrize(("rule", "name"), [(not_before, "nbf"), (issued_in_the_past, "iat")])
def test_a_token_begins_in_the_second_that_it_names(rule: Any, name: str) -> None:
    assert rule({name: NOW}, now=NOW) == NOW
    with pytest.raises(NotYetValid, match=name):
        rule({name: NOW + 1}, now=NOW)
    assert rule({name: NOW + 60}, now=NOW, leeway=60) == NOW + 60
    with pytest.raises(NotYetValid):
        rule({name: NOW + 61}, now=NOW, leeway=60)


@pytest.mark.requirement("RFC 7519", "4.1.3")
def test_an_audience_is_a_string_or_a_list_of_them() -> None:
    assert audiences({"aud": "https://op"}) == ("https://op",)
    assert audiences({"aud": ["https://op", "b"]}) == ("https://op", "b")
    refused: list[Any] = [[], [None], ["a", 5], 5, {}, True, [["a"]]]
    for wrong in refused:
        with pytest.raises(Malformed, match="aud"):
            audiences({"aud": wrong})


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("https://host/x", "https://host/x"),
        ("https://host:443/x", "https://host/x"),
        ("https://host/x", "https://host:443/x"),
        ("http://host:80", "http://host"),
        ("HTTPS://HOST:443/x", "https://host/x"),
        ("https://[2001:DB8::1]:443/x?y", "https://[2001:db8::1]/x?y"),
        ("urn:any", "urn:any"),
        ("", ""),
    ],
)
def test_audiences_that_name_the_same_place(given: str, ours: str) -> None:
    assert same_audience(given, ours)


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("https://host/X", "https://host/x"),
        ("https://host/x/", "https://host/x"),
        ("https://host/x?", "https://host/x"),
        ("https://host:80/x", "https://host/x"),
        ("http://host:443/x", "http://host/x"),
        ("http://host/x", "https://host/x"),
        ("https://host:8443/x", "https://host/x"),
        ("https://a:443@host/x", "https://a@host/x"),
        ("https://host:443.evil/x", "https://host.evil/x"),
        ("https://host/x\n", "https://host/x"),
        (" https://host/x", "https://host/x"),
        ("https://host/a/../x", "https://host/x"),
        ("https://host%2fx", "https://host/x"),
        ("https://host./x", "https://host/x"),
        ("https://ban\u212a/x", "https://bank/x"),
        ("http\u017f://host/x", "https://host/x"),
        ("URN:any", "urn:any"),
        ("", "https://host/x"),
    ],
)
def test_audiences_that_do_not(given: str, ours: str) -> None:
    assert not same_audience(given, ours)


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(given: str, ours: str) -> None:
    assert same_audience(given, given)
    assert same_audience(given, ours) == same_audience(ours, given)


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize("text", ['say "hello"', "back\\slash", "line\nbreak", "é", ""])
def test_a_reason_holds_only_what_may_go_out(text: str) -> None:
    with pytest.raises(ValueError, match="6749"):
        JoseError(text)
