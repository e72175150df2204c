"""`harden tls policies`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.tls import policy


def test_the_list_names_every_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "policies"]) == 0
    said = capsys.readouterr().out
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert set(policy.available()) <= rows.keys()
    count = policy.load("cis-nginx").counts()
    numbers = f"{count['rules']:<5}  {count['verified']:<8}  {count['manual']}"
    assert numbers in rows["cis-nginx"]


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "policies", "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in body] == list(policy.available())
    nist = next(one for one in body if "nist-800-52r2" in one["short_names"])
    assert nist["counts"]["unverified"] > 0


def test_one_policy_rule_by_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "policies", "nist-800-52r2"]) == 0
    said = capsys.readouterr().out
    assert "not verified: memory; not read: any text; it is from memory" in said
    for rule in policy.load("nist-800-52r2").rules:
        assert rule.text in said
    assert run(["tls", "policies", "nist-800-52r2", "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert len(body["rules"]) == len(policy.load("nist-800-52r2").rules)


def test_a_policy_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "site.toml"
    path.write_text('id = "site"\nextends = "aspect"\n', "utf-8")
    assert run(["tls", "policies", str(path)]) == 0
    assert capsys.readouterr().out.startswith("site: ")


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tls", "policies", "nist-800-52"]) == 2
    said = capsys.readouterr().err
    assert "nist-800-52r2" in said
    assert "Traceback" not in said


def test_a_broken_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(b"\xff\x00")
    assert run(["tls", "policies", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"harden: {path}: not UTF-8")
