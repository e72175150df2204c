"""Finds settings in files by the rows of `bundle/data/settings`, and modes that give root away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import translate
from functools import cache

from bundle.detect.roles import by_path
from bundle.detect.settings.load import FileScope, Form, Setting, key_of, shipped
from bundle.walk.literals import Gate
from bundle.walk.member import Member
from hardening.findings import Confidence, Finding, Role, Rule, Severity

_NOT_THE_PRODUCT = frozenset((Role.DOCUMENTATION, Role.TEST, Role.CI))

_SHELL = (".sh", ".bash", ".ksh", ".run", ".bsx", ".aam", ".spec", ".expect")
_PHP = (".php", ".php5", ".phtml", ".inc")
_PROSE = (".md", ".rst", ".txt", ".html", ".htm", ".adoc", ".po", ".1", ".5", ".8")
MOST = 1000
"""Places of one rule that are listed for one file."""
_REACH = 4096
"""Characters before a match that are searched for the beginning of its line."""
_COMMENT = ("#", "//", ";", "*", "--", "rem ", "<!--")
_SAYS = re.compile(r"[ \t]*(?:echo|printf|print|log|logger|say)\b")
_SECTION = re.compile(r"[ \t]*\[([^\]]{1,80})\]")
_SERVER = re.compile(r"(?:mysqld|mariadb|server|mysqld_safe|galera)\b")
_INLINE = re.compile(r"[ \t]+[;#].*$")
_CWE = "https://cwe.mitre.org/data/definitions/"

SETUID_SHELL = Rule(
    id="setting/setuid-shell",
    title="A shell or an interpreter runs as another account",
    severity=Severity.CRITICAL,
    rationale="A shell with the set-user-id bit gives its owner's rights, usually root's, to everybody who starts it.",
    remedy="chmod u-s,g-s the file, or remove it; find out who set the bit.",
    references=(f"{_CWE}732.html", "https://attack.mitre.org/techniques/T1548/001/"),
)
ROOT_WRITABLE = Rule(
    id="setting/root-script-writable",
    title="Everybody may change a program that root runs",
    severity=Severity.HIGH,
    rationale="Whoever writes to a start script, a cron job or what they run, is root at the next start.",
    remedy="chown root:root the file and chmod go-w it, and every folder above it.",
    references=(f"{_CWE}732.html",),
)
SHELLS = frozenset(
    "sh bash dash ash zsh ksh mksh csh tcsh busybox env perl python python2 python3 ruby php lua node awk gawk find vi vim nano".split()
)
"""Programs that run what their caller likes."""
_VERSIONED = re.compile(r"(?:-?\d[\d.]*)$")
_FOLDERS = r"init\.d|rc\.d|rc\d?\.d|rc\.d/(?:init\.d|rc\d\.d)|cron\.(?:d|hourly|daily|weekly|monthly)"
_FILES = r"rc\.local|rc\.d/rc\.local|crontab|profile|inittab"
_BY_ROOT = re.compile(
    rf"(?i)(?:^|/)etc/(?:{_FOLDERS})/[^/]+$|(?:^|/)etc/(?:{_FILES})$|(?:^|/)var/spool/cron/(?:crontabs/)?root$"
)


def is_shell(name: str) -> bool:
    """Whether a program's name is a shell's or an interpreter's, with or without a version."""
    return name.lower() in SHELLS or _VERSIONED.sub("", name.lower()) in SHELLS


def runs_as_root(path: str) -> bool:
    """Whether root runs, or reads at its login or start, what lies at this path."""
    return _BY_ROOT.search(path) is not None


@cache
def _gate() -> Gate:
    return Gate(SettingsDetector.words)


