"""Where settings go in a file whose last value wins: the old lines out, the new ones at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hardening.tls.targets.base import Edit
from hardening.tls.targets.flat_syntax import Line
from hardening.tls.targets.tree import Tree


def at_end(tree: Tree, path: str, old: Iterable[Line], params: Mapping[str, str]) -> Edit:
    """Return the edit that takes whole lines away and puts new ones at the end of the main file."""
    source = tree.source(path)
    return Edit(
        path=path,
        at=len(source.text) if source else 0,
        remove=tuple(dict.fromkeys((line.path, *span(tree, line.path, line.line)) for line in old)),
        params=params,
    )


def span(tree: Tree, path: str, line: int) -> tuple[int, int]:
    """Return the first and last offset of a line's text, without the blanks around it."""
    source = tree.source(path)
    lines = source.text.split("\n") if source else [""]
    start = sum(len(text) + 1 for text in lines[: line - 1])
    text = lines[line - 1]
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())
