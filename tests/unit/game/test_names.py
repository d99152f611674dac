"""Display names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.names import NAME_MAX, NAME_MIN, DisplayNameError, clean_name, default_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada\t\n Lovelace ", "Ada Lovelace"),
        ("a" * NAME_MAX, "a" * NAME_MAX),
        ("\U0001f3c6" * NAME_MIN, "\U0001f3c6" * NAME_MIN),
        ("Ame\u0301lie", "Am\u00e9lie"),
        ("李小龙", "李小龙"),
        ("\u00a0Ada\u2003B\u00a0", "Ada B"),
    ],
)
def test_name_is_trimmed_and_composed(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_name_may_hold_joined_emoji() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert clean_name(f"{family} ok") == f"{family} ok"


@pytest.mark.parametrize("text", ["", "  ", "ab", "a" * (NAME_MAX + 1), " ab ", "e\u0301e\u0301"])
def test_name_of_a_wrong_length_is_refused(text: str) -> None:
    with pytest.raises(DisplayNameError, match="3 to 24"):
        clean_name(text)


@pytest.mark.parametrize(
    "text", ["Ada\x00", "A\x07da", "Ada\x7f", "Ada\ud800", "Ada\ue000", "Ada\uffff", "Ada\u202e", "A\u200bda"]
)
def test_name_that_no_screen_can_show_is_refused(text: str) -> None:
    with pytest.raises(DisplayNameError, match="control"):
        clean_name(text)


@given(st.text(max_size=40))
def test_clean_name_is_stable(text: str) -> None:
    try:
        name = clean_name(text)
    except DisplayNameError:
        return
    assert NAME_MIN <= len(name) <= NAME_MAX
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("candidates", "name"),
    [
        (["", "ab", "Grace"], "Grace"),
        (["Ada", "Grace"], "Ada"),
        (["x" * 40], "x" * NAME_MAX),
        ([" " * 30 + "Ada"], "Ada"),
        (["\x00\x00\x00", "Grace"], "Grace"),
        ([], "Player 87313b53"),
        (["", "ab"], "Player 87313b53"),
    ],
)
def test_default_name_is_the_first_candidate_that_will_do(candidates: list[str], name: str) -> None:
    assert default_name(candidates, "87313b53-604d-4405-b676-4eb8a21c5969") == name


@given(st.lists(st.text(max_size=40), max_size=3))
def test_default_name_is_always_a_name(candidates: list[str]) -> None:
    name = default_name(candidates, "87313b53-604d-4405-b676-4eb8a21c5969")
    assert clean_name(name) == name
