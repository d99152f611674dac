import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.strict_json import RepeatedMemberError, check_members, ordered, parse

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


def shuffled(value: Any, seed: int) -> Any:
    """Return the same with the members of every object in another order."""
    if isinstance(value, dict):
        names = list(value)
        Random(seed).shuffle(names)
        return {name: shuffled(value[name], seed) for name in names}
    return [shuffled(item, seed) for item in value] if isinstance(value, list) else value


@given(JSON, st.integers())
def test_order_of_members_makes_no_difference(value: Any, seed: int) -> None:
    assert json.dumps(ordered(shuffled(value, seed))) == json.dumps(ordered(value))
    assert ordered(value) == value


@given(JSON, JSON)
def test_values_that_differ_stay_apart(one: Any, other: Any) -> None:
    if json.dumps(ordered(one)) == json.dumps(ordered(other)):
        assert one == other


def test_whole_number_is_the_same_however_it_is_written() -> None:
    values = [json.dumps(ordered(json.loads(text))) for text in ("[1, 0, 1e2]", "[1.0, -0.0, 100]")]
    assert values[0] == values[1]
    assert json.dumps(ordered([1, True, "1", None, [1]])) == '[1, true, "1", null, [1]]'
