"""nginx's configuration language: directives and blocks with their lines, includes expanded in place."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import field
from functools import partial

from hardening.records import dataclass
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.tree import Tree

_TOKEN = re.compile(
    r"[ \t\r]*(?:(?P<newline>\n)|(?P<comment>\#[^\n]*)|(?P<end>[;{}])"
    r"|\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>(?:[^'\\]|\\.)*)'"
    r"|(?P<word>(?:\$\{|\\.|[^\s;{}\"'\\])(?:\$\{|\\.|[^\s;{\\])*))",
    re.DOTALL,
)
"""As nginx reads it: a brace behind a dollar is part of the word, and so is every closing one inside of a word."""
KEPT = frozenset({"listen", "server_name", "starttls"})
_LUA = re.compile(r"_by_lua_block$")
_SEVERAL = frozenset({"ssl_protocols", "ssl_conf_command", "ssl_session_cache", "ssl_certificate_cache"})
"""TLS directives with more than one word."""
_REQUESTS = frozenset({"location", "if", "limit_except"})
_INCLUDES = Manner(may_be_absent=_REQUESTS)
"""What a request's block includes sets nothing for a connection."""


@dataclass(slots=True)
class Block:
    """A directive with a block, or the whole of a configuration; only what TLS needs is kept."""

    name: str
    words: tuple[str, ...]
    path: str
    line: int
    directives: list[NginxDirective] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    above: Block | None = None
    close: int | None = None
    """The offset of its closing brace in its file."""

    def last(self, name: str) -> NginxDirective | None:
        """Return the directive in force here: its own, else that of the blocks around it."""
        for one in reversed(self.directives):
            if one.name == name:
                return one
        return self.above.last(name) if self.above else None

    def every(self, name: str) -> list[NginxDirective]:
        """Return all directives of a name at the innermost level that has any."""
        own = [d for d in self.directives if d.name == name]
        return own or (self.above.every(name) if self.above else [])


@dataclass(frozen=True, slots=True)
class NginxDirective:
    """One directive that matters to TLS."""

    name: str
    words: tuple[str, ...]
    path: str
    line: int
    span: tuple[int, int] = (0, 0)
    """First and last offset in its file."""


class NginxReader:
    """Reads one tree into nested blocks."""

    def __init__(self, tree: Tree, path: str) -> None:
        self.tree = tree
        self.folder = _folder(tree, path)
        """What relative paths start from: the folder of the main file, whichever file they stand in."""
        self.top = Block("", (), path, 1)
        self._includes = Includes(tree, _INCLUDES)
        self._includes.read(path, partial(self._text, self.top))

    def servers(self) -> Iterator[tuple[str, Block]]:
        """Yield every server block with its kind: `http`, `stream` or `mail`."""
        for outer in self.top.blocks:
            if outer.name in {"http", "stream", "mail"}:
                yield from ((outer.name, b) for b in outer.blocks if b.name == "server")
            elif outer.name == "server":  # a file of conf.d on its own
                yield "http", outer

    def _text(self, into: Block, text: str, path: str) -> None:  # noqa: C901, PLR0912 - the parser's loop, one branch per kind of token
        line, at, end = 1, 0, len(text)
        words: list[str] = []
        started, begin = 1, 0
        here = into
        match = _TOKEN.match
        while at < end:
            found = match(text, at)
            if found is None:
                if text[at:].strip():
                    self.tree.say("syntax", path, line, "a quoted word never ends")
                break
            at = found.end()
            kind = found.lastgroup
            if kind == "newline":
                line += 1
            elif kind == "comment":
                continue
            elif kind is not None and kind != "end":
                word = found[kind]
                if not words:
                    started, begin = line, found.start(kind) - (kind in {"double", "single"})
                words.append(word)
                line += word.count("\n")
            elif found["end"] == ";":
                if words:
                    self._directive(words, path, started, here, (begin, at))
                words = []
            elif found["end"] == "{":
                if words and _LUA.search(words[0]):
                    at, line = _past_lua(text, at, line)
                else:
                    block = Block(words[0] if words else "", tuple(words[1:]), path, started, above=here)
                    here.blocks.append(block)
                    here = block
                words = []
            elif here is into:
                self.tree.say("syntax", path, line, "a } closes nothing that is open")
                words = []
            else:
                here.close = found.start("end")
                here = here.above or into
                words = []
        self._ended(path, here, into, words, started)

    def _ended(self, path: str, here: Block, into: Block, words: list[str], line: int) -> None:
        if words:
            self.tree.say("unclosed", path, line, f"{words[0]} has no ; at its end")
        while here is not into:
            self.tree.say("unclosed", path, here.line, f"{here.name} {{ is never closed")
            here = here.above or into

    def _directive(self, words: list[str], path: str, line: int, here: Block, span: tuple[int, int]) -> None:
        name = words[0]
        if name == "include":
            for pattern in words[1:]:
                self._includes.follow(
                    pattern, self.folder, partial(self._text, here), (path, line), _for_requests(here)
                )
            return
        if len(words) > _PAIR and (lost := _runs_on(words)):
            why = f"{name} has no ; at its end, so {lost} and what follows are words of it"
            self.tree.say("unclosed", path, line, why)
        if name.startswith("ssl") or name in KEPT:
            here.directives.append(NginxDirective(name, tuple(words[1:]), path, line, span))


_PAIR = 2
"""A directive and its word."""


def _runs_on(words: list[str]) -> str:
    """Return the word that ought to begin a directive of its own, where nginx would count too many."""
    if words[0].startswith("ssl") and words[0] not in _SEVERAL:
        return words[_PAIR]
    return next((word for word in words[1:] if word.startswith("ssl_")), "")


def _for_requests(block: Block | None) -> str:
    """Return the name of a block around here that single requests choose, or nothing."""
    while block is not None and block.name not in _REQUESTS:
        block = block.above
    return block.name if block else ""


def _folder(tree: Tree, path: str) -> str:
    """Return the folder of the main file: of one that others include, the nearest above that has one."""
    own = folder = posixpath.dirname(path)
    while folder not in {"", "/", tree.prefix}:
        if tree.exists(f"{folder}/nginx.conf"):
            return folder
        folder = posixpath.dirname(folder)
    return own


def _past_lua(text: str, at: int, line: int) -> tuple[int, int]:
    """Lua is not nginx's language: skip to the brace that balances."""
    depth, start = 1, at
    for found in re.finditer(r"[{}]", text[at:]):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            at = start + found.end()
            return at, line + text.count("\n", start, at)
    return len(text), line + text.count("\n", start)
