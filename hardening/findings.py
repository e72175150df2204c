"""What every check in both packages says: rules, findings, results, and the run that holds them.

Read this file first. Whatever looks (a configuration reader, the scanner, an archive detector, a
mailer check, log triage) says `Finding` and `Result`; the writers in `hardening.reports` print a
`Run`; neither side knows the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from typing import Any

from hardening import __version__
from hardening.errors import ExitCode, strongest
from hardening.records import dataclass

NESTING = "!/"
"""How a path is written that goes through an archive: `outer.zip!/inner.tar!/file`."""


class Severity(IntEnum):
    """How bad it is when it is true."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """The lower-case word used in reports."""
        return self.name.lower()


class Confidence(IntEnum):
    """How sure the check is that it is true."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    @property
    def label(self) -> str:
        """The lower-case word used in reports."""
        return self.name.lower()


MOST_SEVERE = {
    Confidence.LOW: Severity.LOW,
    Confidence.MEDIUM: Severity.MEDIUM,
    Confidence.HIGH: Severity.CRITICAL,
}
"""How bad something can be said to be that is this sure."""


class Verdict(StrEnum):
    """What one rule says about one subject; silence is never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    ADVICE = "advice"
    """Against a rule that does not bind: nothing has to change now."""
    NOT_APPLICABLE = "not-applicable"
    INCONCLUSIVE = "inconclusive"
    PENDING = "pending"
    SKIPPED = "skipped"
    ERROR = "error"
    WAIVED = "waived"
    MANUAL = "manual"


class Examined(StrEnum):
    """How much of a subject was looked at."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


class SubjectKind(StrEnum):
    """What a subject is."""

    BUNDLE = "bundle"
    ENDPOINT = "endpoint"
    FILE = "file"
    HOST = "host"
    MAILER = "mailer"
    LOG = "log"


class Role(StrEnum):
    """What the file is for that a finding is in."""

    PRODUCT = "product"
    TEST = "test"
    CI = "ci"
    DEV_CONTAINER = "dev-container"
    EXAMPLE = "example"
    SAMPLE = "sample"
    DOCUMENTATION = "documentation"
    VENDORED = "vendored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing the toolkit knows to be wrong; `harden rules` lists them."""

    id: str
    title: str
    severity: Severity
    rationale: str
    remedy: str
    references: tuple[str, ...] = ()
    unseen: bool = False
    """Whether it says that part of a subject was not examined; where all such findings are waived, the rest counts as all."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A place in a file, one part per nesting, outermost first; lines and columns count from 1."""

    parts: tuple[str, ...]
    line: int | None = None
    column: int | None = None

    @property
    def path(self) -> str:
        """The parts written with `!/` between them."""
        return NESTING.join(self.parts)


@dataclass(frozen=True, slots=True)
class OnWire:
    """An endpoint, written as the user would: `host:port`, `[v6]:port` or `proto://host:port`."""

    endpoint: str


Location = InFile | OnWire


