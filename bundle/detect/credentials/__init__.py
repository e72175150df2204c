"""Hard-coded credentials: found by where a value stands, judged by what it says for itself.

One gate over all patterns (see `gate`) says where to look; `assign`, `calls` and the nets of the families look there.
The value itself never leaves this package: findings carry the name it stands beside, masked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import log2
from os import urandom
from pathlib import Path

from bundle.detect.credentials import assign, calls, javaclass, place
from bundle.detect.credentials.catch import Catch
from bundle.detect.credentials.checks import CHECKS
from bundle.detect.credentials.families import Family, Net, Sink, shipped
from bundle.detect.credentials.gate import PatternGate
from bundle.detect.credentials.replacing import Literal, is_reference, literal
from bundle.detect.credentials.rotation import rotate
from bundle.detect.credentials.textview import View, codec
from bundle.detect.credentials.values import Strength, is_placeholder, strength
from bundle.detect.gate import Gate
from bundle.walk.member import Member
from hardening.findings import Confidence, Finding, Fix, Rule, Severity

_UNREADABLE = frozenset(
    "png jpeg gif ogg mp3 font elf pe macho pyc ole data jks pdf sqlite zip gzip xz bzip2 zstd empty".split()
)
_ALLOWED = re.compile(
    r"(?i)(?:gitleaks|betterleaks):\s*allow|pragma:\s*allowlist\s+secret|trufflehog:\s*ignore"
)
_ORDER = (
    "service-token", "login-call", "back-door", "command-line", "sql", "url", "xml", "password-file", "daemon-setting", "password-hash",
    "assignment",
)  # fmt: skip
"""Which family names a value that several caught: the one that knows most about its place."""
_LARGEST_LINE = 200
_STYLE_SHEETS = (".css", ".scss", ".less", ".sass")
_LARGEST_LIST = 1 << 20
_PAIR = 2
_SETTERS = frozenset(
    "put setProperty set add addProperty setAttribute setParameter putString addParameter".split()
)
_STORES_OPENED = frozenset("KeyStore KeyStore$PasswordProtection KeyManagerFactory".split())


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
        self._of_file = re.compile("|".join(f"(?:{p.pattern})" for _, _, p in self._of_files) or r"(?!)")
        self._by_id = {f.rule.id.removeprefix("credential/"): f for f in self._families}
        sinks = [s for f in self._families for s in f.sinks]
        self._sinks = {s.callee.lower(): s for s in sinks}
        self._calls = calls.Calls(sinks)
        self._engine = engine
        self._gate: PatternGate | None = None
        self._classes = Gate(_class_words(sinks), engine=engine)
        self._patterns = [n.gate for _, n in self._nets] + [calls.gate(sinks), assign.GATE]

    @property
    def base(self) -> bytes:
        """What results depend on beside rules and files of the package: every pattern, a user's own included."""
        made = hashlib.sha256(self._engine.encode())
        for family, net in ((f, n) for f in self._families for n in f.nets):
            parts = (
                family.rule.id, net.regex.pattern, net.regex.flags, net.gate, sorted(net.styles), net.evidence, net.check, net.multiline,
                net.entropy, net.files and net.files.pattern, [(one.pattern, one.flags) for one in net.allowed],
            )  # fmt: skip
            made.update(repr(parts).encode())
        return made.digest()

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say."""
        return tuple(f.rule for f in self._families)

    @property
    def gate(self) -> PatternGate:
        """The gate, compiled when it is first asked for."""
        if self._gate is None:
            self._gate = PatternGate(self._patterns, engine=self._engine)
        return self._gate

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Say the credentials in one member."""
        if (
            not member.content
            or member.kind != "file"
            or (member.container and member.format not in ("makeself", "self-extracting"))
        ):
            return
        if member.format == "class" and not member.derived:
            yield from self._in_class(member, subject)
            return
        if _unreadable(member):
            return
        view = View.of(member)
        for kind, family, one in self._each(member, view, subject):
            line, column = view.place(one.start)
            safe = literal(member, view, family.rule.id, one, kind) is not None
            yield self._said(member, subject, family, one, line, column, safe=safe)

    def literals(self, member: Member, key: bytes, subject: str = "") -> Iterator[Literal]:
        """Yield what may be replaced by a reference, with the place of its finding; `key` seals the values."""
        if member.container or member.kind != "file" or member.format == "class" or _unreadable(member):
            return
        view = View.of(member)
        for kind, family, one in self._each(member, view, subject):
            found = literal(member, view, family.rule.id, one, kind, key=key)
            if found is not None:
                yield found

    def _each(self, member: Member, view: View, subject: str) -> Iterator[tuple[str, Family, Catch]]:
        """Yield what is caught in a text, each value once, in order, with the kind of text."""
        name = member.name
        if name.endswith(_STYLE_SHEETS):
            return
        hits = self.gate.hits(view.data)
        nets = (
            [(f, n) for f, n, path in self._of_files if path.search(name)]
            if self._of_file.search(name)
            else []
        )
        if not hits and not nets:
            return
        kind = place.style(member)
        caught = self._caught(view, hits, kind)
        caught += [(f, c) for f, n in nets for c in _by_net(view, n, _lines(view))]
        if not caught:
            return
        path = place.inside(member, subject)
        translation = place.is_translation(member, path, kind)
        documentation = place.is_documentation(path, kind)
        test = place.is_test(path)
        for family, one in _distinct(caught):
            if translation and (
                family.rule.id == "credential/assignment" or one.confidence < Confidence.HIGH
            ):
                continue
            if _ALLOWED.search(view.line(one.start)) or is_reference(view, one):
                continue
            placed = _placed(one, family, documentation=documentation, test=test)
            if place.is_comment(view.before(one.start), kind):
                placed = _in_comment(placed)
            yield kind, family, placed

    def _caught(self, view: View, hits: Mapping[int, list[int]], kind: str) -> list[tuple[Family, Catch]]:
        found: list[tuple[Family, Catch]] = []
        assigned, called = len(self._patterns) - 1, len(self._patterns) - 2
        for number, ends in hits.items():
            if number == assigned:
                found += [(self._by_id["assignment"], c) for c in assign.catches(view, ends, kind)]
            elif number == called:
                found += [(self._by_id["login-call"], c) for c in self._calls.catches(view, ends)]
            else:
                family, net = self._nets[number]
                if not net.styles or kind in net.styles:
                    found += [(family, c) for c in _by_net(view, net, ends)]
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
        found = _finding(member, subject, family, one, line, column, safe=safe)
        if family.rule.id != "credential/sudo-rule":
            found = replace(found, same=_seal(self._own_key, one.value)[:16])
        if not self._key:
            return found
        return replace(found, secret_hmac=_seal(self._key, one.value).hex()[:32])

    def _in_class(self, member: Member, subject: str) -> Iterator[Finding]:
        if not self._classes.hits(member.content):
            return
        said: set[tuple[str, str]] = set()
        for name, given in javaclass.calls(bytes(member.content)):
            caught = self._in_call(name, given)
            if caught is None or (caught[1].key, caught[1].value) in said:
                continue
            family, one = caught
            said.add((one.key, one.value))
            placed = _placed(
                one, family, documentation=False, test=place.is_test(place.inside(member, subject))
            )
            yield self._said(member, subject, family, placed, None, None)

    def _in_call(self, name: str, given: Sequence[str | None]) -> tuple[Family, Catch] | None:
        if name.startswith("="):
            return self._named(name[1:], given[0])
        sink = self._sinks.get(name.lower())
        if sink is None and name in _STORES_OPENED:
            value = next((v for v in reversed(given) if v), None)
            if value and not is_placeholder(value):
                return self._by_id["login-call"], Catch(0, 0, value, key=name, service="key store")
        if sink is not None:
            value = given[sink.secret] if sink.secret < len(given) else None
            if not value or is_placeholder(value) or " " in value:
                return None
            user = given[sink.user] if 0 <= sink.user < len(given) else None
            return self._by_id["login-call"], Catch(
                0, 0, value, key=sink.callee, user=user or "", service=sink.service
            )
        if len(given) == _PAIR and given[0] and name in _SETTERS:
            named = self._named(given[0].rsplit(".", 1)[-1], given[1])
            return named and (
                named[0],
                replace(named[1], confidence=max(named[1].confidence, Confidence.MEDIUM)),
            )
        return None

    def _named(self, name: str, value: str | None) -> tuple[Family, Catch] | None:
        """Judge a value by the name that it is given: a field, or a key in a table."""
        confidence = None if value is None else assign.judged(name, value)
        if value is None or confidence is None or value.lower() == name.lower():
            return None
        return self._by_id["assignment"], Catch(0, 0, value, key=name, confidence=confidence)


