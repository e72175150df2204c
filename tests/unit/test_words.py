"""What people read is in plain words: short sentences in the pages, and no word of a private dialect."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

from hardening.cli.known_rules import all_rules
from tests.support.docs.prose import DIALECT, contents, dead, notes, sentences, shown_texts, words

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if path.name != "CHANGELOG.md"
)
MODULES = sorted(path for name in ("hardening", "bundle") for path in (ROOT / name).rglob("*.py"))
UNREAD = ("bundle/detect/credentials/",)
"""Folders whose comments were not read for dead words yet."""
DETECTOR = "bundle/detect/credentials/"
"""The one folder whose names are not yet gone through."""


def test_sentences_of_the_pages_are_short() -> None:
    lengths = sorted(words(one) for page in PAGES for one in sentences(page.read_text("utf-8")))
    assert statistics.median(lengths) <= 16
    assert lengths[int(len(lengths) * 0.95)] <= 28


def test_no_page_is_a_wall() -> None:
    """A tenth of a page's sentences may be longer than 28 words."""
    walls = {}
    for page in PAGES:
        lines = list(sentences(page.read_text("utf-8")))
        long = [one for one in lines if words(one) > 28]
        if len(lines) > 20 and len(long) > len(lines) / 10:
            walls[page.name] = f"{len(long)} of {len(lines)}"
    assert walls == {}


def test_a_long_page_lists_its_sections() -> None:
    texts = {page.relative_to(ROOT): page.read_text("utf-8") for page in PAGES}
    assert [(str(page), contents(text)) for page, text in texts.items() if len(text.split()) > 1200 and contents(text) not in text] == []  # fmt: skip


def test_pages_have_no_dead_words() -> None:
    found = {
        page.name: lines
        for page in PAGES
        if (lines := [w for s in sentences(page.read_text("utf-8")) for w in dead(s)])
    }
    assert found == {}


def test_messages_have_no_dead_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {one}"
        for path in MODULES
        for line, text in shown_texts(path)
        for one in dead(text)
    ]
    assert found == []


def test_comments_have_no_dead_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {one}"
        for path in MODULES
        if not str(path.relative_to(ROOT)).startswith(UNREAD)
        for line, text in notes(path)
        for one in dead(text, DIALECT)
    ]
    assert found == []


def bound(tree: ast.AST) -> set[tuple[str, int]]:
    """Return the names that a module gives to functions, parameters, attributes and variables, with their lines."""
    names: set[tuple[str, int]] = set()
    for one in ast.walk(tree):
        match one:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                names.add((name, one.lineno))
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                names.add((name, one.lineno))
            case _:
                pass
    return names


def test_a_name_says_what_a_thing_is() -> None:
    """`said`, `told` and `came` say how a value was had, and not what it is."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in MODULES
        if not str(path.relative_to(ROOT)).startswith(DETECTOR)
        for name, line in sorted(bound(ast.parse(path.read_text("utf-8"))))
        if name.lower().strip("_") in {"said", "told", "came"}
    ]
    assert found == []
    assert {name for name, _ in bound(ast.parse("def f(said):\n    x.told = came = 1\n"))} == {
        "f",
        "said",
        "told",
        "came",
    }


def test_rules_are_in_plain_words() -> None:
    texts = [(rule.id, text) for rule in all_rules() for text in (rule.title, rule.rationale, rule.remedy)]
    assert [(ident, one) for ident, text in texts for one in dead(text)] == []
    lengths = sorted(words(one) for _, text in texts for one in sentences(text))
    assert statistics.median(lengths) <= 16
    assert lengths[int(len(lengths) * 0.95)] <= 28


def test_a_dead_word_is_seen() -> None:
    assert dead("the host is led back") == ["'led back': write rolled back"]
    assert dead("x is no size such as 4M") != []
    assert dead("there is no terminal to ask on") == []
    assert [words(one) for one in sentences("# A title here\n\nOne two three. Four `x y z` five six.\n")] == [
        3,
        3,
        4,
    ]
