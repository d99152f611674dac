"""The one password policy, and what the page tells players of it."""

import re
from pathlib import Path

from infra.passwords import PASSWORDS

CHECKOUT = Path(__file__).parents[3]
PAGE = CHECKOUT / "clients" / "web" / "demo" / "accountWords.js"
WORDS = {
    "require_lowercase": "lower case",
    "require_uppercase": "upper",
    "require_digits": "a digit",
    "require_symbols": "a symbol",
}


def test_page_tells_players_what_a_password_has_to_be() -> None:
    (hint,) = re.findall(r'PASSWORD_RULES = "(.*)"', PAGE.read_text(encoding="utf-8"))
    assert re.findall(r"\d+", hint) == [str(PASSWORDS.min_length)]
    for kind, words in WORDS.items():
        assert (words in hint) is getattr(PASSWORDS, kind), kind
