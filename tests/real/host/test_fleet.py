"""`harden host apply` over six hosts that are folders of this machine, a later one broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hardening.host import fleet
from hardening.host.playbook import HostReceipt
from tests.support.host.little import digest

HARDEN = Path(sys.executable).with_name("harden")
WRONG = '[{"kind": "command", "name": "page", "argv": ["/bin/false"], "wait": 0}]'


def lay_out(folder: Path, **more: str) -> Path:
    """Write six hosts with a component that must go, and their inventory; `more` are variables of single hosts."""
    lines = ["[all]"]
    for number in range(6):
        host = folder / f"h{number}"
        (host / "web").mkdir(parents=True)
        (host / "web/adminer.php").write_text(f"<?php // {number}\n")
        (host / "web/index.php").write_text("<?php\n")
        lines.append(f"h{number} site={host} {more.get(f'h{number}', '')}")
    lines += [
        "[all:vars]", "ansible_connection=local", f"ansible_python_interpreter={sys.executable}",
        "components_absent=['{{ site }}/web/adminer.php']", "components_install_agent=false", "components_deadman=0",
        "components_state_dir={{ site }}/state", "aspect_state_dir={{ site }}/state",
    ]  # fmt: skip
    path = folder / "hosts"
    path.write_text("\n".join(lines) + "\n")
    return path


def apply(folder: Path, inventory: Path, *words: str) -> tuple[int, dict[str, str], str]:
    done = subprocess.run(
        [HARDEN, "host", "apply", "-i", inventory, "--report", "json=r.json", *words], cwd=folder,
        env={**os.environ, "ANSIBLE_LOCAL_TEMP": str(folder / "ansible"), "ANSIBLE_REMOTE_TMP": str(folder / "remote")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    report = json.loads((folder / "r.json").read_text()) if (folder / "r.json").exists() else {"subjects": []}
    return done.returncode, {s["id"]: s["stats"]["state"] for s in report["subjects"]}, said


def webs(folder: Path) -> list[str]:
    return [digest(folder / f"h{number}/web", times=True) for number in range(6)]


def test_earlier_batches_are_led_back_when_a_later_host_fails(tmp_path: Path) -> None:
    """h0 is the canary, h1 a tenth; h4 fails in the last batch, whose other hosts are changed by then."""
    inventory = lay_out(tmp_path, h4=f"components_probes='{WRONG}'")
    before = webs(tmp_path)
    code, states, said = apply(tmp_path, inventory)
    assert code == 6, said
    assert states == {f"h{number}": "rolled-back" for number in range(6)}
    assert webs(tmp_path) == before
    assert "h0                        rolled-back  rolled back, because h4 failed" in said


def test_hosts_that_a_stopped_run_never_came_to_are_named(tmp_path: Path) -> None:
    """The canary fails; whoever reads the report alone has to see that five hosts are as weak as they were."""
    inventory = lay_out(tmp_path, h0=f"components_probes='{WRONG}'")
    code, states, said = apply(tmp_path, inventory, "--limit", "h0,h1,h2")
    assert code == 6, said
    assert states == {"h0": "rolled-back", "h1": "untouched", "h2": "untouched"}
    assert "h2                        untouched    the run ended before this host" in said
    subjects = json.loads((tmp_path / "r.json").read_text())["subjects"]
    assert [one["examined"] for one in subjects] == ["full", "none", "none"]


def test_a_fleet_of_which_nothing_is_asked_is_no_success(tmp_path: Path) -> None:
    """No task went to the hosts, so that nobody knows whether they are there."""
    inventory = tmp_path / "hosts"
    inventory.write_text("[all]\nh0 ansible_host=127.0.0.1 ansible_port=9\nh1 ansible_connection=local\n")
    code, states, said = apply(tmp_path, inventory)
    assert (code, states) == (3, {"h0": "untouched", "h1": "untouched"}), said
    assert "the inventory asks for nothing on this host: tls_servers" in said
    assert "current" not in said


def receipt(*answers: dict[str, object], outcome: str = "failed") -> HostReceipt:
    rows = [{"task": "t", "outcome": outcome, "result": answer} for answer in answers]
    return HostReceipt(host="h", tasks=rows)


@pytest.mark.parametrize(
    ("state", "expected"), [("refused", "refused"), ("broken", "broken"), (None, "unknown")]
)
def test_a_failure_is_as_before_only_where_the_agent_says_so(state: str | None, expected: str) -> None:
    said = {"failed": True, "msg": "no", **({"state": state} if state else {})}
    assert fleet.outcome_of(receipt(said)).state == expected


def test_a_host_that_was_not_asked_or_is_half_way_is_never_called_as_before() -> None:
    one = fleet.HostOutcome(host="h", state="committed", made=("1",))
    assert fleet.after(one, None, "x failed", "no such inventory").state == "kept"
    for row in ({"id": "1", "state": "applied"}, {"id": "2", "state": "open"}):
        half = fleet.after(one, receipt({"transactions": [row]}, outcome="ok"), "x failed")
        assert half.state == "unfinished"
        assert f"transaction {row['id']} is not finished" in half.why[-1]
    owes = {"id": "1", "state": "rolled-back", "owed": {"services": ["nginx"], "commands": []}}
    assert fleet.after(one, receipt({"transactions": [owes]}, outcome="ok"), "x failed").state == "broken"
    undone = receipt({"transactions": [{"id": "1", "state": "undone"}]}, outcome="ok")
    assert fleet.after(one, undone, "x failed").state == "rolled-back"
