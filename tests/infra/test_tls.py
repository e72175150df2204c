"""The TLS policy holds: in the file on the host, and on the wire as seen from here."""

from __future__ import annotations

from typing import Any

from hardening.findings import Examined, Severity
from hardening.tls import policy
from hardening.tls.scan.run import scan


def test_our_file_is_in_place(host: Any, tls: dict[str, Any]) -> None:
    ours = host.file(tls["place"])
    assert ours.is_file
    assert f"policy: {tls['policy']}" in ours.content_string
    assert ours.mode & 0o022 == 0


def test_every_endpoint_keeps_the_policy(tls: dict[str, Any]) -> None:
    assert tls["endpoints"] != []
    run = scan(tls["endpoints"], [policy.load(tls["policy"])])
    assert [s.id for s in run.subjects if s.examined is Examined.NONE] == []
    bad = [f"{f.subject}: {f.message}" for f in run.findings if f.level >= Severity.MEDIUM]
    if tls.get("ignore_certificates"):
        bad = [
            f"{f.subject}: {f.message}"
            for f in run.findings
            if f.level >= Severity.MEDIUM and not f.rule.id.startswith("tls/certificate")
        ]
    assert bad == []