class SettingsDetector:
    """The detector of settings; stateless between members."""

    words = tuple(dict.fromkeys(word for one in shipped() for word in one.words))
    """What the walk looks for on the way."""

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule this detector can say."""
        return (SETUID_SHELL, ROOT_WRITABLE, *(one.rule for one in shipped()))

    def check(self, member: Member, subject: str) -> Iterator[Finding]:
        """Yield the settings and modes of one member."""
        if member.kind != "file" or member.offset:
            return
        if not member.derived:
            yield from _modes(member, subject)
        if member.content and not (member.container and not member.derived):
            yield from _settings(member, subject)


def detector() -> SettingsDetector:
    """Return the detector of this module."""
    return SettingsDetector()


def _modes(member: Member, subject: str) -> Iterator[Finding]:
    mode = member.mode or 0
    if mode & 0o4000 and mode & 0o011 and is_shell(member.name):
        owner = member.owner or (f"uid {member.uid}" if member.uid is not None else "its owner")
        yield _finding(
            member, subject, SETUID_SHELL, f"{member.name} runs as {owner} for everybody", f"mode {mode:o}"
        )
    if mode & 0o002 and runs_as_root(member.parts[-1]):
        yield _finding(
            member,
            subject,
            ROOT_WRITABLE,
            "root runs it and everybody may write it",
            f"mode {mode & 0o7777:o}",
        )


def _settings(member: Member, subject: str) -> Iterator[Finding]:
    asked = [*_by_path(f"/{member.parts[-1].lower()}"), *_by_words(member)]
    if not asked:
        return
    text = bytes(member.content).decode("utf-8", "replace")
    if "\0" in text[:1024]:
        return
    for one in asked:
        for count, (line, shown) in enumerate(found(one, text)):
            if count == MOST:
                more = f"{one.rule.title}: more than {MOST} places; the others are not listed"
                yield _finding(member, subject, one.rule, more, "more places", line, one.confidence)
                break
            yield _finding(
                member, subject, one.rule, f"{one.rule.title}: {shown}", shown, line, one.confidence
            )


@cache
def _patterns() -> tuple[re.Pattern[str], tuple[tuple[Setting, re.Pattern[str]], ...]]:
    """Return what the last one or two parts of a path have to match for any row with files, and for each."""
    each = tuple((one, re.compile("|".join(map(translate, one.files)))) for one in shipped() if one.files)
    return re.compile("|".join(pattern.pattern for _, pattern in each)), each


def _by_path(path: str) -> list[Setting]:
    """Return the rows that are about files of this path."""
    some, each = _patterns()
    ends = (path.rpartition("/")[2], "/".join(path.rsplit("/", 2)[-2:]))
    if not any(map(some.match, ends)):
        return []
    return [one for one, pattern in each if any(map(pattern.match, ends))]


@cache
def _rows_of_words() -> dict[bytes, tuple[Setting, ...]]:
    return {word: tuple(one for one in shipped() if word in one.words) for word in SettingsDetector.words}


def _by_words(member: Member) -> list[Setting]:
    """Return the rows that are about files of this kind, with the words in them."""
    hits = _gate().hits(member.content) if member.words is None else member.words
    known = _rows_of_words()
    asked = dict.fromkeys(one for word in hits if word in known for one in known[word])
    if not asked:
        return []
    shell, php = _is_shell_script(member), _is_php(member)
    kinds = {
        FileScope.FILES: False,
        FileScope.SHELL: shell,
        FileScope.PHP: php,
        FileScope.CODE: shell or php,
        FileScope.TEXT: shell or not (member.derived or member.name.lower().endswith(_PROSE)),
    }
    return [one for one in asked if kinds[one.scope]]


def _is_shell_script(member: Member) -> bool:
    if member.derived:
        return member.derived == "rpm-scripts" or member.payload
    head = bytes(member.content[:64])
    return (
        member.format == "shell"
        or member.name.lower().endswith(_SHELL)
        or (head.startswith(b"#!") and b"sh" in head.partition(b"\n")[0])
    )


def _is_php(member: Member) -> bool:
    return not member.derived and (member.format == "php" or member.name.lower().endswith(_PHP))


def found(one: Setting, text: str) -> Iterator[tuple[int, str]]:
    """Yield line and key, or the words that were found, of each place where a file is as a row says it must not be."""
    if one.form is Form.TEXT:
        yield from _in_text(one, text)
        return
    rows = list(_rows(text, one.form))
    if one.beside is not None:
        values = [value for _, key, value in rows if key == one.beside.key]
        bad = one.beside.bad.fullmatch(values[-1]) is not None if values else one.beside.absent
        if not bad:
            return
    for key in one.keys:
        own = [(line, value) for line, name, value in rows if name == key]
        counted = own if one.each else own[:1] if one.form is Form.WORDS else own[-1:]
        for line, value in counted:
            if one.bad is not None and one.bad.fullmatch(value):
                yield line, key
    names = {name for _, name, _ in rows}
    if one.absent and one.absent in names and not names & set(one.keys):
        yield next(line for line, name, _ in rows if name == one.absent), one.keys[0]


def _in_text(one: Setting, text: str) -> Iterator[tuple[int, str]]:
    if one.regex is None:
        return
    number, counted = 1, 0  # lines are counted once: a text may hold a match in every line
    for match in one.regex.finditer(text):
        at = match.start("shown")
        number, counted = number + text.count("\n", counted, at), at
        start = text.rfind("\n", max(0, at - _REACH), at) + 1 or max(0, at - _REACH)
        if text[start:at].lstrip().lower().startswith(_COMMENT) or _SAYS.match(text, start, at):
            continue
        yield number, " ".join(match["shown"].split())


def _rows(text: str, form: Form) -> Iterator[tuple[int, str, str]]:
    """Yield number, key and value of the lines that set something; values in lower case, without quotes."""
    section = "mysqld"
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        line = _INLINE.sub("", line)
        if form is Form.WORDS:
            parts = re.split(r"[ \t]*=[ \t]*|[ \t]+", line, maxsplit=1)
            if key_of(parts[0]) == "match":
                if parts[-1].strip().lower() != "all":
                    return
                continue
            yield number, key_of(parts[0]), _value(parts[1] if len(parts) > 1 else "")
            continue
        if match := _SECTION.match(line):
            section = match[1].strip().lower()
            continue
        if form is Form.MYSQL and not _SERVER.match(section):
            continue
        key, sign, value = line.partition("=")
        if sign or form is Form.MYSQL:
            yield number, key_of(key), _value(value)


def _value(text: str) -> str:
    return text.strip().strip("\"'").strip().lower()


def _finding(
    member: Member,
    subject: str,
    rule: Rule,
    message: str,
    evidence: str,
    line: int | None = None,
    confidence: Confidence = Confidence.HIGH,
) -> Finding:
    path = member.parts[-1]
    severity = None
    if by_path(path)[0] in _NOT_THE_PRODUCT:
        severity, confidence = min(rule.severity, Severity.LOW), Confidence.LOW
    return Finding(
        rule=rule, subject=subject, location=member.at(line), message=message, severity=severity,
        confidence=confidence, evidence=evidence,
    ).bound()  # fmt: skip
