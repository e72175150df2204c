"""HAProxy's `.if`, `.elif`, `.else`, `.endif` (from 2.4 on): followed where the release settles them, else said."""

from __future__ import annotations

import re

from hardening.numerals import whole
from hardening.records import dataclass
from hardening.tls.libraries import builds
from hardening.tls.release import Release, number
from hardening.tls.targets.reading.flat_syntax import Line, Section
from hardening.tls.targets.reading.tree import Tree

_VERSION = re.compile(
    r"(?P<not>!?)\s*(?P<library>openssl_)?version_(?P<word>atleast|before)\(\s*(?P<version>\d+(?:\.\d+)*)[^\s,()]*\s*\)"
)
_PARTS = 3
"""Of a version of OpenSSL, which has to be written whole."""
_FEATURE = re.compile(r"(?P<not>!?)\s*feature\(\s*\"?OPENSSL\"?\s*\)")
"""HAProxy with TLS has it, whoever made the library."""


@dataclass(slots=True)
class _Branch:
    """The branch of one `.if` that is being read."""

    line: Line
    holds: bool | None
    """None: nothing in the files says."""
    done: bool | None
    """Whether a branch before it held."""


def settle(tree: Tree, sections: list[Section], release: Release, build: str) -> None:
    """Take out what does not hold; what may or may not is left in and reported with its condition."""
    opened: list[_Branch] = []
    for section in sections:
        kept = []
        for line in section.lines:
            if line.name.startswith("."):
                _step(tree, opened, line, release, build)
            elif all(b.holds is not False for b in opened):
                kept.append(line)
                doubt = next((b for b in opened if b.holds is None), None)
                if doubt is not None and _about_tls(line):
                    tree.say("conditional", doubt.line.path, doubt.line.line,
                             f"{line.name} in line {line.line} depends on `{doubt.line.name} {doubt.line.value}`".rstrip("` ")
                             + "`; every branch is read as in force")  # fmt: skip
        section.lines = kept
    for branch in opened:
        tree.say("unclosed", branch.line.path, branch.line.line, ".if has no .endif")


def _about_tls(line: Line) -> bool:
    return line.name.startswith("ssl-default-bind") or (line.name == "bind" and "ssl" in line.value.split())


def _step(tree: Tree, opened: list[_Branch], line: Line, release: Release, build: str) -> None:
    if line.name == ".if":
        holds = _holds(line.value, release, build)
        opened.append(_Branch(line, holds, holds))
    elif line.name in {".elif", ".else", ".endif"} and not opened:
        tree.say("syntax", line.path, line.line, f"{line.name} without .if")
    elif line.name == ".endif":
        opened.pop()
    elif line.name in {".elif", ".else"}:
        before = opened[-1]
        now = _holds(line.value, release, build) if line.name == ".elif" else True
        if before.done:
            now = False
        elif before.done is None and now is True:
            now = None
        done = True if before.done or now else None if None in {before.done, now} else False
        opened[-1] = _Branch(line, now, done)


def _holds(condition: str, release: Release, build: str) -> bool | None:
    text = condition.strip()
    if text.lower() in {"true", "false"} or whole(text) is not None:
        return text.lower() == "true" or bool(whole(text))
    if not text:
        return False
    if (feature := _FEATURE.fullmatch(text)) is not None:
        return not feature["not"]
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    if found["library"] and found["version"].count(".") < _PARTS - 1:
        return None  # HAProxy refuses it
    runs = builds.build(build).release if found["library"] else release.upstream
    newer = runs >= number(found["version"])
    return (newer if found["word"] == "atleast" else not newer) is not bool(found["not"])
