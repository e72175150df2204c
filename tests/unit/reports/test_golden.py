"""Each report of one run, word for word: what changes in it is seen and meant (`make golden`)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from hardening.findings import (
    Confidence,
    Examined,
    Finding,
    Fix,
    InFile,
    OnWire,
    Result,
    Run,
    Severity,
    SourceFile,
    Subject,
    SubjectKind,
    Verdict,
)
from hardening.reports import render
from tests.support.places import DATA
from tests.support.reports import fixtures
from tests.support.reports.fixtures import ADMINER, ENCRYPTED, PASSWORD, PERMISSIONS, PROTOCOL, SUITE

GOLDEN = DATA / "reports/golden"
REPORTS: dict[str, dict[str, Any]] = {
    "run.json": {"name": "json"},
    "run.junit.xml": {"name": "junit"},
    "run.github.txt": {"name": "github"},
    "run.sarif": {"name": "sarif"},
    "run.gitlab-sast.json": {"name": "gitlab-sast"},
    "run.gitlab-secrets.json": {"name": "gitlab-secrets"},
    "run.codequality.json": {"name": "codequality"},
    "run.cbom.json": {"name": "cbom"},
    "run.md": {"name": "markdown"},
    "run.html": {"name": "html"},
    "run.txt": {"name": "text"},
    "run.verbose.txt": {"name": "text", "verbose": 1},
    "run.counted.txt": {"name": "text", "counted": True},
    "run.colour.txt": {"name": "text", "color": True, "fail_on": Severity.CRITICAL},
}
_OURS = re.compile(r"(<(style|script)>).*?(</\2>)|sha256-[^' ]*", re.DOTALL)
"""The style sheet and the script of the page, and their digests."""
ODD = "odd \x1b[31m \u202e name"


def everything() -> Run:
    """Every severity, verdict and state, names that a terminal would obey, and each way in which a place is written."""
    run = fixtures.mixed()
    (bundle,) = (subject.id for subject in run.subjects if subject.kind is SubjectKind.BUNDLE)
    subjects = [
        Subject(id="mail", kind=SubjectKind.MAILER, examined=Examined.FULL, reason=f"step by step {ODD}"),
        Subject(id=f"a {ODD}", kind=SubjectKind.FILE, examined=Examined.NONE, reason=f"a pipe {ODD}"),
        Subject(id="plain.zip", kind=SubjectKind.BUNDLE, stats={"members": 3}),
        Subject(id="twin:443", kind=SubjectKind.ENDPOINT, policies={"aspect": "unknown"},
                offer={"key_agreement": "classical", "assumptions": [f"none {ODD}"], "coverage": "forbidden-only", "inconclusive": [f"TLSv1.1 {ODD}"]}),
        Subject(id="twin:8443", kind=SubjectKind.ENDPOINT, same_as="twin:443"),
        Subject(id="bare.conf", kind=SubjectKind.FILE),
        Subject(id="bare.zip", kind=SubjectKind.BUNDLE, examined=Examined.PARTIAL),
        Subject(id="checked.conf", kind=SubjectKind.FILE, reason="one check is about it", offer={"key_agreement": "hybrid", "assumptions": [], "coverage": "full"}),
        Subject(id="told.conf", kind=SubjectKind.FILE, reason="nothing in it is about TLS"),
        *(Subject(id=f"closed{n}.conf", kind=SubjectKind.FILE, examined=Examined.NONE, reason="may not be read") for n in range(3)),
    ]  # fmt: skip
    places = [
        InFile(("/etc/x y.conf",), 4, 2),
        InFile(("./a/b.php",)),
        InFile((bundle, "/a.tar", "./b"), 2),
        InFile(("plain.zip",), None, 7),
    ]
    found = [
        *(Finding(rule=ENCRYPTED, subject=f"closed{n}.conf", location=InFile((f"closed{n}.conf",)), message="may not be read", remedy=f"read it as root {ODD}") for n in range(3)),
        *(Finding(rule=PASSWORD, subject="plain.zip", location=place, message=f"a literal {n} {ODD}", evidence=ODD, same=b"one" if n % 2 else b"", account=f"a{ODD}" if n == 1 else "", service="database" if n % 2 else "", secret_hmac="ab" * 32 if n == 1 else "") for n, place in enumerate(places)),
        *(
            Finding(rule=SUITE, subject="twin:443", location=OnWire(f"twin:443/{ODD}"), message=f"suite {n}; it is old", policies=("aspect",),
                    evidence=f"0x000{n}", also=("twin:8443", "mail", "plain.zip"), fix=Fix(action="write what is rendered"))
            for n in range(4)
        ),
        *(
            Finding(rule=PROTOCOL, subject="twin:443", location=OnWire("twin:443"), message=f"protocol {n}", fix=Fix(action="switch it off", safe=True))
            for n in range(3)
        ),
        Finding(rule=PERMISSIONS, subject="plain.zip", location=InFile(("plain.zip", "low")), message="grave, and known", also=("mail",), severity=Severity.CRITICAL, known=True, confidence=Confidence.LOW),
        Finding(rule=ADMINER, subject="settings", location=InFile(("hardening.toml",), 1), message="of no subject", severity=Severity.LOW, remedy=f"a remedy of its own {ODD}"),
        Finding(rule=PROTOCOL, subject="mail", location=OnWire("mail"), message="a warning", severity=Severity.LOW),
    ]  # fmt: skip
    verdicts = [Verdict.PENDING, Verdict.SKIPPED, Verdict.ERROR, Verdict.MANUAL, Verdict.INCONCLUSIVE]
    results = [
        *(Result(rule=rule, subject="mail", verdict=verdict, reason=f"{verdict.value} {ODD}") for rule, verdict in zip((ADMINER, PASSWORD, SUITE, ENCRYPTED, PERMISSIONS), verdicts, strict=True)),
        Result(rule=PROTOCOL, subject="mail", verdict=Verdict.PASS, reason="a warning"),
        *(Result(rule=rule, subject="twin:443", verdict=Verdict.SKIPPED, reason="not asked") for rule in (ADMINER, PASSWORD, SUITE)),
        Result(rule=ADMINER, subject="twin:8443", verdict=Verdict.SKIPPED, reason="not asked"),
        Result(rule=SUITE, subject="plain.zip", verdict=Verdict.PASS, reason="beside a finding that stands elsewhere"),
        Result(rule=PERMISSIONS, subject="checked.conf", verdict=Verdict.PASS),
        Result(rule=PERMISSIONS, subject="plain.zip", verdict=Verdict.INCONCLUSIVE),
    ]  # fmt: skip
    whole = Run.of(
        [*run.subjects, *subjects], [*run.findings, *found], [*run.results, *results], started=run.started, finished=run.finished
    )  # fmt: skip
    diff = (
        f"--- a/etc/x y.conf\n+++ b/etc/x y.conf\n@@ -4 +4,2 @@\n-old {ODD}\n+new {'x' * 90}\n+more\n kept\n"
    )
    mends = (next(one.fingerprint for one in whole.findings if one.rule is PROTOCOL),)
    sources = (
        SourceFile("/etc/x y.conf", ((4, f"  old {ODD}"),), diff),
        SourceFile("hardening.toml", ((1, "# of no subject"),)),
        SourceFile(
            "mended.conf",
            (),
            "--- a/mended.conf\n+++ b/mended.conf\n@@ -2,2 +2 @@\n-a\n-b\n+c\n@@ -6,0 +7 @@\n+d\n",
            mends,
        ),
    )
    return replace(whole, version="3.2.1", sources=sources)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_says_what_the_golden_file_says(name: str, request: pytest.FixtureRequest) -> None:
    said = render(run=everything(), **{"fail_on": Severity.MEDIUM} | REPORTS[name]).decode()
    if name == "run.html":
        said = _OURS.sub(lambda match: f"{match[1] or ''}{match[3] or ''}", said)
    if request.config.getoption("--regolden"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(said, "utf-8")
    assert said == (GOLDEN / name).read_text("utf-8")
