"""The rules of the game: pure Python and pydantic, with no I/O, no clock and no AWS."""
