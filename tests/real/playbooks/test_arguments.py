"""Arguments of the modules come as texts from the command line, and misspelt from anywhere: neither may change what is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbooks.site import Played, Site, play

CHANGE = {"path": "one.conf", "content": "of the play\n"}


def _task(tmp_path: Path, module: str, *flags: str, **arguments: Any) -> Played:
    """Run a play of one task."""
    book = tmp_path / "one.yml"
    task = {
        "name": "it",
        f"aspect.hardening.{module}": {"state_dir": str(tmp_path / "state"), **arguments},
    }
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    return play(str(book), {}, *flags, cwd=tmp_path)


def test_a_force_of_false_does_not_force(tmp_path: Path) -> None:
    """`-e aspect_force=false` is the text "false", which is true: what somebody had written since was lost."""
    place = tmp_path / "one.conf"
    assert _task(tmp_path, "transaction", files=[{**CHANGE, "path": str(place)}]).stats["changed"] == 1
    place.write_text("of somebody\n")
    values = {"harden_hosts": "localhost", "aspect_state_dir": str(tmp_path / "state")}
    for word in ("false", "no", "0"):
        refused = play("rollback.yml", values, "-e", f"aspect_force={word}", cwd=tmp_path)
        assert refused.code == 2, refused.output
        assert "was changed since" in refused.output
    assert place.read_text() == "of somebody\n"
    undone = play("rollback.yml", values, "-e", "aspect_force=yes", cwd=tmp_path)
    assert undone.code == 0, undone.output
    assert not place.exists()


def test_flags_of_the_command_line_mean_what_they_say(site: Site) -> None:
    server = {**site.server, "endpoints": ["127.0.0.1:1"]}  # where nothing answers: a proof would fail
    done = site.play("harden.yml", "-e", "tls_prove=false", tls_servers=[server])
    assert (done.code, done.stats["changed"]) == (0, 1), done.output


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("tls", {"verb": "verfy", "server": {"target": "nginx"}}, "verb must be one of: apply, verify"),
        ("tls", {"polcy": "aspect", "server": {"target": "nginx"}}, "unknown: polcy"),
        ("tls", {"server": {"target": "tomcat"}}, "tomcat is not changed on hosts"),
        ("tls", {"server": {"target": "nginx", "configs": ["etc/x.conf"]}}, "localhost was not examined"),
        ("tls", {"server": {"target": "nginx"}, "state_dir": "here"}, "here is not an absolute path"),
        ("upgrade", {"verb": "statsu"}, "verb must be one of: look"),
        ("upgrade", {"job": "/nonesuch"}, "no verified bundle in the job"),
        ("transaction", {"verb": "verfy"}, "verb must be one of: apply"),
        ("transaction", {"deadman": -5}, "deadman: -5 is not a number from 0 on"),
        ("transaction", {"files": [{"path": "/a", "content_base64": "***"}]}, "content_base64 is not Base64"),
        ("transaction", {"files": [{"path": "/a", "content": "x", "mode": "u=rw"}]}, "'u=rw' is not octal"),
        ("transaction", {"files": [{"path": "/a", "content": {"a": 1}}]}, "content is not text"),
        ("transaction", {"commands": [{"name": "a", "do": "true"}]}, "'do' is not a list"),
        ("transaction", {"remove": ["/tmp/adminer*.php"]}, "/tmp/adminer*.php is a pattern"),
        ("transaction", {"probes": [{"kind": "tpc"}]}, "unknown kind tpc"),
        ("credentials", {"services": [{"name": "x", "action": "bounce"}]}, "unknown action 'bounce'"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(
    tmp_path: Path, module: str, arguments: dict[str, Any], said: str
) -> None:
    refused = _task(tmp_path, module, "--check", **arguments)
    assert refused.code == 2, refused.output
    assert said in refused.tasks["it"]["msg"]
    assert refused.output.count("Traceback") == 0
    assert refused.tasks["it"]["msg"].count(said) == 1, "a newer Ansible says a cause once more"
