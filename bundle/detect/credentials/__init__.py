"""Hard-coded credentials: found by where a value stands, judged by what it says for itself.

One gate over all patterns (`rules.gate`) says where to look; `statements` and the nets of the families look there, `standing`
weighs what they catch by its place, `sureness` says what is high, and `reporting` makes the finding.
Rooms, each of which knows those before it alone: `rules`, `judging` (a name, a value), `texts` (a member), `statements` and
`lines`, `java` and `prose`. The value itself never leaves this package: findings carry the name it stands beside, masked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import chain
from os import urandom
from pathlib import Path

from bundle.detect.credentials import examples
from bundle.detect.credentials.java import classes, sinks, verdicts, written
from bundle.detect.credentials.java.holding import class_words, is_meant
from bundle.detect.credentials.java.known import COMMAND, LINES, Said
from bundle.detect.credentials.judging.values import SECRET_WORD, is_generated
from bundle.detect.credentials.judging.wanted import Wanted
from bundle.detect.credentials.lines import rows
from bundle.detect.credentials.nets import by_net, lines
from bundle.detect.credentials.parts import NATIVE, PROGRAMS, TEXTS, WHOLE, Gates, Pattern, part_of, parts_of
from bundle.detect.credentials.reporting import SUDO, by_path, finding
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family, Net, shipped
from bundle.detect.credentials.rules.gate import PatternGate
from bundle.detect.credentials.standing import distinct, in_code, in_comment, placed
from bundle.detect.credentials.statements import assign, calls
from bundle.detect.credentials.sureness import weighed
from bundle.detect.credentials.texts import heredoc, native, place
from bundle.detect.credentials.texts.filenames import FileNames
from bundle.detect.credentials.texts.replacing import Literal, is_reference, literal
from bundle.detect.credentials.texts.spans import Spans
from bundle.detect.credentials.texts.textview import View
from bundle.walk.derive import bytecode
from bundle.walk.gate import Gate
from bundle.walk.member import Member
from hardening.findings import Confidence, Finding, Rule

_UNREADABLE = frozenset(
    "png jpeg gif ogg mp3 font pyc ole jks pdf sqlite zip gzip xz bzip2 zstd empty".split()
)
_ALLOWED = re.compile(r"(?i)(?:git|better)leaks:\s*allow|pragma:\s*allowlist\s+secret|trufflehog:\s*ignore")
_FEW_DIGITS = 2
_WITH_ARCHIVES = frozenset(("makeself", "self-extracting", *native.PROGRAMS))
"""What is read although archives lie in it: a script or a program is more than what it carries."""
_STYLE_SHEETS = (".css", ".scss", ".less", ".sass", ".css.map")
_SEPARATED = (".csv", ".tsv", ".tab", ".psv")
_LONGEST_PATH = 4096
"""Letters of a member's name that are looked at, from its end: no host has a longer path (PATH_MAX)."""
_LARGEST_SOURCE = 1 << 20