def _unreadable(member: Member) -> bool:
    """Whether this is no text; UTF-16 looks like data but for its mark."""
    marked = member.format == "data" and bool(codec(member.content)[0])
    return member.format in _UNREADABLE and not member.derived and not marked


def _seal(key: bytes, value: str) -> bytes:
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")


def _class_words(sinks: Sequence[Sink]) -> Iterator[bytes]:
    """Yield what a Java class has to hold before its bytecode is followed, which one in fifty is worth.

    A method's name stands in the constant pool with its length in front; a constructor's class ends a path.
    """
    for name in (*(s.callee for s in sinks), *_STORES_OPENED):
        text = name.encode()
        yield len(text).to_bytes(2, "big") + text
        yield b"/" + text
    for word in (
        b"password",
        b"passwd",
        b"passphrase",
        b"pwd",
        b"secret",
        b"token",
        b"credential",
        b"apikey",
        b"psk",
    ):
        yield from (word, word.upper(), word.capitalize())
    yield from (b"PASS", b"Pass", b"\0\4pass", b"_pass", b"dbpass")


def detector(gitleaks: Sequence[Path] = (), key: bytes = b"") -> Credentials:
    """Return the detector over what is shipped and rule files in gitleaks' format.

    With a `key` each finding carries the HMAC of its value under it. Errors: InputError, DataError.
    """
    if not gitleaks:
        return Credentials(key=key)
    from bundle.detect.credentials.gitleaks import load_gitleaks

    own = {f.rule.id: f for path in gitleaks for f in load_gitleaks(path)}
    return Credentials((*shipped(), *own.values()), key=key)


