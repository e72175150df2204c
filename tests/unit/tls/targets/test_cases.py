"""Each file under cases/<target>/<release>/ says, on the line itself, what must be found there and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardening.findings import InFile, Severity
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.targets import find, targets
from tests.support.places import DATA

CASES = DATA / "tls/cases"
EXPECTED = re.compile(r"finds:\s*(?P<rules>[\w/, \-]+?)\s*(?:-->)?\s*$", re.MULTILINE)
MAINS = sorted(p for p in CASES.glob("*/*/*") if p.suffix in {".conf", ".cf", ".cnf"} or p.is_dir())


def _expected(path: Path) -> set[tuple[str, int, str]]:
    found = set()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if said := EXPECTED.search(line):
                spot = number - line.lstrip().startswith(
                    ("#^", ";^", "<!--^")
                )  # httpd has no comments at the end of a line
                found |= {(file.name, spot, rule) for rule in re.split(r"[ ,]+", said["rules"])}
    return found


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(CASES))) for p in MAINS])
def test_case(path: Path) -> None:
    target, version = path.parts[-3], path.parts[-2]
    asked = mains.AuditInput(target=find(target), version=version)
    found = audits.audit([path], [policies.load("aspect")], asked)
    seen = {
        (f.location.path.rpartition("/")[2], f.location.line or 0, f.rule.id)
        for f in found.findings
        if isinstance(f.location, InFile) and f.level > Severity.INFO
    }
    seen |= {
        (f.location.path.rpartition("/")[2], f.location.line or 0, f.rule.id)
        for f in found.findings
        if isinstance(f.location, InFile) and f.rule.id.startswith("walk/")
    }
    assert seen == _expected(path)


@pytest.mark.parametrize("target", [t.name for t in targets()])
def test_every_target_has_a_flagged_and_a_clean_case(target: str) -> None:
    mains = [p for p in MAINS if p.parts[-3] == target]
    assert any(_expected(p) for p in mains)
    assert any(not _expected(p) for p in mains)
