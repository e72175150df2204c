"""Where settings go in a file whose last value wins: the old lines out, the new ones at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from hardening.tls.targets.base import Edit, Job
from hardening.tls.targets.reading.flat_syntax import Line
from hardening.tls.targets.reading.tree import Tree

_REMARK = re.compile(r"(?<!\s)\s+#[^\n]*\Z")


def at_end(tree: Tree, path: str, old: Iterable[Line], params: Mapping[str, str]) -> Edit:
    """Return the edit that takes whole lines away and puts new ones at the end of the main file."""
    source = tree.source(path)
    return Edit(
        path=path,
        at=len(source.text) if source else 0,
        remove=tuple(dict.fromkeys((line.path, *span(tree, line.path, line.line)) for line in old)),
        params=params,
    )


def after(tree: Tree, lines: Iterable[Line], old: Iterable[Line], params: Mapping[str, str]) -> Edit:
    """Return the edit that puts new settings after the last of some lines: inside the section they stand in."""
    last = list(lines)[-1]
    source = tree.source(last.path)
    text = source.text if source else ""
    end = text.find("\n", span(tree, last.path, last.line)[1])
    return Edit(
        path=last.path,
        at=len(text) if end < 0 else end + 1,
        remove=tuple(dict.fromkeys((line.path, *span(tree, line.path, line.line)) for line in old)),
        params=params,
    )


def instead(tree: Tree, line: Line, write: Callable[[Job], str]) -> Edit:
    """Return the edit that rewrites one line; a comment behind it stays."""
    source = tree.source(line.path)
    text = source.text if source else ""
    first, last = span(tree, line.path, line.line)
    start = text.rfind("\n", 0, first) + 1
    indent, remark = text[start:first], _REMARK.search(text[first:last])
    tail = remark[0] if remark else ""
    return Edit(
        path=line.path,
        at=start,
        remove=((line.path, start, last),),
        write=lambda job: f"{indent}{write(job)}{tail}\n",
    )


def span(tree: Tree, path: str, line: int) -> tuple[int, int]:
    """Return the first and last offset of a line's text, without the blanks around it."""
    source = tree.source(path)
    lines = source.text.split("\n") if source else [""]
    start = sum(len(text) + 1 for text in lines[: line - 1])
    text = lines[line - 1]
    while text.endswith("\\") and line < len(lines):  # a line that goes on goes as a whole
        text += f"\n{lines[line]}"
        line += 1
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())