def _by_net(view: View, net: Net, ends: Sequence[int]) -> Iterator[Catch]:
    done = 0
    check = CHECKS[net.check or net.evidence]
    for at in ends:
        if at <= done:
            continue
        start, end = view.window(at, multiline=net.multiline)
        done = end
        text = view.text(start, end)
        for match in net.regex.finditer(text):
            groups = match.groupdict()
            first, last = match.span("secret")
            caught = Catch(
                start + first,
                start + last,
                view.value(start + first, start + last),
                key=groups.get("key") or "",
                user=groups.get("user") or "",
                service=groups.get("service") or "",
            )
            checked = check(caught, match)
            if checked is not None and _passes(net, checked.value):
                yield checked


def _lines(view: View) -> list[int]:
    """Return where the lines end of a file that is read whole for its name: lists of accounts are short."""
    return [m.end() for m in re.finditer(rb"[^\n]+", view.data[:_LARGEST_LIST])]


def _passes(net: Net, value: str) -> bool:
    """Whether a value is what a user's own rule asks for."""
    if net.entropy:
        counts = Counter(value)
        bits = -sum(n / len(value) * log2(n / len(value)) for n in counts.values())
        if bits < net.entropy:
            return False
    return not any(one.search(value) for one in net.allowed)


def _distinct(caught: Sequence[tuple[Family, Catch]]) -> list[tuple[Family, Catch]]:
    """Return one catch for each value, the one of the family that knows most, in the order of the text."""
    rank = {f"credential/{name}": n for n, name in enumerate(_ORDER)}
    best: list[tuple[Family, Catch]] = []
    for family, one in sorted(
        caught, key=lambda p: (rank.get(p[0].rule.id, len(rank)), -p[1].confidence, p[1].start)
    ):
        if not any(one.start < other.end and other.start < one.end for _, other in best):
            best.append((family, one))
    return sorted(best, key=lambda p: p[1].start)


def _placed(one: Catch, family: Family, *, documentation: bool, test: bool) -> Catch:
    severity = one.severity or family.rule.severity
    if documentation:
        return replace(one, severity=Severity.INFO, confidence=Confidence.LOW)
    if test:
        return replace(
            one, severity=min(severity, Severity.MEDIUM), confidence=min(one.confidence, Confidence.MEDIUM)
        )
    return one


def _in_comment(one: Catch) -> Catch:
    """What is commented out does nothing; a generated value there may still open something."""
    if strength(one.value) is Strength.MIXED:
        return replace(
            one, confidence=min(one.confidence, Confidence.MEDIUM), note=one.note or "commented out"
        )
    return replace(one, confidence=Confidence.LOW, severity=Severity.INFO, note=one.note or "commented out")


def _finding(
    member: Member,
    subject: str,
    family: Family,
    one: Catch,
    line: int | None,
    column: int | None,
    *,
    safe: bool,
) -> Finding:
    whose = f"the account {_shown(one.user)!r}" if one.user else (f"{one.key}" if one.key else "an account")
    service = f" of {_shown(one.service)}" if one.service else ""
    note = f"; {one.note}" if one.note else ""
    return Finding(
        rule=family.rule,
        subject=subject,
        location=member.at(line, column),
        message=f"{family.rule.title}: {_shown(whose)}{service}{note}",
        severity=one.severity,
        confidence=one.confidence,
        remedy=f"{rotate(_shown(one.user), one.service)} {family.rule.remedy}"
        if one.user or one.service
        else "",
        evidence=f"{_shown(one.key or one.user or 'value')} = ***",
        fix=Fix(
            action="replace the value by a reference to the host's secret store, and change the password",
            safe=safe,
            operation="replace-text" if safe else "",
        ),
    )


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_LARGEST_LINE]
