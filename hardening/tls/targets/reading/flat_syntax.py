"""Line-by-line configuration languages: `name = value` or `name value`, sections, comments, includes.

Stunnel, Redis, PostgreSQL, MariaDB, Postfix, HAProxy, Squid, coturn and vsftpd all write so; what differs is a `Grammar`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import field
from functools import partial

from hardening.records import dataclass
from hardening.tls.release import Directives, Release
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.tree import Tree


@dataclass(frozen=True, slots=True)
class Line:
    """One setting with where it stands."""

    name: str
    """As the grammar folds it: lower case where case does not matter."""
    value: str
    path: str
    line: int


@dataclass(slots=True)
class Section:
    """A section, or what stands before the first one (with an empty name)."""

    name: str
    path: str
    line: int
    lines: list[Line] = field(default_factory=list)

    def last(self, name: str) -> Line | None:
        """Return the last setting of a name: the one that wins."""
        return next((x for x in reversed(self.lines) if x.name == name), None)

    def every(self, name: str) -> list[Line]:
        """Return all settings of a name in order."""
        return [x for x in self.lines if x.name == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What differs between such languages."""

    separator: str = r"\s*=\s*"
    comment: str = r"[#;]"
    section: str | None = r"\[(?P<section>[^\]]*)\]"
    """A pattern of a whole line that begins a section; None where there are none."""
    include: Callable[[str, str], tuple[str, ...]] = lambda _name, _value: ()
    """For one setting, the patterns of the files it includes."""
    fold: Callable[[str], str] = str.lower
    trailing_comments: bool = False
    continued: str | None = None
    """What stands between a line and one that begins with a blank and continues it: a blank (Postfix), nothing (LDIF); None: no line is continued."""
    quotes: str = "\"'"
    unquoted: Callable[[str], str] | None = None
    """What a value in quotes means where there are escapes in it; None: the text between them."""
    backslash: str | None = None
    """What stands for a backslash at the end of a line, and the blanks after it, where the next line goes on."""
    blanks_after: bool = False
    """Whether the blanks that begin the next line stay (ProFTPD)."""


_INCLUDES = Manner(folders=True, may_be_absent=frozenset({"include_if_exists", "!include_try"}))


def read(tree: Tree, path: str, grammar: Grammar) -> list[Section]:
    """Return the sections of a file and its includes, in order; the first is what stands before any."""
    sections = [Section("", path, 1)]
    includes = Includes(tree, _INCLUDES)
    includes.read(path, partial(_text, tree, grammar, includes, sections))
    return sections


def unknown_directives(
    tree: Tree, lines: Iterable[Line], facts: Directives, release: Release, kind: str = "directive"
) -> None:
    """Say which names about TLS the server does not know: it refuses to start with them, or passes over them."""
    for one in lines:
        if why := facts.stray(one.name, release, kind):
            tree.say("unknown-directive", one.path, one.line, why)


def _text(
    tree: Tree, grammar: Grammar, includes: Includes, sections: list[Section], whole: str, path: str
) -> None:
    take = partial(_text, tree, grammar, includes, sections)
    comment = re.compile(rf"\s*(?:{grammar.comment}|$)")
    trailing = re.compile(rf"(?<!\s)\s+{grammar.comment}.*$")
    remark = rf"(?:{grammar.comment}.*)?" if grammar.trailing_comments else ""
    begins = re.compile(rf"\s*(?:{grammar.section})\s*{remark}$") if grammar.section else None
    split = re.compile(rf"\s*([!@]?[\w.\-+]+(?::\w+)?)(?:{grammar.separator}|\s*$)(.*)$")
    folder = posixpath.dirname(path)
    for number, raw in _logical(whole, grammar, comment):
        # lines that go on without end are many blanks, which patterns would try again and again
        text = raw.strip()
        if begins is not None and (found := begins.match(text)):
            sections.append(Section(found["section"].strip(), path, number))
            continue
        pair = split.match(text)
        if pair is None and grammar.trailing_comments:  # a bare word with a remark after it
            pair = split.match(trailing.sub("", text))
        if pair is None:
            tree.say("syntax", path, number, f"{text.strip()[:60]!r} is not understood")
            continue
        value = pair[2].strip()
        if grammar.trailing_comments and not (grammar.unquoted and value[:1] in grammar.quotes):
            value = trailing.sub("", value)
        quote = value[:1]
        if grammar.unquoted is not None and quote in grammar.quotes:
            value = grammar.unquoted(value)
        elif len(value) > 1 and quote in grammar.quotes and value[-1] == quote and quote not in value[1:-1]:
            value = value[1:-1]  # `"a" "b"` is two words, and stays as it is
        name = grammar.fold(pair[1])
        for pattern in grammar.include(name, value):
            includes.follow(pattern, folder, take, (path, number), name)
        sections[-1].lines.append(Line(name, value, path, number))


def _logical(text: str, grammar: Grammar, comment: re.Pattern[str]) -> list[tuple[int, str]]:
    found: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if comment.match(line):
            continue
        parts = found[-1][1] if found else []
        if grammar.backslash is not None and parts and parts[-1].endswith("\\"):
            rest = line.rstrip() if grammar.blanks_after else line.strip()
            parts[-1] = parts[-1][:-1] + grammar.backslash
            parts.append(rest)
        elif grammar.continued is not None and line[:1] in {" ", "\t"} and parts:
            parts.append(grammar.continued + (line.strip() if grammar.continued else line[1:]))
        else:
            found.append((number, [line]))
    return [(number, "".join(parts)) for number, parts in found]
