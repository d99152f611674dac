"""The names of guests."""

import pytest

from game.guests import has_guest_name


@pytest.mark.parametrize(
    "name", ["guest-badger-x7k2p", "guest-" + "a" * 8, "guest-" + "a" * 60, "guest---------"]
)
def test_guest_name_is_one(name: str) -> None:
    assert has_guest_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ada",
        "guest-",
        "guest-x",
        "guest-" + "a" * 7,
        "guest-" + "a" * 61,
        "Guest-badger-x7k2p",
        "guest-BADGER-X7K2P",
        "GUEST-BADGER-X7K2P",
        " guest-badger-x7k2p",
        "guest-badger-x7k2p ",
        "guest-badger-x7k2p\n",
        "guest_badger_x7k2p",
        "guest-badger.x7k2p",
        "gues\u0442-badger-x7k2p",  # a Cyrillic letter
        "guest\u2010badger-x7k2p",  # another hyphen
        "guest-badger-\u0661\u0662\u0663\u0664\u0665",  # Arabic digits
        "google_guest-badger-x7k2p",
    ],
)
def test_name_that_only_looks_like_a_guests_does_not_count(name: str) -> None:
    assert not has_guest_name(name)
