"""What can stand in a table instead of a row of ours."""

from typing import Any

from hypothesis import strategies as st

Item = dict[str, Any]

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_SCALARS: st.SearchStrategy[Item] = st.one_of(
    _TEXT.map(lambda text: {"S": text}),
    st.sampled_from(["x" * 50_000, "[" * 50_000, "null", "{}", "[{}]", '[{"rank": 1}]']).map(
        lambda text: {"S": text}
    ),
    st.one_of(
        st.integers(-(10**37), 10**37).map(str),
        st.sampled_from(["0", "-1", "0.5", "1E+125", "9" * 38, str(2**53), str(10**15)]),
    ).map(lambda number: {"N": number}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
    st.just({"SS": ["a", "b"]}),
    st.binary(min_size=1, max_size=8).map(lambda value: {"B": value}),
)
VALUES: st.SearchStrategy[Item] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: {"L": values}),
        st.dictionaries(_TEXT.filter(bool), inner, max_size=3).map(lambda values: {"M": values}),
    ),
    max_leaves=5,
)
"""Any attribute's value."""


def damaged(item: Item, keys: tuple[str, ...]) -> st.SearchStrategy[Item]:
    """Return the item with some attributes gone, others of another kind or size, and more; `keys` stay."""
    names = sorted(item.keys() - set(keys))
    return st.builds(
        lambda gone, others, more: (
            {name: value for name, value in item.items() if name not in gone} | others | more
        ),
        st.sets(st.sampled_from(names)),
        st.dictionaries(st.sampled_from(names), VALUES, max_size=3),
        st.dictionaries(st.just("another"), VALUES, max_size=1),
    )
