"""`harden host audit` on a small tree, `harden upgrade` on this machine through the real Ansible."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.demo import specimen
from hardening.host import session
from hardening.host.plans import plan as planning
from tests.real.host.test_owed import owing
from tests.support.host.little import Little

RECIPE = Path(str(files("hardening"))) / "products/aspect/upgrade.toml"


@pytest.fixture
def little(tmp_path: Path) -> Little:
    return Little(tmp_path / "host", python="installed")


def test_a_host_tree_is_audited_for_components_and_tls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web, nginx = tmp_path / "home/MIX_CMIX/htmlroot", tmp_path / "etc/nginx"
    web.mkdir(parents=True)
    nginx.mkdir(parents=True)
    (web / "info.php").write_text("<?php phpinfo(); ?>\n")
    (nginx / "nginx.conf").write_text(
        "events {}\nhttp { server { listen 443 ssl; ssl_protocols SSLv3 TLSv1;\n ssl_ciphers RC4-SHA; } }\n"
    )
    assert run(["host", "audit", "--root", str(tmp_path), "--format", "json"]) == 10
    report = json.loads(capsys.readouterr().out)
    rules = {one["rule"].partition("/")[0] for one in report["findings"]}
    assert {"tls", "component"} <= rules


def test_another_secret_at_a_known_place_of_a_host_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web, key, before = tmp_path / "home/MIX_CMIX/htmlroot", tmp_path / "key", tmp_path / "before.json"
    web.mkdir(parents=True)
    key.write_text("k" * 44 + "\n")
    words = ["host", "audit", "--root", str(tmp_path), "--baseline-key", str(key), "--format", "json"]
    (web / "db.php").write_text(specimen.tool("Vq8-first-mZ42xLp"))
    assert run([*words, "-o", str(before)]) == 10
    found = json.loads(before.read_text())["findings"]
    assert any(one.get("secret_hmac") for one in found)
    assert run([*words, "--baseline", str(before)]) == 0
    (web / "db.php").write_text(specimen.tool("Vq8-other-nB57yKt"))
    assert run([*words, "--baseline", str(before)]) == 10
    capsys.readouterr()
    assert run(["host", "audit", "--root", str(tmp_path), "--baseline-key", str(tmp_path / "absent")]) == 2


def test_a_tree_without_anything_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["host", "audit", "--root", str(tmp_path)]) == 3
    assert run(["host", "audit", "--root", str(tmp_path / "absent")]) == 2
    said = capsys.readouterr().err
    assert "neither the product's folders" in said
    assert "Traceback" not in said
    assert run(["host", "audit", "--root", str(tmp_path), "--format", "json", "-q"]) == 3
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["subjects"][0]["examined"], report["summary"]["exit_code"]) == ("none", 3)
    assert [one["rule"] for one in report["findings"]] == ["walk/nothing"]
    assert printed.err == ""


def test_status_verify_and_rollback_of_this_machine(
    little: Little, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["-e", f"aspect_state_dir={little.state}"]
    pending = planning.File(
        path="@state/pending/control-engine.json",
        content=json.dumps(
            {"name": "control-engine", "configured": 7300, "previous": 7226, "process": "no-such-process",
             "since": "2026-01-01T00:00:00Z", "by": "alice"}
        ).encode(),
    )  # fmt: skip
    assert run(["upgrade", "status", *state]) == 0
    assert capsys.readouterr().out == "localhost\n  no change by harden is known here\n"
    little.ask("apply", planning.Plan(label="new port", files=(pending, *little.plan(a="a = new\n").files)))

    assert run(["upgrade", "status", *state]) == 5
    said = capsys.readouterr().out
    assert "committed" in said
    assert "no change by harden is known here" not in said
    assert (
        "PENDING control-engine: configured=7300 running=none restart pending since 2026-01-01T00:00:00Z by alice"
        in said
    )

    assert run(["upgrade", "verify", *state, "--format", "json"]) == 5
    report = json.loads(capsys.readouterr().out)
    verdicts = {row["rule"]: row["verdict"] for row in report["results"]}
    assert verdicts.pop("upgrade/host-audit") == "skipped"  # nothing was upgraded here
    assert verdicts.pop("engine/not-seen") == "not-applicable"  # no engine's file is here
    assert set(verdicts.values()) == {"pending"}

    name = little.ask("status")["transactions"][-1]["id"]
    capsys.readouterr()
    assert run(["upgrade", "rollback", *state, "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"localhost: new port ({name}), to be undone: 3 paths would change"
    assert f"localhost:   write   {little.etc}/a.conf" in lines
    assert (little.etc / "a.conf").read_text() == "a = new\n"
    assert run(["upgrade", "rollback", "--local", *state]) == 0
    assert capsys.readouterr().out.startswith(f"localhost: new port ({name}), undone: 3 paths changed")
    assert (little.etc / "a.conf").read_text() == "a = old\n"
    assert run(["upgrade", "verify", *state]) == 0


def test_a_drifted_file_cannot_be_rolled_back_over(
    little: Little, capsys: pytest.CaptureFixture[str]
) -> None:
    little.ask("apply", little.plan(a="a = new\n"))
    (little.etc / "a.conf").write_text("mine\n")
    assert run(["upgrade", "rollback", "--local", "-e", f"aspect_state_dir={little.state}"]) == 7
    said = capsys.readouterr().err
    assert "was changed since" in said
    assert "next: fix what the message names, then run the command again\n" in said


def test_a_transaction_that_waits_and_one_that_failed_are_told(
    little: Little, capsys: pytest.CaptureFixture[str]
) -> None:
    """A host whose connection was cut in the middle of a change was said to be well."""
    never = ({"kind": "path", "path": "/no/such/file", "wait": 0},)
    little.ask("apply", replace(little.plan(a="a = new\n"), probes=never))
    name = little.ask("apply", replace(little.plan(b="b = new\n"), deadman=60))["tx"]
    assert run(["upgrade", "status", "-e", f"aspect_state_dir={little.state}"]) == 5
    first, second, third = capsys.readouterr().out.splitlines()[1:]
    assert first.endswith(
        "rolled-back  little  probe failed: path /no/such/file: /no/such/file does not exist"
    )
    assert second.endswith("applied     little")
    assert third.startswith(
        f"  UNDER WAY transaction {name} waits for its confirmation; unless it is confirmed"
    )
    little.ask("rollback", id=name)


def test_bad_calls_say_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["plan"], ["apply", "--local"]):
        assert run(["upgrade", *verb, str(tmp_path / "b.zip")]) == 2
        assert "no recipe" in capsys.readouterr().err
        assert run(["upgrade", *verb, str(tmp_path / "b.zip"), "--recipe", str(RECIPE)]) == 2
        assert "give the trusted keys" in capsys.readouterr().err
    assert run(["upgrade", "verify", "-i", str(tmp_path / "absent")]) == 2
    assert run(["upgrade", "status", "-i", "nowhere.invalid,", "--limit", "nobody"]) == 3


@pytest.mark.parametrize(
    ("given", "said"), [("@absent.yml", "there is no such file"), ("tls_policy", "names no value")]
)
@pytest.mark.parametrize("verb", ["host apply --local", "upgrade status"])
def test_variables_that_say_nothing_are_a_bad_call(
    given: str, said: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ansible drops a name without a value in silence, and of an absent file the inventory was blamed."""
    assert run([*verb.split(), "-e", given]) == 2
    assert f"-e {given}: {said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("site.yml", "all:\n  hosts: [a\n", "site.yml:3:1: YAML parsing failed"),
        ("site.ini", "[web\na\n", "Unable to parse"),
        ("empty.yml", "", "no host"),
    ],
)
def test_an_inventory_that_names_nobody_says_why(
    name: str, text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert run(["upgrade", "status", "-i", str(tmp_path / name)]) == 3
    told = capsys.readouterr().err
    assert said in told
    assert "PLAY RECAP" not in told
    assert "implicit localhost" not in told


def test_what_an_undo_still_owes_is_said(little: Little, capsys: pytest.CaptureFixture[str]) -> None:
    answer = owing(little)
    said = session.summary(answer)
    assert "everything is as it was before except little, which could not be notified" in said
    assert run(["upgrade", "status", "-e", f"aspect_state_dir={little.state}"]) == 5
    assert "  PENDING little: " in capsys.readouterr().out
    (little.root / "run" / "broken").unlink()
    little.ask("recover")
    assert run(["upgrade", "status", "-e", f"aspect_state_dir={little.state}"]) == 0
    assert "PENDING little" not in capsys.readouterr().out
