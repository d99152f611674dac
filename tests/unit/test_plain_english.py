"""Words that a stranger stumbles over stay out of the texts: each has a plainer one.

Prose, comments, docstrings, messages and the names of tests are read alike. Addresses are left out, and so
is this file, which has to spell the words.
"""

import ast
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = (".py", ".md", ".js", ".mjs", ".toml", ".html", ".yml")
MADE = {"__pycache__", "cdk.out", "cost-report", "loadtest-report", "node_modules"}

BETTER = {
    r"nobody|somebody|whoever": "the actor by name: client, caller, player, operator, function",
    r"so many": "the number by name: `count`, or 'this number of'",
    r"anew": "again",
    r"held against": "checked against",
    r"told of": "reported, shown or pushed",
    r"(?-i:(?<!there )(is|are) none)(?! of)": "what is wrong: invalid, malformed, missing, does not count",
    r"one (module|file|table|row|stack|task|page|message|timer) an? \w+": "per: one module per table",
    r"(requests|scores|frames|pushes|mails|writes|reads|units) an? (second|minute|hour|day)": "per second",
    r"USD a (month|day|year)": "USD per month",
}
"""Patterns of whole words in any case, and what to write instead."""

CLAUSE = re.compile(r"(What|Who|Whom|Whoever|Those|So many|All that)\b")
"""How the docstring of a function does not begin: it says what the function does, by a verb."""


def texts(*endings: str) -> list[Path]:
    """Return the repository's files with these endings; what is hidden or made is left out."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in MADE]
        found += [Path(folder, name) for name in names if name.endswith(endings)]
    return sorted(found)


def faults(name: str, text: str) -> list[str]:
    """Return each of the words in a file, with its place and what to write instead."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        plain = re.sub(r"https?://\S+", "", line)
        if match := re.search(r"\bdef (test_\w+)", plain):
            plain = match[1].replace("_", " ")
        found += [
            f"{name}:{number}: '{match[0]}': write {better}"
            for words, better in BETTER.items()
            for match in re.finditer(rf"\b(?:{words})\b", plain, re.IGNORECASE)
        ]
    return found


def clauses(name: str, tree: ast.AST) -> list[str]:
    """Return each function whose docstring begins with a clause instead of a verb."""
    return [
        f"{name}:{node.lineno}: {node.name}: begin the docstring with a verb: Return, Write, Raise"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
        if CLAUSE.match(ast.get_docstring(node) or "")
    ]


def test_texts_have_plain_words_only() -> None:
    found = [
        fault
        for file in texts(*TEXTS)
        if file != Path(__file__)
        for fault in faults(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    found = [
        fault
        for file in texts(".py")
        for fault in clauses(str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "# Nobody waits.",
        '"""So many rows."""',
        "the board is made anew",
        "def test_nobody_listens() -> None:",
        'raise ValueError(f"The URL {url!r} is none: {error}.")',
        "one module a table",
        "10 requests a second",
    ],
)
def test_forbidden_word_is_found_with_its_place(text: str) -> None:
    (fault,) = faults("a.md", f"\n{text}")
    assert fault.startswith("a.md:2: ")


@pytest.mark.parametrize(
    "text",
    [
        "None when there is none.",
        "See https://example.org/nobody",
        "Renewal",
        "none of our business",
        "one per row",
    ],
)
def test_plain_text_is_left_alone(text: str) -> None:
    assert faults("a.md", text) == []


def test_function_described_by_a_clause_is_found() -> None:
    source = 'def f() -> int:\n    """What it is."""\ndef g() -> int:\n    """Return what it is."""\n'
    assert [fault.split(": ")[1] for fault in clauses("a.py", ast.parse(source))] == ["f"]
