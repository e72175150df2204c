"""The sentences of a Markdown page, and the words that this project does not use."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

DIALECT = {
    r"\bled back\b|\bleads? \w+ back\b": "rolled back",
    r"\bexamined not at all\b": "not scanned",
    r"\bheld against\b": "compared with",
    r"\banew\b": "again",
    r"\bbut for\b": "except",
    r"\bowed\b": "pending",
    r"\bgravest\b": "worst",
    r"\bput right\b": "fix",
    r"\bstands? twice\b": "occurs twice",
}
"""Words of a private dialect; comments and docstrings do not use them either."""
DEAD = {
    **DIALECT,
    r"\bnothing of (?:it|this|the|that)\b": "the subject and 'not'",
    r"(?<!there )\b(?:is|are) no (?!longer|more|less|second)[a-zA-Z]|\bis none\b": "is not a",
    r"\bnobody (?:knows|named|asks?|is)\b": "the subject and 'not'",
}
"""A pattern, and what to write instead."""
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"\n(?=\s*(?:[-*]|\d+\.)\s)")


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a page of three words and more, without code blocks; each table cell by itself."""
    text = re.sub(
        r"<!--.*?-->|<[^>]+>",
        "",
        re.sub(r"^    .*$", "", _FENCE.sub("", text), flags=re.MULTILINE),
        flags=re.DOTALL,
    )
    for paragraph in re.split(r"\n\s*\n", text):
        for piece in _pieces(paragraph):
            plain = re.sub(r"^\s*(?:[-*#>]+|\d+\.)\s*", "", piece.strip())
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "X", plain))
            for sentence in re.split(r"(?<=[.!?])\s+", plain.replace("\n", " ")):
                if words(sentence) > 2:
                    yield sentence


def words(sentence: str) -> int:
    """Return how many words a sentence has."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def _pieces(paragraph: str) -> Iterator[str]:
    for block in _ITEM.split(paragraph):
        if block.lstrip().startswith("|"):
            yield from (cell for row in block.splitlines() for cell in row.strip().strip("|").split("|"))
        else:
            yield block


def contents(page: str) -> str:
    """Return the line that lists the sections of a page, as links; headings inside code are not sections."""
    titles = re.findall(r"^## (.+)$", _FENCE.sub("", page), re.MULTILINE)
    anchors = [re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles]
    return "On this page: " + ", ".join(f"[{t}](#{a})" for t, a in zip(titles, anchors, strict=True)) + "."


def shown_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the strings with a blank in a module that are not docstrings: messages, help, remedies."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in docs:
            continue
        if " " in node.value and not re.search(r"\(\?|\\[bwsd]|\n", node.value):
            yield node.lineno, node.value


def dead(text: str, among: Mapping[str, str] = DEAD) -> list[str]:
    """Return what of a text this project does not say, each with the plain word."""
    return [
        f"{found[0]!r}: write {plain}"
        for pattern, plain in among.items()
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


def notes(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the docstrings and comments of a module."""
    source = path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):  # fmt: skip
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
