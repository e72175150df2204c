"""Advisories of every host of an inventory, by Ansible: what a host shows is what its copy shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hardening import products
from hardening.advisories.judge import Status, answers
from hardening.advisories.seen import of_host
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.host.checks.root import Root
from tests.support.products import layout

PACK = products.load("aspect")


def test_every_host_of_an_inventory_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = layout.host(tmp_path / "host", "3.07.01")
    inventory = tmp_path / "hosts"
    inventory.write_text(
        f"[all]\none ansible_connection=local ansible_python_interpreter={sys.executable} collect_root={top}\n"
        f"two ansible_host=127.0.0.1 ansible_port=9\n"
    )
    assert run(["advisories", "-i", str(inventory), "--format", "json"]) == ExitCode.FINDINGS
    body = json.loads(capsys.readouterr().out)
    subjects = {row["id"]: row for row in body["subjects"]}
    assert subjects["one"]["stats"]["release"] == "3.07.01"
    assert subjects["two"]["examined"] == "none"
    own = {one.advisory.id: one for one in answers(PACK.advisories, of_host(PACK, Root(top)))}
    failed = {row["rule"] for row in body["results"] if row["subject"] == "one" and row["verdict"] == "fail"}
    assert failed == {
        f"advisory/{name.lower()}" for name, one in own.items() if one.status is Status.AFFECTED
    }
