"""Apache httpd's configuration language: directives with their places, includes, sections, conditions.

Only lines that can matter to TLS are looked at, so a 50 MB configuration costs one regular expression.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hardening.tls.targets.release import number
from hardening.tls.targets.tree import DEEPEST, Tree

_LINE = re.compile(
    r"^[ \t]*(?:<(?P<close>/?)(?P<section>\w+)[ \t]*(?P<argument>[^\n]*?)>?[ \t]*"
    r"|(?P<name>SSL\w+|Include(?:Optional)?|ServerName|ServerRoot|Listen|Define|UnDefine|LoadModule|Use)"
    r"[ \t]+(?P<value>[^\n]*?)[ \t]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_CONTINUED = re.compile(r"\\\n")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+)')
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_VERSION_TEST = re.compile(r"(?P<not>!?)\s*(?P<op>==?|>=?|<=?|~)?\s*(?P<version>\S+)")
CONDITIONS = frozenset({"ifmodule", "ifversion", "ifdefine", "iffile", "ifdirective", "ifsection"})
_PER_REQUEST = frozenset(
    {"directory", "directorymatch", "files", "filesmatch", "location", "locationmatch", "limit", "limitexcept",
     "proxy", "proxymatch", "if", "elseif", "else", "requireall", "requireany", "requirenone", "macro"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive in force, with where it stands."""

    name: str
    """Lower case."""
    written: str
    words: tuple[str, ...]
    path: str
    line: int
    span: tuple[int, int] = (0, 0)
    """First and last offset in its file."""


@dataclass(slots=True)
class Host:
    """The main server, or one `<VirtualHost>`."""

    addresses: tuple[str, ...]
    path: str
    line: int
    directives: list[Directive] = field(default_factory=list)
    close: int | None = None
    """The offset of `</VirtualHost>` in its file."""
    per_request: list[Directive] = field(default_factory=list)
    """TLS directives inside `<Location>` and the like: they take effect by renegotiation."""

    def last(self, name: str) -> Directive | None:
        """Return the directive that wins: the last one."""
        return next((d for d in reversed(self.directives) if d.name == name), None)


def words(text: str) -> tuple[str, ...]:
    """Split a directive's value as httpd does: blanks, and quotes that hold blanks."""
    if '"' not in text and "'" not in text:
        return tuple(text.split())
    return tuple(
        re.sub(r"\\(.)", r"\1", m[1] if m[1] is not None else m[2]) if m[3] is None else m[3]
        for m in _WORD.finditer(text)
    )


