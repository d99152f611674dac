"""Display names.

    text -> composed, trimmed -> no character that deceives -> those that join where they belong -> length

What is refused is the same under every version of Python: it follows from the ranges below, which Unicode
has fixed for good, and from the tables of the library that knows graphemes. So a character that is too new
for the interpreter passes as one that can be seen. Names that look like another player's are the operators'
business.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import grapheme

from game.board import NAME_BYTES

NAME_MAX = 24
"""The most graphemes in a display name: what people call characters. https://unicode.org/reports/tr29/"""
MARKS_MAX = 5
"""The most combining marks in a row: scripts stack up to four, and more cover the lines above and below."""


class DisplayNameError(ValueError):
    """The text cannot be a display name; the message says why."""


_REFUSED = (
    (
        "control characters",
        # Also halves of surrogate pairs, and code points that are promised never to be characters.
        re.compile(
            "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef"
            + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
            + "]"
        ),
    ),
    ("private characters", re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")),
    (
        "characters that turn the direction of writing",
        re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"),
    ),
    (
        "characters that cannot be seen",
        # Unicode's Default_Ignorable_Code_Point, assigned or not, but for what `_misplaced` looks at; and the
        # blanks that Unicode takes for symbols, and annotation characters.
        re.compile(
            "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u2800\u3164\ufeff\uffa0"
            "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0080-\U000e00ff"
            "\U000e01f0-\U000e0fff]"
        ),
    ),
)

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_JOINERS = frozenset({_ZWNJ, _ZWJ})
_VARIATION = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TAG = re.compile("[\U000e0000-\U000e007f]")
# England, Wales, Texas: https://unicode.org/reports/tr51/#valid-emoji-tag-sequences
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
# Blocks of scripts in which a joiner between two letters changes how they are written: from Arabic to Mandaic
# and its additions, the scripts of India, Tibet and Myanmar, those of the Philippines, Cambodia and Mongolia,
# and what was added to all of these.
_JOINING = re.compile(
    "[\u0600-\u0dff\u0f00-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefe"
    "\U00010a00-\U00010bff\U00010d00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f]"
)
# Behind one of these a joiner may end a word, as Malayalam names do.
# https://www.rfc-editor.org/rfc/rfc5892#appendix-A
_VIRAMAS = frozenset("\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca")

# What a provider's account number and telephone numbers look like.
_LONG_NUMBER = re.compile(r"\d{7}")
# Cognito calls a federated user `<provider>_<the provider's id>`; these are the providers that it knows.
_FEDERATED = re.compile(r"(?:google|facebook|loginwithamazon|signinwithapple)_", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def clean_name(text: str) -> str:
    """Return the display name that a player asked for: composed (NFC), trimmed, white space one space.

    Raises DisplayNameError where it has not 1 to 24 graphemes, has more than 96 bytes of UTF-8, shows
    nothing, or holds a character that deceives or stands where it does nothing.
    """
    name = _composed(text)
    for what, pattern in _REFUSED:
        found = pattern.search(name)
        if found:
            raise DisplayNameError(f"a name holds no {what}: leave out {_code(found.group())}")
    # Marks alone, variation selectors and joiners show nothing; a skin tone does, though it modifies others.
    if all(_extends(character) and not _SKIN_TONES.match(character) for character in name.replace(" ", "")):
        raise DisplayNameError("a name has at least one character that can be seen")
    for problem in _misplaced(name):
        raise DisplayNameError(problem)
    length = grapheme.length(name)
    if length > NAME_MAX:
        raise DisplayNameError(f"a name has 1 to {NAME_MAX} characters, not {length}")
    if _size(name) > NAME_BYTES:
        raise DisplayNameError(
            f"a name has at most {NAME_BYTES} bytes in UTF-8, not {_size(name)}: make it shorter"
        )
    return name


def default_name(candidates: Iterable[str], user_id: str) -> str:
    """Return the name of a player who has not chosen one: the first candidate that will do, cut to length.

    An e-mail address, a telephone number or the id of an account is no name: other players must not see it.
    """
    for candidate in candidates:
        if "@" in candidate or _names_an_account(candidate):
            continue
        try:
            return clean_name(_cut(candidate))
        except DisplayNameError:
            continue
    return f"Player {user_id[:8]}"


def _names_an_account(text: str) -> bool:
    text = text.strip()
    return bool(_FEDERATED.match(text) or _LONG_NUMBER.search(text) or _UUID.fullmatch(text))


def _cut(text: str) -> str:
    """Return the longest beginning of a text that has a name's length."""
    cut = ""
    for length, one in enumerate(grapheme.graphemes(_composed(text)), start=1):
        if length > NAME_MAX or _size(cut + one) > NAME_BYTES:
            # What joined it to the rest has nothing to join any more.
            return cut.rstrip(f" {_ZWNJ}{_ZWJ}")
        cut += one
    return cut


def _size(name: str) -> int:
    """Return the bytes of a name in a frame, without the quotation marks around it."""
    return len(name.encode(errors="surrogatepass")) + name.count('"') + name.count("\\")


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _misplaced(name: str) -> Iterator[str]:
    """Say what is wrong with the characters that are good only in their place."""
    tag = _TAG.search(_TAGGED_FLAG.sub("", name))
    if tag:
        yield f"a name holds tags in flags only: leave out {_code(tag.group())}"
    goes_on = _inner_positions(name)
    marks = 0
    for at, character in enumerate(name):
        before = name[at - 1] if at else " "
        if _VARIATION.match(character):
            if before == " " or _VARIATION.match(before):
                yield f"a variation selector follows what it varies: leave out {_code(character)}"
        elif character in _JOINERS:
            after = name[at + 1 : at + 2]
            # In one grapheme with a base behind it: an emoji sequence, or consonants of one syllable.
            joined = at + 1 in goes_on and not _extends(after)
            if (
                not joined
                and before not in _VIRAMAS
                and not (_JOINING.match(before) and _JOINING.match(after))
            ):
                yield f"a joiner stands between letters that it joins or parts: leave out {_code(character)}"
        elif not _extends(character):
            marks = 0
        elif not _SKIN_TONES.match(character) and not _TAG.match(character):
            marks += 1
            if marks > MARKS_MAX:
                yield f"a name has at most {MARKS_MAX} combining marks in a row: leave out {_code(character)}"


def _inner_positions(name: str) -> frozenset[int]:
    """Return the positions in a name at which no grapheme begins."""
    starts, at = set(), 0
    for length in grapheme.grapheme_lengths(name):
        starts.add(at)
        at += length
    return frozenset(range(len(name))) - starts


@lru_cache(maxsize=1024)
def _extends(character: str) -> bool:
    """Return whether a character extends the one before: a mark, joiner, selector, tag, skin tone."""
    return bool(grapheme.length(f"a{character}") == 1)


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
