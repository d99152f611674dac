import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.strict_json import RepeatedMemberError, check_members, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(JSON)
def test_value_without_repeats_is_parsed_as_it_is(value: Any) -> None:
    text = json.dumps(value)
    assert parse(text) == value
    check_members(text)


@given(st.lists(JSON, max_size=3), st.dictionaries(st.text(), JSON, min_size=1, max_size=5), st.data())
def test_member_that_comes_twice_is_refused_at_any_depth(
    around: list[Any], members: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    pairs = data.draw(st.permutations([*members.items(), (name, data.draw(JSON))]))
    twice = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs)
    text = f'[{json.dumps(around)},{{"outer":[{{{twice}}}]}}]'
    for function in (parse, check_members):
        with pytest.raises(RepeatedMemberError) as caught:
            function(text)
        assert caught.value.name == name


def test_names_that_are_escaped_differently_are_one_name() -> None:
    with pytest.raises(RepeatedMemberError, match="'score'"):
        parse('{"score":1,"\\u0073core":2}')


def test_repeated_name_is_shortened_in_the_message() -> None:
    name = "x" * 10_000
    with pytest.raises(RepeatedMemberError) as caught:
        parse(f'{{"{name}":1,"{name}":2}}')
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["", "{", "nan", "[NaN]", '{"a":-Infinity}', "[" * 30_000 + "]" * 30_000, "9" * 5000]
)
def test_text_that_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has a message of its own
        parse(text)
    check_members(text)
