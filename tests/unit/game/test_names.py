"""Display names."""

import unicodedata

import grapheme
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import NAME_BYTES
from game.names import MARKS_MAX, NAME_MAX, DisplayNameError, clean_name, default_name

USER_ID = "87313b53-604d-4405-b676-4eb8a21c5969"

WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada\t\n Lovelace ", "Ada Lovelace"),
        ("Ame\u0301lie", "Am\u00e9lie"),
        ("\u00a0Ada\u2003B\u00a0", "Ada B"),
        ("\u674e\u3000\u660e", "\u674e \u660e"),
    ],
)
def test_name_is_trimmed_and_composed(text: str, name: str) -> None:
    assert clean_name(text) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("Bo", id="two letters"),
        pytest.param("X", id="one letter"),
        pytest.param("7", id="a digit"),
        pytest.param("\u674e\u660e", id="Chinese"),
        pytest.param("\u845b\U000e0100\u57ce", id="Japanese, with the variant of an ideograph"),
        pytest.param("\uae40\ubbfc\uc218", id="Korean"),
        pytest.param("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", id="Persian, with ZWNJ"),
        pytest.param(
            "\u06a9\u0627\u0631\u200c\u0647\u0627", id="Persian, with ZWNJ behind a letter that never joins"
        ),
        pytest.param(
            "\u0cb0\u0cbe\u0c9c\u0ccd\u200c\u0c95\u0cc1\u0cae\u0cbe\u0cb0\u0ccd", id="Kannada, with ZWNJ"
        ),
        pytest.param("\u0cb0\u200d\u0ccd\u0caf", id="Kannada, with ZWJ before the virama"),
        pytest.param("\u0dc1\u0dca\u200d\u0dbb\u0dd3", id="Sinhala, with ZWJ"),
        pytest.param("\u0d30\u0d3e\u0d1c\u0d28\u0d4d\u200d", id="Malayalam, with ZWJ at the end"),
        pytest.param(
            "\u1019\u103c\u103d\u103e\u1031\u102c\u1004\u1037\u103a", id="Burmese, with four marks in a row"
        ),
        pytest.param("\u0f66\u0f92\u0fb2\u0f7c\u0f63\u0f0b\u0f58", id="Tibetan, stacked"),
        pytest.param("\u05d3\u05b8\u05bc\u05d5\u05b4\u05d3", id="Hebrew, pointed"),
        pytest.param("\u0645\u062d\u0645\u064e\u0651\u062f", id="Arabic, with vowels"),
        pytest.param(f"{WALES}{ENGLAND}", id="flags of Wales and England"),
        pytest.param("\U0001f1e7\U0001f1f7", id="flag of Brazil"),
        pytest.param(FAMILY, id="family"),
        pytest.param("\U0001f3f3\ufe0f\u200d\U0001f308", id="rainbow flag"),
        pytest.param("\U0001f9d1\U0001f3fd\u200d\u2695\ufe0f", id="doctor, with a skin tone"),
        pytest.param("\U0001f3fd", id="skin tone alone, which shows"),
        pytest.param("1\ufe0f\u20e3", id="keycap"),
        pytest.param("\u2764\ufe0f", id="red heart"),
        pytest.param("\U0001faef\U0001f6d8", id="emoji of Unicode 16 and later"),
        pytest.param("\U0001fafd\u200d\U0001fadd", id="joined emoji that are not assigned"),
        pytest.param("\U0001ccff\U0003f000", id="code points that are not assigned"),
        pytest.param("<b>&\"'", id="markup"),
    ],
)
def test_real_name_is_taken_as_it_is(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" \u3000\t", id="blank"),
        pytest.param("\u3164\u3164\u3164", id="Hangul fillers"),
        pytest.param("\u2800\u2800\u2800", id="braille blanks"),
        pytest.param("\uffa0\uffa0\uffa0", id="halfwidth Hangul fillers"),
        pytest.param("\u034f\u034f\u034f", id="combining grapheme joiners"),
        pytest.param("\u115f\u1160", id="Hangul fillers of syllables"),
        pytest.param("\u180e\u180e\u180e", id="Mongolian vowel separators"),
        pytest.param("\ufe0f\ufe0f\ufe0f", id="variation selectors"),
        pytest.param("\u0301\u0302\u0303", id="combining marks"),
        pytest.param(" \u0301 \u093e", id="combining marks and spaces"),
        pytest.param("\u200d\u200d\u200d", id="joiners"),
        pytest.param("\u200c", id="non-joiner"),
        pytest.param("\u200b\u2060\ufeff", id="spaces of no width"),
        pytest.param("\U000e0041\U000e0042\U000e0043", id="tags"),
        pytest.param("\U0001d159\U0001d173", id="musical symbols that are not drawn"),
        pytest.param("\U000e0100", id="variation selector of ideographs"),
        pytest.param("\u17b4\u17b5", id="Khmer inherent vowels"),
        pytest.param("\u2065\ufff0\U000e0fff", id="reserved for what is not shown"),
    ],
)
def test_name_that_shows_nothing_is_refused(text: str) -> None:
    with pytest.raises(DisplayNameError, match=r"can(not)? be seen"):
        clean_name(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Ada\x00", "control"),
        ("A\x07da", "control"),
        ("Ada\x7f", "control"),
        ("Ada\ud800", "control"),
        ("Ada\uffff", "control"),
        ("Ada\U0010fffe", "control"),
        ("Ada\ufdd0", "control"),
        ("Ada\ue000", "private"),
        ("Ada\U0010fffd", "private"),
        ("Ada\u202e", "direction"),
        ("\u200fAda", "direction"),
        ("A\u2066d\u2069a", "direction"),
        ("\u061cAda", "direction"),
        ("A\u200bda", "cannot be seen: leave out U\\+200B"),
        ("Ada\u3164", "cannot be seen"),
        ("A\u00adda", "cannot be seen"),
        ("Bob\u200d", "joiner"),
        ("\u200dBob", "joiner"),
        ("Bo\u200db", "joiner"),
        ("Bo\u200cb", "joiner"),
        ("\u674e\u200d\u660e", "joiner"),
        ("B\u200d\U0001f3c6", "joiner"),
        ("\U0001f3c6\u200dB", "joiner"),
        ("\U0001f3c6\u200d", "joiner"),
        ("\U0001f3c6\u200c\U0001f3c6", "joiner"),
        ("\u0645\u06cc\u200c", "joiner"),
        ("\u0645\u200c\u200c\u0645", "joiner"),
        ("\u0645\u200c Bob", "joiner"),
        (f"{FAMILY}\u200d\u200d{FAMILY}", "joiner"),
        ("\ufe0fBob", "variation"),
        ("Bob \ufe0f", "variation"),
        ("\u2764\ufe0f\ufe0f", "variation"),
        ("Bob\U000e0067", "tags"),
        (WALES[:-1], "tags"),
        (f"{WALES}\U000e007f", "tags"),
        ("\U0001f3c6" + WALES[1:], "tags"),
        ("a" + "\u0301\u0316" * 4 + "b", "marks"),
        ("\u0e01" + "\u0e49" * (MARKS_MAX + 1), "marks"),
    ],
)
def test_name_that_deceives_is_refused_with_the_rule(text: str, rule: str) -> None:
    with pytest.raises(DisplayNameError, match=rule):
        clean_name(text)


