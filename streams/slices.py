"""Splitting a range of connection ids into slices of about the same size, without reading them.

Ids are spread evenly between the least and the greatest one, whether they are random or begin with a time (as
API Gateway's do: two hours of connections then share their first characters). So the bounds are interpolated
between those two.
"""

from store.connections import IdRange

# What ids are written with, in the order in which DynamoDB sorts: base64 in both of its alphabets, and UUIDs.
_ALPHABET = "+-/0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_BASE = len(_ALPHABET) + 1
# This number of characters behind the common beginning tells slices apart.
_DIGITS = 6


def split(least: str, greatest: str, parts: int) -> list[IdRange]:
    """Return up to `parts` ranges in order, disjoint, which together hold every id there can be.

    Their sizes are alike where ids are spread evenly from `least` to `greatest`; there are fewer where these
    two leave no room for more.
    """
    common = _common_prefix(least, greatest)
    low, high = (_to_number(text[len(common) :]) for text in (least, greatest))
    bounds = {common + _to_text(low + (high - low) * part // parts) for part in range(1, parts)}
    inner = sorted(bound for bound in bounds if least <= bound < greatest)
    # The least string after a bound is the bound with a NUL behind it.
    firsts = ["", *(bound + "\0" for bound in inner)]
    lasts = [*inner, None]
    return [IdRange(first, last) for first, last in zip(firsts, lasts, strict=True)]


def _common_prefix(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return one[:length]


def _to_number(text: str) -> int:
    """Return the first characters as a number that sorts as they do; unknown characters round down."""
    number = 0
    for position in range(_DIGITS):
        digit = 0
        if position < len(text):
            digit = sum(letter <= text[position] for letter in _ALPHABET)
        number = number * _BASE + digit
    return number


def _to_text(number: int) -> str:
    digits = []
    for _ in range(_DIGITS):
        number, digit = divmod(number, _BASE)
        digits.append(digit)
    text = ""
    for digit in reversed(digits):
        if digit == 0:
            break
        text += _ALPHABET[digit - 1]
    return text
