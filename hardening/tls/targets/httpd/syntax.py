"""Apache httpd's configuration language: directives with their places, includes, sections, conditions.

Only lines that can matter to TLS are looked at, so a 50 MB configuration costs one regular expression.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import field, replace

from hardening.records import dataclass
from hardening.tls.release import number
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.interpolation import OVERGROWN, OvergrownError, filled
from hardening.tls.targets.reading.tree import Tree

_SECTION = r"<(?P<close>/?)(?P<section>\w+)[ \t]*(?P<argument>[^\n]*?)>?[ \t]*"
_DIRECTIVE = (
    r"SSL\w+|Include(?:Optional)?|ServerName|ServerAlias|ServerRoot|Listen|Define|UnDefine|LoadModule|Use"
)
_LINE = re.compile(
    rf"^[ \t]*(?:{_SECTION}|(?P<name>{_DIRECTIVE})[ \t]+(?P<value>[^\n]*?)[ \t]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_CONTINUED = re.compile(r"\\\n")
_BETWEEN_WORDS = re.compile(r"(?<=[ \t])\\\n|\\\n(?=[ \t])")
_MARKS = str.maketrans("", "", "\x00\x01")
"""What stands for the end of a line that goes on: httpd puts nothing in its place."""
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+)')
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_VERSION_TEST = re.compile(r"(?P<not>!?)\s*(?P<op>==?|>=?|<=?|~)?\s*(?P<version>\S+)")
_SILENT = frozenset({"ssloptions", "sslrequire", "sslrequiressl", "sslusername", "sslpassphrasedialog", "sslsessioncache",
                     "sslsessioncachetimeout", "sslrandomseed", "sslmutex", "sslcryptodevice"})  # fmt: skip
"""Directives that change nothing of what is offered, whatever they depend on."""
_INCLUDES = Manner(folders=True, may_be_absent=frozenset({"includeoptional"}))
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
    spelling: str
    words: tuple[str, ...]
    path: str
    line: int
    span: tuple[int, int] = (0, 0)
    """First and last offset in its file."""
    inside: str = ""
    """The section for single requests it stands in, such as `Location /x`; empty: none."""


@dataclass(slots=True)
class OpenSection:
    """One section that is open while a file is read."""

    kind: str
    """Lower case."""
    spelling: str
    """Name and argument."""
    line: int
    entered: bool
    """Whether what stands in it is in force."""
    before: VirtualHost | None
    doubt: bool = False
    """Whether nothing in the files says if its condition holds."""
    excluded: bool = False
    """Whether its condition certainly does not hold."""
    settings: list[Doubted] = field(default_factory=list)
    """TLS directives that depend on that."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """A directive that only a condition puts in force, and how many came before it."""

    spelling: str
    key: str
    """What a later directive has to set so that this one does not matter."""
    host: VirtualHost | None
    count: int


@dataclass(slots=True)
class VirtualHost:
    """The main server, or one `<VirtualHost>`."""

    addresses: tuple[str, ...]
    path: str
    line: int
    directives: list[Directive] = field(default_factory=list)
    close: int | None = None
    """The offset of `</VirtualHost>` in its file."""
    per_request: list[Directive] = field(default_factory=list)
    """TLS directives inside `<Location>` and the like: they take effect by renegotiation."""
    settled: dict[str, int] = field(default_factory=dict)
    """For each directive that no condition puts in force, how many came before its last."""

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


class HttpdReader:
    """Reads one tree into the main server and its virtual hosts."""

    def __init__(self, tree: Tree, upstream: tuple[int, ...], knows: Callable[[str], bool | None]) -> None:
        self.tree = tree
        self.upstream = upstream
        self.knows = knows
        """Whether the release has a directive; None for one that is not about TLS."""
        self.main: VirtualHost | None = None
        self.hosts: list[VirtualHost] = []
        self.listens: list[Directive] = []
        self.defined: dict[str, str] = {}
        self.modules: set[str] = set()
        self.root = ""
        self._includes = Includes(tree, _INCLUDES)
        self._sections: list[OpenSection] = []
        self._current: VirtualHost | None = None
        self._span = (0, 0)
        self._count = 0
        self._doubts: list[tuple[str, OpenSection]] = []

    def read(self, path: str) -> None:
        """Read the main file and whatever it includes."""
        self.root = self.root or _guess_root(self.tree, path)
        if self.main is None:
            self.main = VirtualHost((), path, 1)
            self._current = self.main
        self._includes.read(path, self._text)
        self._say_doubts()

    def _text(self, text: str, path: str) -> None:
        if "\\\n" in text:
            text = _BETWEEN_WORDS.sub(" \x00", text)  # one logical line; the marks keep the count
            text = _CONTINUED.sub("\x01\x00", text)
        line, seen = 1, 0
        sections = self._sections
        base = len(sections)
        for found in _LINE.finditer(text):
            line += text.count("\n", seen, found.start()) + text.count("\x00", seen, found.start())
            seen = found.start()
            section = found["section"]
            if section is None:
                self._span = (found.start(), found.end())
                self._directive(found["name"], found["value"].translate(_MARKS), path, line)
                continue
            kind = section.lower()
            if not found["close"]:
                self._opens(kind, f"{section} {found['argument']}".strip(), path, line)
            elif len(sections) == base or sections[-1].kind != kind:
                self.tree.say("syntax", path, line, f"</{section}> closes nothing that is open")
            else:
                if kind == "virtualhost" and self._current is not None and self._current.path == path:
                    self._current.close = found.start()
                self._closes(path)
        while len(sections) > base:
            self.tree.say("unclosed", path, sections[-1].line, f"<{sections[-1].kind}> is never closed")
            self._closes(path)

    def _opens(self, kind: str, spelling: str, path: str, line: int) -> None:
        argument = self._fill(spelling[len(kind) :].strip())
        here = OpenSection(kind, spelling.translate(_MARKS), line, self._in_force(), self._current)
        if kind in CONDITIONS and not self._ruled_out():
            holds, here.doubt = self._enter(kind, argument, path, line)
            here.entered = here.entered and holds
            here.excluded = not holds and not here.doubt
        elif kind == "macro":
            here.entered, here.excluded = False, True
        elif here.entered and kind == "virtualhost":
            self._current = VirtualHost(words(argument), path, line)
            self.hosts.append(self._current)
        self._sections.append(here)

    def _closes(self, path: str) -> None:
        here = self._sections.pop()
        if here.kind == "virtualhost" and here.entered:
            self._current = here.before
        if here.settings:
            self._doubts.append((path, here))

    def _say_doubts(self) -> None:
        """Report what depends on a condition, except what a later directive sets in both cases."""
        for path, here in self._doubts:
            names = ", ".join(dict.fromkeys(x.spelling for x in here.settings if not _overruled(x)))
            if names:
                self.tree.say("conditional", path, here.line,
                    f"{names} {'hold' if ',' in names else 'holds'} only where <{here.spelling}> does, and the files do not say whether it does"
                    + ("; they are read as in force" if here.entered else "; read as not in force"),
                )  # fmt: skip
        self._doubts.clear()

    def _in_force(self) -> bool:
        return not self._sections or self._sections[-1].entered

    def _ruled_out(self) -> bool:
        """Whether something around here certainly does not hold, so that nobody need know what it says."""
        return any(s.excluded for s in self._sections)

    def _fill(self, text: str) -> str:
        text = text.translate(_MARKS)
        if "${" not in text:
            return text
        try:
            return filled(_VARIABLE, text, lambda m: self.defined.get(m[1], m[0]))
        except OvergrownError:
            self.tree.say("syntax", self._includes.now, None, OVERGROWN)
            return text

    def _enter(self, kind: str, argument: str, path: str, line: int) -> tuple[bool, bool]:
        """Return whether a condition holds, and whether that is a guess."""
        negated = argument.startswith("!")
        test = words(argument.lstrip("!"))
        name = test[0] if test else ""
        if kind == "ifversion":
            return _version_holds(
                argument, self.upstream, lambda why: self.tree.say("syntax", path, line, why)
            ), False
        if kind == "ifdefine":  # a name that no file defines may be given when the server is started: -D NAME
            holds, doubt = name in self.defined, name not in self.defined
        elif kind == "ifmodule":
            holds, doubt = self._loaded(name)
        elif kind == "iffile":
            holds, doubt = self.tree.exists(self.tree.place(name, self.root)), False
        elif kind == "ifdirective":
            known = self.knows(name)
            holds, doubt = known is not False, known is None
        else:
            holds, doubt = True, True
        return holds is not negated, doubt

    def _loaded(self, name: str) -> tuple[bool, bool]:
        """Without mod_ssl nothing here matters; any other module that no file loads may be compiled in."""
        plain = name.lower().removesuffix(".c").removesuffix("_module").removeprefix("mod_")
        if plain in {"ssl", "core", "http", "so"}:
            return True, False
        loaded = plain in self.modules
        return loaded or not self.modules, not loaded

    def _directive(self, spelling: str, value: str, path: str, line: int) -> None:
        name = spelling.lower()
        value = self._fill(value)
        doubted = next((s for s in self._sections if s.doubt), None)
        if not self._in_force() and (doubted is None or self._ruled_out()):
            return
        if name.startswith("include"):
            for pattern in words(value):
                self._includes.follow(pattern, self.root, self._text, (path, line), name)
            return
        self._count += 1
        key = _key(name, value)
        host = None if any(s.kind in _PER_REQUEST for s in self._sections) else self._current
        if doubted is not None and _matters(name):
            doubted.settings.append(Doubted(spelling, key, host, self._count))
        if not self._in_force():
            return
        if doubted is None and host is not None and key:
            host.settled[key] = self._count
        self._takes(Directive(name, spelling, words(value), path, line, self._span))

    def _takes(self, one: Directive) -> None:
        """Take in a directive that is in force."""
        name, split = one.name, one.words
        if name == "define" and split:
            self.defined[split[0]] = split[1] if len(split) > 1 else ""
        elif name == "undefine" and split:
            self.defined.pop(split[0], None)
        elif name == "loadmodule" and split:
            self.modules.add(split[0].lower().removesuffix("_module"))
        elif name == "serverroot" and split:
            root = self.tree.place(split[0], posixpath.dirname(one.path))
            if (
                self.tree.is_folder(root) or self.tree.in_memory
            ):  # else the files are a copy that lies elsewhere
                self.root = root
        elif name == "use":
            self.tree.say(
                "syntax", one.path, one.line, f"the macro {split[0] if split else '?'} is not expanded"
            )
        elif name == "listen":
            self.listens.append(one)
        elif self._current is not None:
            inside = next((s.spelling for s in reversed(self._sections) if s.kind in _PER_REQUEST), "")
            if inside:
                self._current.per_request.append(replace(one, inside=inside))
            else:
                self._current.directives.append(one)


def _matters(name: str) -> bool:
    """Whether a directive says what the server offers; those of mod_proxy say what it asks others for."""
    return name.startswith("ssl") and not name.startswith("sslproxy") and name not in _SILENT


_ONE_VALUE = frozenset(
    {"sslprotocol", "sslciphersuite", "sslhonorcipherorder", "sslcompression", "sslengine"}
)
"""Directives of which the last one holds, whatever those before it said."""


def _key(name: str, value: str) -> str:
    """Return what tells one setting from another; nothing where a later directive adds to those before."""
    newer = name == "sslciphersuite" and value.lower().startswith("tlsv1.3")
    return f"{name} TLSv1.3" if newer else name if name in _ONE_VALUE else ""


def _overruled(one: Doubted) -> bool:
    return one.host is not None and one.host.settled.get(one.key, -1) > one.count


def _guess_root(tree: Tree, path: str) -> str:
    """Return what relative paths start from until ServerRoot says it: of a file that others include, the folder of the main file."""
    own = folder = posixpath.dirname(path)
    while folder not in {"", "/", tree.prefix}:
        if tree.exists(f"{folder}/apache2.conf") or tree.exists(f"{folder}/conf/httpd.conf"):
            return folder
        folder = posixpath.dirname(folder)
    return posixpath.dirname(own) if posixpath.basename(own) in {"conf", "conf.d"} else own


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
            complain(f"<IfVersion {argument}> compares with something that is not a version")
            return True
        width = max(len(want), 3)
        left, right = (*have, 0, 0, 0)[:width], (*want, 0, 0, 0)[:width]
        holds = {
            "=": left == right, "==": left == right, ">": left > right, ">=": left >= right,
            "<": left < right, "<=": left <= right,
        }[operator]  # fmt: skip
    return holds is not bool(found["not"])