def test_marks_in_a_row_are_bounded() -> None:
    # No letter composes with this one.
    assert clean_name("x" + "\u0316" * MARKS_MAX)
    with pytest.raises(DisplayNameError, match=f"at most {MARKS_MAX} combining marks"):
        clean_name("x" + "\u0316" * (MARKS_MAX + 1))


@pytest.mark.parametrize("one", ["a", "\u00e9", "\u674e", "\U0001f3c6"])
def test_graphemes_are_counted(one: str) -> None:
    assert clean_name(one * NAME_MAX) == one * NAME_MAX
    with pytest.raises(DisplayNameError, match="1 to 24 characters, not 25"):
        clean_name(one * (NAME_MAX + 1))


def test_bytes_are_counted() -> None:
    # Two bytes and one.
    assert clean_name('"\u0316' * NAME_MAX) == '"\u0316' * NAME_MAX
    with pytest.raises(DisplayNameError, match="at most 96 bytes in UTF-8, not 97"):
        clean_name('"\u0316' * (NAME_MAX - 1) + "\u0e01\u0316")
    # 18 bytes each.
    assert clean_name(FAMILY * 5) == FAMILY * 5
    with pytest.raises(DisplayNameError, match="at most 96 bytes in UTF-8, not 108"):
        clean_name(FAMILY * 6)