class Reader:
    """Reads one tree into the main server and its virtual hosts."""

    def __init__(self, tree: Tree, upstream: tuple[int, ...], knows: Callable[[str], bool | None]) -> None:
        self.tree = tree
        self.upstream = upstream
        self.knows = knows
        """Whether the release has a directive; None for one that is not about TLS."""
        self.main: Host | None = None
        self.hosts: list[Host] = []
        self.listens: list[Directive] = []
        self.defined: dict[str, str] = {}
        self.modules: set[str] = set()
        self.root = ""
        self._open: list[str] = []
        self._current: Host | None = None
        self._span = (0, 0)

    def read(self, path: str) -> None:
        """Read the main file and whatever it includes."""
        self.root = self.root or _guess_root(path)
        if self.main is None:
            self.main = Host((), path, 1)
            self._current = self.main
        self._file(path, None)

    def _file(self, path: str, asked_from: tuple[str, int] | None) -> None:
        if path in self._open or len(self._open) >= DEEPEST:
            at, line = asked_from or (path, 1)
            self.tree.say("include-loop", at, line, f"{path} includes itself")
            return
        source = self.tree.source(path, asked_from=asked_from)
        if source is None:
            return
        self._open.append(path)
        self._text(source.text, path)
        self._open.pop()

    def _text(self, text: str, path: str) -> None:  # noqa: C901, PLR0912 - the parser's loop, one branch per kind of line
        if "\\\n" in text:
            text = _CONTINUED.sub(" \x00", text)  # one logical line; the marks keep the count
        line, seen = 1, 0
        sections: list[tuple[str, int, bool, Host | None]] = []
        skipping = 0
        for found in _LINE.finditer(text):
            line += text.count("\n", seen, found.start()) + text.count("\x00", seen, found.start())
            seen = found.start()
            section = found["section"]
            if section is None:
                if not skipping:
                    self._span = (found.start(), found.end())
                    self._directive(found["name"], found["value"].replace("\x00", ""), path, line, sections)
                continue
            kind = section.lower()
            if not found["close"]:
                holds = not skipping and self._enter(kind, self._fill(found["argument"]), path, line)
                sections.append((kind, line, holds, self._current))
                if not holds:
                    skipping += 1
                elif kind == "virtualhost":
                    self._current = Host(words(self._fill(found["argument"])), path, line)
                    self.hosts.append(self._current)
                continue
            if not sections or sections[-1][0] != kind:
                self.tree.say("syntax", path, line, f"</{section}> closes nothing that is open")
                continue
            _, _, held, before = sections.pop()
            if not held:
                skipping -= 1
            elif kind == "virtualhost":
                if self._current is not None and self._current.path == path:
                    self._current.close = found.start()
                self._current = before
        for kind, opened, _, before in reversed(sections):
            self.tree.say("unclosed", path, opened, f"<{kind}> is never closed")
            if kind == "virtualhost":
                self._current = before

    def _fill(self, text: str) -> str:
        text = text.replace("\x00", "")
        if "${" not in text:
            return text
        return _VARIABLE.sub(lambda m: self.defined.get(m[1], m[0]), text)

    def _enter(self, kind: str, argument: str, path: str, line: int) -> bool:
        if kind not in CONDITIONS:
            return kind != "macro"
        negated = argument.startswith("!")
        test = words(argument.lstrip("!"))
        name = test[0] if test else ""
        if kind == "ifversion":
            return _version_holds(
                argument, self.upstream, lambda why: self.tree.say("syntax", path, line, why)
            )
        if kind == "ifdefine":
            holds = name in self.defined
        elif kind == "ifmodule":
            holds = self._loaded(name)
        elif kind == "iffile":
            holds = self.tree.exists(self.tree.place(name, self.root))
        elif kind == "ifdirective":
            holds = self.knows(name) is not False
        else:
            holds = True
        return holds is not negated

    def _loaded(self, name: str) -> bool:
        """A module nothing is known about counts as loaded: better a directive too many than one too few."""
        if not self.modules or "ssl" in name.lower():
            return True
        plain = name.lower().removesuffix(".c").removesuffix("_module")
        plain = plain.removeprefix("mod_")
        if plain in {"prefork", "worker", "event", "core", "http", "so"}:
            return plain != "worker"
        return plain in self.modules

    def _directive(
        self,
        written: str,
        value: str,
        path: str,
        line: int,
        sections: list[tuple[str, int, bool, Host | None]],
    ) -> None:
        name = written.lower()
        value = self._fill(value)
        if name.startswith("include"):
            self._include(name, value, path, line)
            return
        split = words(value)
        one = Directive(name, written, split, path, line, self._span)
        if name == "define" and split:
            self.defined[split[0]] = split[1] if len(split) > 1 else ""
        elif name == "undefine" and split:
            self.defined.pop(split[0], None)
        elif name == "loadmodule" and split:
            self.modules.add(split[0].lower().removesuffix("_module"))
        elif name == "serverroot" and split:
            self.root = self.tree.place(split[0], posixpath.dirname(path))
        elif name == "use":
            self.tree.say("syntax", path, line, f"the macro {value.split()[0]} is not expanded")
        elif name == "listen":
            self.listens.append(one)
        elif self._current is not None:
            inside = any(kind in _PER_REQUEST for kind, *_ in sections)
            (self._current.per_request if inside else self._current.directives).append(one)

    def _include(self, name: str, value: str, path: str, line: int) -> None:
        for pattern in words(value):
            place = self.tree.place(pattern, self.root)
            for one in self._included(place):
                if name == "includeoptional" and not self.tree.exists(one):
                    continue
                self._file(one, (path, line))

    def _included(self, place: str) -> Iterator[str]:
        for one in self.tree.glob(place):
            if self.tree.is_folder(one):
                yield from self.tree.listing(one)
            else:
                yield one


def _guess_root(path: str) -> str:
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder) in {"conf", "conf.d"} else folder


def _version_holds(argument: str, have: tuple[int, ...], complain: Callable[[str], None]) -> bool:
    found = _VERSION_TEST.fullmatch(argument.strip())
    if found is None:
        complain(f"<IfVersion {argument}> is not understood")
        return True
    operator, wanted = found["op"] or "=", found["version"]
    if operator == "~" or wanted.startswith("/"):
        holds = re.search(wanted.strip("/"), ".".join(map(str, have))) is not None
    else:
        try:
            want = number(wanted)
        except ValueError:
            complain(f"<IfVersion {argument}> compares with what is no version")
            return True
        width = max(len(want), 3)
        left, right = (*have, 0, 0, 0)[:width], (*want, 0, 0, 0)[:width]
        holds = {
            "=": left == right, "==": left == right, ">": left > right, ">=": left >= right,
            "<": left < right, "<=": left <= right,
        }[operator]  # fmt: skip
    return holds is not bool(found["not"])
