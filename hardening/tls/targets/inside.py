"""Paths of a host whose `/` is a folder here: links lead inside it, never to the machine that looks."""

from __future__ import annotations

import os

LINKS = 40
"""Links that one path may lead over, as in Linux."""


def real(top: str, path: str) -> str:
    """Return the host's own path without links; a loop is returned as far as it was followed."""
    top = top.rstrip("/")
    todo = [part for part in reversed(path.split("/")) if part]
    here: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            if part == ".." and here:
                here.pop()
            continue
        here.append(part)
        at = f"{top}/{'/'.join(here)}"
        if links < LINKS and os.path.islink(at):  # noqa: PTH114 - a Path per step costs more than the question
            links += 1
            target = os.readlink(at)  # noqa: PTH115 - the text of the link, not a Path made of it
            here = [] if target.startswith("/") else here[:-1]
            todo += [one for one in reversed(target.split("/")) if one]
    return "/" + "/".join(here)