class Credentials:
    """The credential families behind one gate; stateless between members."""

    def __init__(
        self, families: Sequence[Family] | None = None, *, engine: str = "auto", key: bytes = b""
    ) -> None:
        """Compile the gate; `engine` is `auto` or `plain`, `key` that of `--baseline-key`."""
        self._key = key
        self._own_key = urandom(32)
        """Tells equal values apart from others within this process and its workers, and is written nowhere."""
        self._families = tuple(shipped() if families is None else families)
        nets = [(f, n) for f in self._families for n in f.nets]
        self._nets: list[tuple[Family, Net]] = [(f, n) for f, n in nets if n.files is None]
        self._of_files = [(f, n, n.files) for f, n in nets if n.files is not None]
        self._of_file = FileNames((p.pattern for _, _, p in self._of_files), engine=engine)
        self._asks_for_paths = any(n.path is not None or n.allowed for _, n in nets)
        self._of_paths = [f for f in self._families if f.path is not None]
        self._by_id = {f.rule.id.removeprefix("credential/"): f for f in self._families}
        logins = [s for f in self._families for s in f.sinks]
        self._sinks = {s.callee.lower(): s for s in logins}
        self._calls = calls.Calls(logins)
        self._engine = engine
        self._of_java = {**self._sinks, **{s.callee.lower(): s for s in sinks.SINKS}}
        self._classes = Gate(class_words(self._of_java.values()), engine=engine)
        self._wanted = Wanted(self._of_java.keys())
        self._sources: PatternGate | None = None
        self._patterns = [
            *(Pattern(n.gate, parts_of(f.rule.id, n)) for f, n in self._nets),
            Pattern(calls.gate(logins), TEXTS),
            Pattern(assign.GATE),
            Pattern(rows.GATE, TEXTS),
            Pattern(heredoc.GATE, frozenset((WHOLE, PROGRAMS))),
        ]

    @property
    def base(self) -> bytes:
        """What results depend on beside rules and files of the package: every pattern, a user's own included."""
        made = hashlib.sha256(self._engine.encode())
        for family, net in ((f, n) for f in self._families for n in f.nets):
            parts = (
                family.rule.id, net.regex.pattern, net.regex.flags, net.gate, sorted(net.styles), net.evidence, net.check, net.multiline,
                net.service, net.entropy, net.lists, net.literals, net.files and net.files.pattern, [one.said() for one in net.allowed], net.path and net.path.pattern,
            )  # fmt: skip
            made.update(repr(parts).encode())
        return made.digest()

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say."""
        return tuple(f.rule for f in self._families)

    @cached_property
    def gates(self) -> Gates:
        """The gates, compiled when they are first asked for."""
        return Gates(self._patterns, engine=self._engine)

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the credentials in one member."""
        found = self._in_member(member, subject)
        return chain(by_path(member, subject, self._of_paths), found) if self._of_paths else found

    def _in_member(self, member: Member, subject: str) -> Iterator[Finding]:
        if (
            not member.content
            or member.kind != "file"
            or (member.container and member.format not in _WITH_ARCHIVES)
            or member.derived == "utf-16"  # the file itself is read, with its own lines
        ):
            return iter(())
        if member.format == "class" and not member.derived:
            return self._in_class(member, subject)
        if native.is_native(member):
            return self._in_native(member, subject)
        if _unreadable(member):
            return iter(())
        view = View.of(member)
        kind, caught = self._in_text(member, view, self._path(member, subject))
        return self._in_place(member, view, subject, kind, caught) if caught else iter(())

    def _in_place(
        self, member: Member, view: View, subject: str, kind: str, caught: Sequence[tuple[Family, Catch]]
    ) -> Iterator[Finding]:
        for family, one in self._counted(member, view, subject, kind, caught):
            line, column = view.place(one.start)
            safe = literal(member, view, family.rule.id, one, kind) is not None
            one = weighed(one, family, member, kind, view)  # noqa: PLW2901 - what is said of it
            yield self._said(member, subject, family, one, line, column, safe=safe)

    def literals(self, member: Member, key: bytes, subject: str = "") -> Iterator[Literal]:
        """Yield what may be replaced by a reference, with the place of its finding; `key` seals the values."""
        if member.container or member.kind != "file" or member.format == "class" or _unreadable(member):
            return
        view = View.of(member)
        kind, caught = self._in_text(member, view, self._path(member, subject))
        for family, one in self._counted(member, view, subject, kind, caught):
            found = literal(member, view, family.rule.id, one, kind, key=key)
            if found is not None:
                yield found

    def _counted(
        self, member: Member, view: View, subject: str, kind: str, caught: Sequence[tuple[Family, Catch]]
    ) -> Iterator[tuple[Family, Catch]]:
        """Yield what is caught in a text, each value once, in order, with what its place makes of it."""
        if not caught:
            return
        path = place.inside(member, subject)
        translation = cache(lambda: place.is_translation(member, path, kind))  # of what few are asked
        documentation = member.derived != "sheet-text" and place.is_documentation(path, kind)
        test, sample = examples.is_test(path), place.is_sample(path)
        spans = Spans.of(member, view.data, kind)
        for family, one in distinct(caught):
            if _is_a_text(family, one) and translation():
                continue
            if _ALLOWED.search(view.line(one.start)) or is_reference(view, one):
                continue
            before = view.before(one.start)
            explained = documentation or spans.documents(one.start) or examples.explains(view, one.start)
            shown = sample or (kind == place.CONFIG and examples.beside_a_host(view, one.start))
            counted = placed(one, family, documentation=explained, test=test, sample=shown)
            if kind == place.CODE and not (explained or test or sample):
                counted = in_code(counted)
            if spans.comment(one.start) or place.is_comment(before, kind):
                counted = in_comment(counted)
            yield family, counted

    def _path(self, member: Member, subject: str) -> str:
        """Return the whole path of a member where a user's own rule may ask for it."""
        return place.whole(member, subject) if self._asks_for_paths else ""

    def _in_text(
        self, member: Member, view: View, path: str = "", depth: int = 0
    ) -> tuple[str, list[tuple[Family, Catch]]]:
        """Return the kind of a text, and all that is caught in it."""
        name = member.name[-_LONGEST_PATH:]
        if name.endswith(_STYLE_SHEETS) and not depth:
            return "", []
        told = place.by_name(member)
        own = part_of(told, name)
        hits, nets = self.gates.hits(view.data, own), self._for_a_name(name) if own == WHOLE else []
        table = name.lower().endswith(_SEPARATED) or member.derived == "sheet-text"
        source = name.endswith(".java") and not depth and self._says_something(view)
        if not hits and not nets and not table and not source:
            return "", []
        kind = told or place.of_content(member)
        caught = self._caught(view, hits, kind, path)
        if table:
            caught += [(self._by_id["password-file" if f == "sql" else f], c) for f, c in rows.tabular(view)]
        caught += [(f, c) for f, n in nets for c in by_net(view, n, lines(view, n))]
        if source:
            caught = self._with_source(view, caught)
        texts = hits.get(len(self._patterns) - 1, [])
        if texts and kind in (place.SHELL, place.CODE, place.OTHER) and not depth:
            for body in heredoc.bodies(view, texts):
                caught += [(self._by_id["command-line"], c) for c in heredoc.answers(view, body)]
                data = bytes(view.data[body.start : body.end])
                path = body.name or (
                    "text.sql" if "sql" in body.program or body.program == "mariadb" else "text"
                )
                inner = replace(member, parts=(path,), content=data, size=len(data), format="", derived="")
                caught += [
                    (f, replace(c, start=c.start + body.start, end=c.end + body.start))
                    for f, c in self._in_text(inner, View(data), path, depth + 1)[1]
                ]
        return kind, caught

    def _for_a_name(self, name: str) -> list[tuple[Family, Net]]:
        """Return the nets that files of a name are read whole for: lists of accounts."""
        if not self._of_file.meet(name):
            return []
        return [(f, n) for f, n, path in self._of_files if path.search(name)]

    def _says_something(self, view: View) -> bool:
        """Whether the statements of a Java source are worth to be read."""
        if len(view.data) > _LARGEST_SOURCE:
            return False
        if self._sources is None:
            self._sources = PatternGate(written.WORTH, engine=self._engine)
        return bool(self._sources.hits(view.data))

    def _with_source(self, view: View, caught: list[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
        """Add what the statements of a Java source say, where nothing is as sure."""
        for family, one in verdicts.in_source(view.text(0, len(view.data)), self._judged):
            there = [(f, c) for f, c in caught if c.start < one.end and one.start < c.end]
            if all(
                c.confidence < one.confidence or (one.start <= c.start and c.end < one.end) for _, c in there
            ):
                caught = [pair for pair in caught if pair not in there]
                caught.append((family, one))
        return caught

    def _caught(
        self, view: View, hits: Mapping[int, list[int]], kind: str, path: str = ""
    ) -> list[tuple[Family, Catch]]:
        found: list[tuple[Family, Catch]] = []
        called = len(self._nets)
        for number, ends in sorted(hits.items()):
            if number == called:
                found += [(self._by_id["login-call"], c) for c in self._calls.catches(view, ends)]
            elif number == called + 1:
                found += [(self._by_id["assignment"], c) for c in assign.catches(view, ends, kind)]
            elif number == called + 2:
                found += [(self._by_id[f], c) for f, c in rows.catches(view, ends)]
            elif number < called:
                family, net = self._nets[number]
                if (not net.styles or kind in net.styles) and (net.path is None or net.path.search(path)):
                    found += [(family, c) for c in by_net(view, net, ends, path)]
        return found

    def _said(
        self,
        member: Member,
        subject: str,
        family: Family,
        one: Catch,
        line: int | None,
        column: int | None,
        *,
        safe: bool = False,
    ) -> Finding:
        found = finding(member, subject, family, one, line, column, safe=safe)
        if family.rule.id == SUDO:
            return found
        found = replace(found, same=_seal(self._own_key, one.value)[:16])
        if not self._key:
            return found
        return replace(found, secret_hmac=_seal(self._key, one.value).hex()[:32])

    def _in_class(self, member: Member, subject: str) -> Iterator[Finding]:
        data = bytes(member.content)
        if not is_meant(data, self._classes.hits(data)):
            return
        said: set[tuple[str, str]] = set()
        path = place.inside(member, subject)
        constants = not bytecode.worth_it(data)  # else the text that is made of them says them
        for name, family, one in self._in_calls(classes.calls(data, self._wanted, constants=constants)):
            if (one.key, one.value) in said:
                continue
            if name.startswith("~") and any(value == one.value for _, value in said):
                continue
            said.add((one.key, one.value))
            test, sample = examples.is_test(path), place.is_sample(path)
            counted = placed(one, family, test=test, sample=sample)
            counted = counted if test or sample else in_code(counted)
            counted = weighed(counted, family, member, place.CODE)
            yield self._said(member, subject, family, counted, None, None)

    def _in_native(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say what the literals of a program of machine code, or of data, hold."""
        inside, said = place.inside(member, subject), set()
        path = self._path(member, subject)
        for text in native.texts(member.content):
            if not self.gates.hits(text, NATIVE):  # of most, which need not be copied
                continue
            view = native.literals(text)
            hits = self.gates.hits(view.data, NATIVE)
            found = [pair for kind in native.KINDS for pair in self._caught(view, hits, kind, path)]
            for family, one in distinct(found):
                line = view.line(one.start)
                caught = native.is_meant(family.rule.id, one, line)
                if caught is None or (caught.key, caught.value) in said or _ALLOWED.search(line):
                    continue
                said.add((caught.key, caught.value))
                test, sample = examples.is_test(inside), place.is_sample(inside)
                counted = placed(caught, family, test=test, sample=sample)
                counted = weighed(counted, family, member, place.CODE)
                yield self._said(member, subject, family, counted, None, None)

    def _in_calls(self, calls: Iterable[Said]) -> Iterator[tuple[str, Family, Catch]]:
        """Yield what is a secret of what a class says: the call, and what is caught in it."""
        for name, given in calls:
            for family, one in self._judged(name, given):
                yield name, family, one

    def _judged(self, name: str, given: Sequence[str | None]) -> list[tuple[Family, Catch]]:
        if name == COMMAND:
            view = View(verdicts.as_command(given))
            caught = distinct(self._caught(view, self.gates.hits(view.data, WHOLE), place.SHELL))
            return caught or [(self._by_id[family], one) for family, one in verdicts.in_command(given)]
        if name == LINES:
            view = View((given[0] or "").encode("utf-8", "replace"))
            return verdicts.in_lines(
                view, distinct(self._caught(view, self.gates.hits(view.data, WHOLE), place.CONFIG))
            )
        found = self._in_call(name, given)
        return [found] if found else []

    def _in_call(self, name: str, given: Sequence[str | None]) -> tuple[Family, Catch] | None:
        found = verdicts.judged(self._of_java, name, given)
        return found and (self._by_id[found[0]], found[1])


def _is_a_text(family: Family, one: Catch) -> bool:
    """Whether what is caught in a file of translations may be one of them."""
    sure = one.confidence is Confidence.HIGH and family.rule.id != "credential/assignment"
    if sure or family.rule.id == "credential/login-call":
        return False
    digits = sum(c.isdigit() for c in one.value)
    return digits < _FEW_DIGITS or not is_generated(one.value) or bool(SECRET_WORD.search(one.value))


def _unreadable(member: Member) -> bool:
    """Whether this is no text, nor a text with a stray mark."""
    return not member.derived and (member.format in _UNREADABLE or native.is_binary(member))


def _seal(key: bytes, value: str) -> bytes:
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")


def detector(gitleaks: Sequence[Path] = (), key: bytes = b"") -> Credentials:
    """Return the detector over what is shipped and rule files in gitleaks' format.

    With a `key` each finding carries the HMAC of its value under it. Errors: InputError, DataError.
    """
    if not gitleaks:
        return Credentials(key=key)
    from bundle.detect.credentials.rules.gitleaks import load_gitleaks

    own = {f.rule.id: f for path in gitleaks for f in load_gitleaks(path)}
    return Credentials((*shipped(), *own.values()), key=key)