# What the rules are about, beside everything else.
_special = st.sampled_from(
    "ab \u0301\u0316\u093e\u0915\u094d\u0645\u06cc\u200c\u200d\ufe0f\u3164\u2800\U0001f468\U0001f3fd"
    "\U0001f3f4\U000e0067\U000e007f\u202e\U0001f1e7\u1100\u1161\u0600"
)
texts = st.text(st.one_of(_special, st.characters()), max_size=40)


@given(texts)
def test_clean_name_is_stable_and_keeps_every_promise(text: str) -> None:
    try:
        name = clean_name(text)
    except DisplayNameError:
        return
    assert clean_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert 1 <= grapheme.length(name) <= NAME_MAX
    assert len(name.encode()) <= NAME_BYTES
    assert name == name.strip()
    assert not any(unicodedata.category(one) in ("Cc", "Cs", "Co") for one in name)
    assert any(
        unicodedata.category(one) in ("Cn", "Cf") or unicodedata.category(one)[0] in "LNPS" for one in name
    )
    assert name[-1] != "\u200c"
    assert name[0] not in "\u200c\u200d\ufe0f"


@given(st.characters(categories=["Cn"]))
def test_unassigned_code_point_is_let_through_where_unicode_keeps_no_place_for_the_unseen(one: str) -> None:
    reserved = ord(one) & 0xFFFE == 0xFFFE or ord(one) in {
        0x2065,
        *range(0xFDD0, 0xFDF0),
        *range(0xFFF0, 0xFFF9),
    }
    reserved = reserved or 0xE0000 <= ord(one) <= 0xE0FFF
    try:
        assert clean_name(f"a{one}b") == f"a{one}b"
    except DisplayNameError:
        assert reserved


@pytest.mark.parametrize(
    ("candidates", "name"),
    [
        (["", "\u3164", "Grace"], "Grace"),
        (["Ada", "Grace"], "Ada"),
        (["x" * 40], "x" * NAME_MAX),
        ([" " * 30 + "Ada"], "Ada"),
        ([FAMILY * 6], FAMILY * 5),
        (["\u0645\u06cc\u200c" * 30], "\u0645\u06cc\u200c" * 11 + "\u0645\u06cc"),
        (["\x00\x00\x00", "Grace"], "Grace"),
        ([], "Player 87313b53"),
        (["", " "], "Player 87313b53"),
        (["ada@example.com", "Grace"], "Grace"),
        (["google_107691503500060066000"], "Player 87313b53"),
        (["Google_107691503500060066000"], "Player 87313b53"),
        (["signinwithapple_000123.0a1b2c3d4e5f.0042"], "Player 87313b53"),
        (["facebook_10158"], "Player 87313b53"),
        (["LoginWithAmazon_amzn1.account.AFAKE"], "Player 87313b53"),
        (["OurCompany_0009812345"], "Player 87313b53"),
        (["107691503500060066000"], "Player 87313b53"),
        (["+49 1701234567"], "Player 87313b53"),
        ([USER_ID, " " + USER_ID.upper()], "Player 87313b53"),
        (["Google fan", "x"], "Google fan"),
        (["dragon_1987"], "dragon_1987"),
    ],
)
def test_default_name_is_the_first_candidate_that_will_do(candidates: list[str], name: str) -> None:
    assert default_name(candidates, USER_ID) == name


@given(st.lists(texts, max_size=3))
def test_default_name_is_always_a_name(candidates: list[str]) -> None:
    name = default_name(candidates, USER_ID)
    assert clean_name(name) == name
