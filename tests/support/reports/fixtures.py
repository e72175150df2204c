"""Runs the writers are tested with: nothing found, a real-looking mixture, hostile names, very many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from hardening.findings import (
    Acceptance,
    Confidence,
    Examined,
    Finding,
    Fix,
    InFile,
    OnWire,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
)

STARTED = datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC)
FINISHED = datetime(2026, 11, 24, 9, 0, 7, tzinfo=UTC)
ADMINER = Rule(
    id="component/adminer",
    title="A database administration tool is installed",
    severity=Severity.CRITICAL,
    rationale="Adminer is one PHP file that gives whoever reaches the web server the whole database.",
    remedy="Remove the file; administer the database over SSH.",
    references=("https://www.adminer.org/", "https://nvd.nist.gov/vuln/detail/CVE-2021-43008"),
)
PASSWORD = Rule(
    id="credential/php-assignment",
    title="A password is written into the code",
    severity=Severity.HIGH,
    rationale="Whoever has the upgrade package has the password of every site.",
    remedy="Move it into a file with mode 0600 that each site makes itself, and change it.",
)
SUITE = Rule(
    id="tls/suite",
    title="A cipher suite the policy forbids is offered",
    severity=Severity.HIGH,
    rationale="RC4 and 3DES are broken in practice; without forward secrecy recorded traffic can be read later.",
    remedy="Render the policy for this server and load it.",
    references=("https://www.rfc-editor.org/rfc/rfc9325",),
)
PROTOCOL = Rule(
    id="tls/protocol",
    title="A protocol the policy forbids is offered",
    severity=Severity.MEDIUM,
    rationale="SSL 3.0 and TLS 1.0 rest on MD5 and SHA-1.",
    remedy="Allow TLS 1.2 and 1.3 alone.",
)
PERMISSIONS = Rule(
    id="walk/set-id",
    title="A member is set-uid",
    severity=Severity.LOW,
    rationale="It would run as its owner on every host.",
    remedy="Ship it without the bit.",
)
ENCRYPTED = Rule(
    id="walk/encrypted",
    title="An encrypted member could not be examined",
    severity=Severity.INFO,
    rationale="What cannot be read cannot be judged.",
    remedy="Give the passwords with --password-file.",
)


def _offer(*protocols: str) -> dict[str, object]:
    suites = ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_RC4_128_SHA"]
    return {
        "coverage": "full",
        "inconclusive": [],
        "assumptions": ["OpenSSL 1.0.2k-el7, which ships with CentOS 7"],
        "protocols": {
            name: {"suites": suites, "preference": "server", "groups": ["x25519"], "signature_algorithms": []}
            for name in protocols
        },
        "certificates": [
            {
                "subject": "CN=bms.example.test",
                "issuer": "CN=Example Root",
                "not_before": "2026-01-01T00:00:00+00:00",
                "not_after": "2027-01-01T00:00:00+00:00",
                "key": "rsa:2048",
                "signature": "sha256WithRSAEncryption",
                "sha256": "0" * 64,
            }
        ],
        "dh_bits": None,
        "compression": False,
        "secure_renegotiation": None,
        "extensions": [],
        "connections": 41,
    }


def mixed() -> Run:
    """A bundle with trouble two archives deep, and an endpoint before and after hardening."""
    bundle, before, after = "upgrade-3.07.01.zip", "127.0.0.1:8443 before", "127.0.0.1:8443 after"
    deep = (bundle, "payload/web.tar.gz", "var/www/html/db.php")
    waived = Acceptance(
        reason="field controllers until the site visit", owner="j.doe", expires=date(2027, 1, 31)
    )
    return Run.of(
        [
            Subject(
                id=bundle,
                kind=SubjectKind.BUNDLE,
                examined=Examined.PARTIAL,
                reason="1 of 214 members is encrypted",
                stats={"members": 214, "bytes": 18_874_368, "seconds": 1.42},
            ),
            Subject(
                id=before,
                kind=SubjectKind.ENDPOINT,
                policies={"aspect": "fail", "rfc9325": "fail", "mozilla-modern": "fail"},
                stats={"connections": 61},
                offer=_offer("TLSv1.0", "TLSv1.2"),
            ),
            Subject(
                id=after,
                kind=SubjectKind.ENDPOINT,
                policies={"aspect": "pass", "rfc9325": "pass", "mozilla-modern": "unknown"},
                stats={"connections": 41, "before": before},
                offer=_offer("TLSv1.2"),
            ),
        ],
        [
            Finding(
                rule=ADMINER,
                subject=bundle,
                location=InFile(deep, 3),
                message="Adminer 4.2.5, one compiled file, renamed to db.php",
                evidence='$VERSION="4.2.5"',
                fix=Fix(action="remove the member", safe=True, operation="remove-member"),
            ),
            Finding(
                rule=PASSWORD,
                subject=bundle,
                location=InFile(deep, 18, 12),
                message="a literal is assigned to $password",
                evidence="$password = '****'",
                confidence=Confidence.MEDIUM,
                fix=Fix(action="replace the literal by a placeholder"),
            ),
            Finding(
                rule=PERMISSIONS,
                subject=bundle,
                location=InFile((bundle, "payload/bin/helper")),
                message="mode 4755, owner root",
            ),
            Finding(
                rule=ENCRYPTED,
                subject=bundle,
                location=InFile((bundle, "docs/licence.zip")),
                message="the member is encrypted with AES-256",
            ),
            Finding(
                rule=SUITE,
                subject=before,
                location=OnWire("127.0.0.1:8443"),
                message="TLS_RSA_WITH_RC4_128_SHA under TLSv1.0 and TLSv1.2",
                evidence="ServerHello chose 0x0005",
                policies=("aspect", "rfc9325", "mozilla-modern"),
            ),
            Finding(
                rule=PROTOCOL,
                subject=before,
                location=OnWire("127.0.0.1:8443"),
                message="TLSv1.0 is offered",
                policies=("aspect", "rfc9325"),
                waived=waived,
            ),
            Finding(
                rule=PROTOCOL,
                subject=before,
                location=OnWire("127.0.0.1:8443"),
                message="TLSv1.1 is offered",
                evidence="ServerHello 0x0302",
                policies=("mozilla-modern",),
                known=True,
            ),
        ],
        [
            Result(rule=SUITE, subject=before, verdict=Verdict.FAIL, reason="1 of 12 suites"),
            Result(rule=PROTOCOL, subject=before, verdict=Verdict.WAIVED, reason=waived.reason),
            Result(rule=SUITE, subject=after, verdict=Verdict.PASS),
            Result(rule=PROTOCOL, subject=after, verdict=Verdict.PASS),
            Result(rule=ADMINER, subject=after, verdict=Verdict.NOT_APPLICABLE, reason="not a bundle"),
            Result(rule=PASSWORD, subject=after, verdict=Verdict.INCONCLUSIVE, reason="it went away"),
            Result(rule=PERMISSIONS, subject=after, verdict=Verdict.MANUAL, reason="look at it"),
        ],
        started=STARTED,
        finished=FINISHED,
    )


def clean() -> Run:
    """One endpoint, looked at in full, nothing found."""
    subject = Subject(
        id="127.0.0.1:8443", kind=SubjectKind.ENDPOINT, policies={"aspect": "pass"}, stats={"connections": 41}
    )
    return Run.of(
        [subject],
        [],
        [Result(rule=SUITE, subject=subject.id, verdict=Verdict.PASS)],
        started=STARTED,
        finished=FINISHED,
    )


HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=http://127.0.0.1:9/x onerror=alert(1)>",
    "\u202egnp.exe\u2066\u200b",
    "\x1b]0;owned\x07\x1b[2J\x00\r\n::error::owned",
    "caf\udce9.php",
    "]]>&quot;'\"|`*_[x](javascript:alert(1))",
    "%0A::set-output name=x::y,z:%25",
    "\ufffe\uffff\ud800",
    "",
)


def hostile() -> Run:
    """Every name and text is one a terminal, a browser, XML or a CI server might obey."""
    findings, subjects, results = [], [], []
    for name in HOSTILE:
        rule = Rule(
            id="walk/name",
            title=f"title {name}",
            severity=Severity.HIGH,
            rationale=name,
            remedy=name,
            references=(f"javascript:{name}",),
        )
        stats = {name or "empty": name}
        subjects.append(
            Subject(
                id=name,
                kind=SubjectKind.FILE,
                reason=name,
                stats=stats,
                policies={name or "p": "fail"},
                examined=Examined.PARTIAL,
            )
        )
        results.append(Result(rule=rule, subject=name, verdict=Verdict.INCONCLUSIVE, reason=name))
        findings.append(
            Finding(
                rule=rule,
                subject=name,
                location=InFile((name, name, name), 1, 1),
                message=name,
                evidence=name,
                remedy=name,
                policies=(name,),
                fix=Fix(action=name),
                waived=Acceptance(reason=name, owner=name, expires=date(2027, 1, 1)) if name == "" else None,
            )
        )
        findings.append(Finding(rule=rule, subject=name, location=OnWire(name), message=name))
    return Run.of(subjects, findings, results, started=STARTED, finished=FINISHED)


def nothing() -> Run:
    """No subject at all."""
    return Run.of([], [], started=STARTED, finished=FINISHED)


def crowd(count: int) -> Run:
    """Very many findings in one bundle."""
    findings = [
        Finding(
            rule=(PASSWORD, PROTOCOL, PERMISSIONS)[number % 3],
            subject="big.zip",
            location=InFile(("big.zip", f"{number % 997}.php"), number + 1),
            message=f"finding {number}",
        )
        for number in range(count)
    ]
    return Run.of(
        [Subject(id="big.zip", kind=SubjectKind.BUNDLE)], findings, started=STARTED, finished=FINISHED
    )


RUNS: dict[str, Callable[[], Run]] = {
    "mixed": mixed,
    "clean": clean,
    "hostile": hostile,
    "nothing": nothing,
}


@pytest.fixture(params=sorted(RUNS))
def any_run(request: pytest.FixtureRequest) -> Run:
    return RUNS[request.param]()


@pytest.fixture
def mixed_run() -> Run:
    return mixed()


@pytest.fixture
def clean_run() -> Run:
    return clean()


@pytest.fixture
def hostile_run() -> Run:
    return hostile()


@pytest.fixture
def make_crowd() -> Callable[[int], Run]:
    return crowd


@pytest.fixture
def hostile_names() -> tuple[str, ...]:
    return HOSTILE
