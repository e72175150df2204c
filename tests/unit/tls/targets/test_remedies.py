"""A remedy names what the server can be told: no list that its configuration has not got."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.findings import Finding
from hardening.tls import policy
from hardening.tls.auditing import audit, mains
from hardening.tls.targets import find
from tests.support.places import DATA

CASES = DATA / "tls/cases"
STRICT = "cnsa-2.0-tls"


def found(case: str, build: str | None = None, name: str = STRICT) -> list[Finding]:
    target, version, _ = case.split("/")
    asked = mains.AuditInput(target=find(target), version=version, build=build)
    return audit.audit([CASES / case], [policy.load(name)], asked).findings


@pytest.mark.parametrize(
    ("case", "build", "way_out"),
    [
        ("jetty/9.2.26/loose", "jdk-8u201", "java.security of the JDK decides"),
        ("tomcat/7.0.76-el7/old", "jdk-8u201", "java.security of the JDK decides"),
        ("vsftpd/3.0.5-debian13/weak.conf", None, "put a TLS proxy in front of it"),
    ],
)
def test_groups_that_cannot_be_told_name_who_decides(case: str, build: str | None, way_out: str) -> None:
    groups = [f for f in found(case, build) if f.rule.id == "tls/group"]
    assert groups
    assert [f.remedy for f in groups if way_out not in f.remedy or "list of groups" in f.remedy] == []


def test_suites_of_tls13_that_cannot_be_told_name_who_decides(tmp_path: Path) -> None:
    path = tmp_path / "main.cf"
    path.write_text("smtpd_tls_security_level = may\nsmtpd_tls_protocols = >=TLSv1.2\n")
    asked = mains.AuditInput(target=find("postfix"), version="3.10.13-debian13")
    findings = audit.audit([path], [policy.load(STRICT)], asked).findings
    newer = [f for f in findings if f.evidence == "TLS_AES_128_GCM_SHA256"]
    assert newer
    assert all("tls_config_file" in f.remedy for f in newer)


def test_java_security_is_told_what_to_disable() -> None:
    findings = found("java_security/8.0.161/shipped.conf", name="aspect")
    about = [f for f in findings if f.rule.id in {"tls/suite", "tls/protocol", "tls/group"}]
    assert {f.rule.id for f in about} >= {"tls/suite", "tls/protocol"}
    assert [f.remedy for f in about if not f.remedy.startswith("Add ")] == []
    assert any(f.remedy.startswith("Add TLSv1.1 to jdk.tls.disabledAlgorithms in ") for f in about)


def test_what_can_be_told_is_said_in_the_common_words() -> None:
    groups = [f for f in found("nginx/1.26.3-debian13/tree") if f.rule.id == "tls/group"]
    assert groups
    assert all("out of the list of groups in " in f.remedy for f in groups)