def in_file(path: object, line: int | None = None, column: int | None = None) -> InFile:
    """Return the place in a plain file that is in no archive."""
    return InFile((str(path),), line, column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What would make a finding go away, and whether a program may do it unasked."""

    action: str
    safe: bool = False
    """High confidence and a known place: a program may carry it out where it cannot be wrong."""
    operation: str = ""
    """A word for the program that fixes: `remove-member`, `replace-text`, `set-directive`, or none."""
    target: str = ""
    """`remove-member` only: the folder to remove, inside the innermost archive, where more than the
    member itself is the component; empty for the member alone."""
    blocked: str = ""
    """The container that cannot be written again, for which alone it is not safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change that a command made, or would make, to what it was given."""

    action: str
    """`removed` or `replaced`."""
    path: str
    """Inside what was given, `!/` between nestings; a folder ends with a slash."""
    rule: str
    """The id of the rule that it answers."""
    line: int | None = None
    placeholder: str = ""
    """What stands there instead: `@secret:name@`."""
    encoding: str = ""
    """The code in which the host writes the secret there: `base64`, `hex`, or none."""
    done: bool = True
    """False where the command only says what it would do."""

    @property
    def text(self) -> str:
        """The change in one line, without its rule."""
        at = f":{self.line}" if self.line else ""
        by = f" by {self.placeholder}" if self.placeholder else ""
        code = f" ({self.encoding})" if self.encoding else ""
        return f"{self.action} {self.path}{at}{by}{code}"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as far as findings point into it, and what mends it; every secret is masked."""

    path: str
    lines: tuple[tuple[int, str], ...] = ()
    """Number and text of each line that a finding names."""
    diff: str = ""
    """The whole change as a unified diff without lines that stay; empty where none is known."""
    mends: tuple[str, ...] = ()
    """Fingerprints of the findings that it mends, together with the changes of all files that name the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Why a finding was accepted: reason, owner and the last day on which that holds."""

    reason: str
    owner: str
    expires: date | None
    """None: a marker in the audited input, which has no end."""

    @property
    def words(self) -> str:
        """The reason, and in brackets owner and end."""
        until = f", until {self.expires.isoformat()}" if self.expires else ""
        return f"{self.reason} ({self.owner}{until})"


_KINDS = {
    "database": "a database",
    "mail": "a mail server",
    "key store": "a key store",
    "archive": "an archive",
    "host": "the host",
    "device": "the device",
    "proxy": "a proxy",
    "web server": "a web server",
    "boot loader": "the boot loader",
    "monitoring": "a monitoring system",
    "application": "an application",
    "network": "a network service",
    "message broker": "a message broker",
    "wireless network": "a wireless network",
    "container registry": "a container registry",
    "directory": "a directory",
    "document": "a document",
    "file share": "a file share",
    "camera": "a camera",
    "cluster": "a cluster",
    "system": "the system",
    "encryption": "data that is encrypted",
    "signature": "what is signed",
}
"""How services are spoken of that are known by their kind alone."""


def of_service(service: str) -> str:
    """Return the words behind an account that say where it is: ` of MySQL`, ` of a database`; empty for none."""
    return f" of {_KINDS.get(service, service)}" if service else ""


def either(accounts: Sequence[str]) -> str:
    """Return accounts as text, of which one is meant: `'admin' or 'root'`."""
    return " or ".join(map(repr, accounts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that is true at one place. It never holds a secret, nor a bare hash of one."""

    rule: Rule
    subject: str
    location: Location
    message: str
    severity: Severity | None = None
    """Overrides the rule's severity where the place makes it better or worse."""
    confidence: Confidence = Confidence.HIGH
    evidence: str = ""
    """What was seen, masked."""
    remedy: str = ""
    """Overrides the rule's remedy where the place makes it more exact."""
    policies: tuple[str, ...] = ()
    fix: Fix | None = None
    waived: Acceptance | None = None
    known: bool = False
    """It was there before (the baseline report has it, or the host had it before its upgrade), so it does not count."""
    left_out: str = ""
    """The filter that keeps it from counting: `ignore file`, `inline marker`, `unchanged file`; it stays listed."""
    ordinal: int = 0
    """Tells equal findings at one place apart; set by `Run.of`."""
    inner_ordinal: int = 0
    """The same for places without the outermost name."""
    further: tuple[InFile, ...] = ()
    """Further places of the same cause in the same file, for credentials; set by `Run.of`."""
    also: tuple[str, ...] = ()
    """Further subjects of which the very same is true at the same place: names of one server, hosts that inherit one line."""
    secret_hmac: str = ""
    """Of the value found, under the key of `--baseline-key`, so that a baseline notices another secret."""
    same: bytes = field(default=b"", repr=False)
    """Equal for findings of one value: a seal under a key that this process alone has. No report shows it."""
    credential: int = 0
    """Number of the value in this report, so that one password in forty places is one thing to do; 0: no value."""
    places: int = 0
    """In how many places of this report the value is."""
    account: str = ""
    """Whom a credential lets in, as far as its place tells."""
    accounts: tuple[str, ...] = ()
    """All accounts that are possible, where its place does not tell which; `account` is the nearest."""
    service: str = ""
    """And where: a service by its name, or `database` and its like where no more is known."""
    role: Role | None = None
    """What the file is for, of credentials and keys."""
    matched: tuple[str, ...] = ()
    """Ids of the rows that found it."""
    because: tuple[str, ...] = ()
    """Ids of the rows that decided its severity and confidence, in their order."""
    snippet: str = ""
    """The line that it is in, with every secret masked; `Run.of` keeps it in `Run.sources`."""
    mended: str = ""
    """The same line as a safe fix makes it; empty where a person has to."""

    @property
    def level(self) -> Severity:
        """The severity that counts: the finding's own, else the rule's."""
        return self.rule.severity if self.severity is None else self.severity

    def bound(self) -> Finding:
        """Return the finding with a severity that its confidence allows: what is in doubt is never high."""
        most = MOST_SEVERE[self.confidence]
        return self if self.level <= most else replace(self, severity=most)

    @property
    def owner(self) -> str:
        """Whom a credential lets in, and where, in words; empty where its place tells neither."""
        if self.account:
            return f"{either(self.accounts or (self.account,))}{of_service(self.service)}"
        return f"an account{of_service(self.service)}" if self.service else ""

    @property
    def advice(self) -> str:
        """The remedy that applies: the finding's own, else the rule's."""
        return self.remedy or self.rule.remedy

    @property
    def where(self) -> str:
        """The place without line and column."""
        return self.location.path if isinstance(self.location, InFile) else self.location.endpoint

    @property
    def counts(self) -> bool:
        """Whether the finding may fail the run: neither accepted, nor known, nor left out by a filter."""
        return self.waived is None and not self.known and not self.left_out

    @property
    def inner(self) -> str:
        """The place without line and without the name of the outermost archive or folder, which carries a release."""
        if not isinstance(self.location, InFile):
            return self.location.endpoint
        if len(self.location.parts) > 1:
            return NESTING.join(self.location.parts[1:])
        return self.location.path.removeprefix(f"{self.subject.rstrip('/')}/")

    @property
    def fingerprint(self) -> str:
        """A stable name (hex, 128 bits) made of rule, inner place, evidence and ordinal: second generation."""
        return print_of(self.rule.id, self.inner, self.evidence, self.inner_ordinal)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Both generations by name; the first one contains the outermost name."""
        return {
            "v1": print_of(self.rule.id, self.where, self.evidence, self.ordinal),
            "v2": self.fingerprint,
        }


def print_of(rule: str, place: str, evidence: str, ordinal: int) -> str:
    """Return a fingerprint: 128 bits as hex."""
    import hashlib

    text = "\0".join((rule, place, evidence, str(ordinal)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One rule against one subject."""

    rule: Rule
    subject: str
    verdict: Verdict
    reason: str = ""
    because: tuple[tuple[str, str], ...] = ()
    """Rule id and evidence of the findings behind it, where they carry another rule: a policy's own."""

    def rests_on(self, finding: Finding) -> bool:
        """Whether the finding is one of those behind this result."""
        if finding.subject != self.subject and self.subject not in finding.also:
            return False
        if self.because:
            return (finding.rule.id, finding.evidence) in self.because
        return finding.rule.id == self.rule.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A binding rule that this kind of input cannot answer, and the command that answers it."""

    policy: str
    rule: str
    reason: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing that was looked at: a bundle, an endpoint, a file, a host, a mailer, a log."""

    id: str
    kind: SubjectKind
    examined: Examined = Examined.FULL
    reason: str = ""
    stats: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    """Per policy: `pass`, `fail` or `unknown`."""
    scope: str = ""
    """What a `pass` covers where that is not everything: `configuration`, `scan`."""
    unanswered: tuple[Unanswered, ...] = ()
    """The binding rules that a `pass` does not cover."""
    offer: Mapping[str, Any] | None = None
    """TLS subjects only: the JSON form of `hardening.tls.offer.Offer`."""
    same_as: str = ""
    """The subject that this one is another name or port of: nothing differs, and its findings name both."""


def verdict_words(subject: Subject, policy: str) -> str:
    """Return the verdict of a policy as people read it, with the scope of a pass: `pass (configuration)`."""
    verdict = subject.policies[policy]
    return f"{verdict} ({subject.scope})" if verdict == "pass" and subject.scope else verdict


def _place(location: Location) -> tuple[str, int, int]:
    if isinstance(location, InFile):
        return (location.path, location.line or 0, location.column or 0)
    return (location.endpoint, 0, 0)


def _by_credential(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Number the values that the findings are about, in their order, and count the places of each."""
    places: Counter[bytes] = Counter()
    for one in findings:
        places[one.same] += (1 + len(one.further)) if one.same else 0
    numbers = {same: number for number, same in enumerate((same for same in places if same), 1)}
    for one in findings:
        number = numbers.get(one.same, 0)
        count = places[one.same] if number else 0
        known = (one.credential, one.places) == (number, count)
        yield one if known else replace(one, credential=number, places=count)


def _by_cause(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings in their order, those of one cause in one file as one that names all places.

    Of credentials that are sure, each value is a cause of its own; what a program may replace stays one by one.
    """
    groups: dict[object, list[Finding]] = {}
    for number, one in enumerate(findings):
        groups.setdefault(_cause(one) or number, []).append(one)
    for group in groups.values():
        first = group[0]
        if len(group) == 1:
            yield first
            continue
        places = [at for one in group for at in (one.location, *one.further) if isinstance(at, InFile)]
        seals = sorted({one.secret_hmac for one in group})
        yield replace(
            first,
            further=tuple(dict.fromkeys(at for at in places if at != first.location)),
            same=first.same if len({one.same for one in group}) == 1 else b"",
            secret_hmac=first.secret_hmac if len(seals) == 1 else print_of("", "", "\0".join(seals), 0),
        )


def _cause(one: Finding) -> object:
    """Return what findings of one cause have in common, None for what has a place of its own."""
    where = one.location
    if one.role is None or not isinstance(where, InFile) or where.line is None or (one.fix and one.fix.safe):
        return None
    value = one.same if one.confidence is Confidence.HIGH else b""
    what = (one.rule.id, one.message, one.evidence, one.level, one.confidence, one.advice, one.fix)
    decided = (
        one.role,
        one.matched,
        one.because,
        one.account,
        one.accounts,
        one.service,
        one.policies,
        one.also,
    )
    return one.subject, where.parts, what, decided, one.waived, one.known, one.left_out, value


def _sources(known: Iterable[SourceFile], findings: Iterable[Finding]) -> tuple[SourceFile, ...]:
    """Return the lines of findings and of sources that are known, by path; a credential knows best what is secret in its line."""
    lines: dict[str, dict[int, str]] = {}
    mended: dict[str, dict[int, str]] = {}
    made = {one.path: one for one in known}
    for path, one in made.items():
        lines[path] = dict(one.lines)
    for finding in findings:
        at = finding.location
        if not finding.snippet or not isinstance(at, InFile) or not at.line:
            continue
        own = lines.setdefault(at.path, {})
        if finding.evidence.endswith("***") or at.line not in own:
            own[at.line] = finding.snippet
        if finding.mended and finding.fix and finding.fix.safe:
            mended.setdefault(at.path, {})[at.line] = finding.mended
    for path, own in lines.items():
        old = made.get(path, SourceFile(path))
        diff = old.diff or _diff(path, own, mended.get(path, {}))
        made[path] = SourceFile(path, tuple(sorted(own.items())), diff, old.mends)
    return tuple(made[path] for path in sorted(made))


def _diff(path: str, lines: Mapping[int, str], mended: Mapping[int, str]) -> str:
    """Return the change of lines as a unified diff without lines that stay; empty where no line changes."""
    hunks = (f"@@ -{at} +{at} @@\n-{lines[at]}\n+{text}\n" for at, text in sorted(mended.items()))
    body = "".join(hunks)
    return f"--- a/{path}\n+++ b/{path}\n{body}" if body else ""


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return changes in the order of their places, each once."""
    return tuple(
        sorted(set(changes), key=lambda one: (one.path, one.line or 0, one.action, one.placeholder, one.rule))
    )


def _finding_order(finding: Finding) -> tuple[object, ...]:
    return (
        finding.subject,
        finding.rule.id,
        _place(finding.location),
        finding.evidence,
        finding.message,
        -finding.level,
        finding.policies,
        finding.advice,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything one command saw, in one deterministic order: subject, rule, location."""

    subjects: tuple[Subject, ...]
    findings: tuple[Finding, ...]
    results: tuple[Result, ...]
    started: datetime
    finished: datetime
    tool: str = "aspect-hardening"
    version: str = __version__
    extra_codes: frozenset[ExitCode] = frozenset()
    """Codes the verb itself asks for beside what the findings say: refused, pending, rolled back."""
    changes: tuple[Change, ...] | None = None
    """What the command changed, in the order of places; None for a command that changes nothing."""
    sources: tuple[SourceFile, ...] = ()
    """The lines that findings name and the changes that mend them, by path; where they were read."""

    @classmethod
    def of(  # the one constructor everybody uses, so the order is made in one place
        cls,
        subjects: Iterable[Subject],
        findings: Iterable[Finding],
        results: Iterable[Result] = (),
        *,
        started: datetime,
        finished: datetime | None = None,
        extra_codes: Iterable[ExitCode] = (),
        changes: Iterable[Change] | None = None,
        sources: Iterable[SourceFile] = (),
    ) -> Run:
        """Sort, number equal findings, and drop exact repetitions."""
        seen: Counter[tuple[str, str, str]] = Counter()
        inner: Counter[tuple[str, str, str]] = Counter()
        numbered: list[Finding] = []
        every = sorted(dict.fromkeys(findings), key=_finding_order)
        for one in _by_cause(every):
            key = (one.rule.id, one.where, one.evidence)
            inner_key = (one.rule.id, one.inner, one.evidence)
            ordinal, inner_ordinal = seen[key], inner[inner_key]
            seen[key] += 1
            inner[inner_key] += 1
            same = (one.ordinal, one.inner_ordinal) == (ordinal, inner_ordinal)
            numbered.append(one if same else replace(one, ordinal=ordinal, inner_ordinal=inner_ordinal))
        return cls(
            subjects=tuple(sorted(subjects, key=lambda s: (s.id, s.kind))),
            findings=tuple(_by_credential(numbered)),
            results=tuple(
                sorted(dict.fromkeys(results), key=lambda r: (r.subject, r.rule.id, r.verdict, r.reason))
            ),
            started=started,
            finished=finished or datetime.now(UTC),
            extra_codes=frozenset(extra_codes),
            changes=None if changes is None else ordered(changes),
            sources=_sources(sources, every),
        )

    def merged(self, other: Run) -> Run:
        """Return one run that holds both."""
        return Run.of(
            (*self.subjects, *other.subjects),
            (*self.findings, *other.findings),
            (*self.results, *other.results),
            started=min(self.started, other.started),
            finished=max(self.finished, other.finished),
            extra_codes=self.extra_codes | other.extra_codes,
            changes=None
            if self.changes is None and other.changes is None
            else ordered((*(self.changes or ()), *(other.changes or ()))),
            sources=(*self.sources, *other.sources),
        )

    def source_lines(self) -> dict[tuple[str, int], str]:
        """Return the masked text of lines by path and number, as far as they were kept."""
        return {(one.path, number): text for one in self.sources for number, text in one.lines}

    def counts(self) -> Counter[str]:
        """Return how many findings of each severity count, and how many were waived."""
        tally = Counter({s.label: 0 for s in Severity})
        tally.update(f.level.label for f in self.findings if f.counts)
        tally["waived"] = sum(f.waived is not None and not f.left_out for f in self.findings)
        return tally

    def exit_code(self, fail_on: Severity | None = Severity.MEDIUM) -> ExitCode:
        """Return the code of the table in docs/cli.md; None means `--fail-on never`."""
        codes = set(self.extra_codes)
        if fail_on is not None and any(f.counts and f.level >= fail_on for f in self.findings):
            codes.add(ExitCode.FINDINGS)
        states = {s.examined for s in self.subjects}
        if states <= {Examined.NONE}:
            codes.add(ExitCode.NOTHING_EXAMINED)
        elif states != {Examined.FULL}:
            codes.add(ExitCode.PARTLY_EXAMINED)
        if any(r.verdict is Verdict.PENDING for r in self.results):
            codes.add(ExitCode.PENDING)
        return strongest(codes)
