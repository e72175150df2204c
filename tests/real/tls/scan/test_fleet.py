"""Streams and resumed scans say what one scan in one go would have said; SSH offers are read and judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardening.cli import run as harden
from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from tests.real.tls.scan.test_real import GOOD, nginx


def test_drift_is_what_is_new_since_a_baseline(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    with nginx(tmp_path, GOOD) as endpoint:
        port = endpoint.rpartition(":")[2]
        assert harden(["tls", "scan", endpoint, "--format", "json", "-o", str(before)]) == 0
    drifted = GOOD.replace("TLSv1.2 TLSv1.3", "TLSv1 TLSv1.2 TLSv1.3").replace(
        "ssl_ciphers ", "ssl_ciphers @SECLEVEL=0:"
    )
    drifted = drifted.replace("POLY1305;", "POLY1305:AES128-SHA;")
    with nginx(tmp_path, drifted, port=int(port)) as endpoint:
        words = ["tls", "scan", endpoint, "--baseline", str(before), "--format", "json", "-o", str(after)]
        assert harden(words) == 10
        new = {f["rule"] for f in json.loads(after.read_text())["findings"] if not f["waived"]}
        assert {"tls/protocol", "tls/suite"} <= new
        again = [
            "tls",
            "scan",
            endpoint,
            "--baseline",
            str(after),
            "--format",
            "json",
            "-o",
            str(tmp_path / "third"),
        ]
        assert harden(again) == 0


def test_each_policy_has_its_verdict(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with nginx(tmp_path, GOOD) as endpoint:
        words = [
            "tls",
            "scan",
            endpoint,
            "--policy",
            "aspect",
            "--policy",
            "mozilla-modern",
            "--format",
            "json",
        ]
        assert harden(words) == 10
    [subject] = json.loads(capfdbinary.readouterr().out)["subjects"]
    assert [subject["policies"][name] for name in ("aspect", "mozilla-modern-6.0")] == ["pass", "fail"]


def test_ranges_need_permission_and_names_are_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harden(["tls", "scan", "127.0.0.0/30:1"]) == 2
    assert "--allow-ranges" in capsys.readouterr().err
    assert harden(["tls", "scan", "127.0.0.0/30:1", "--allow-ranges", "--timeout", "1"]) == 3
    assert capsys.readouterr().out.count("127.0.0.") >= 2
    other = "} server { listen 127.0.0.1:PORT ssl; server_name other.example; ssl_ciphers AES256-GCM-SHA384;"
    with nginx(tmp_path, GOOD, more=other) as endpoint:
        plain = scan([endpoint], [policy.load("aspect")])
        named = scan([endpoint], [policy.load("aspect")], ScanSettings(sni="other.example"))
    suites = [(run.subjects[0].offer or {})["protocols"]["TLSv1.2"]["suites"] for run in (plain, named)]
    assert suites == [["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], ["TLS_RSA_WITH_AES_256_GCM_SHA384"]]
