"""A service that somebody stopped stays stopped, and whoever runs the play is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.playbooks.site import play


def test_a_restart_starts_no_service_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, said, place = tmp_path / "bin", tmp_path / "said", tmp_path / "one.conf"
    programs.mkdir()
    for name in ("service", "systemctl"):
        script = f'#!/bin/sh\necho "$*" >>{said}\necho ActiveState=inactive\nexit 3\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "src").write_text("new\n")
    task = {
        "name": "it",
        "aspect.hardening.transaction": {
            "state_dir": str(tmp_path / "state"),
            "files": [{"path": str(place), "src": str(tmp_path / "src"), "secret": True}],
            "services": [{"name": "little", "action": "restart"}],
        },
    }
    book = tmp_path / "one.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    done = play(str(book), {}, cwd=tmp_path)
    assert (done.code, done.stats["changed"], place.read_text()) == (0, 1, "new\n"), done.output
    assert "[WARNING]: localhost: skipped: little does not run (" in " ".join(done.output.split())
    assert done.tasks["it"]["left_stopped"] == ["little"], "what host apply goes by"
    assert "start little" not in said.read_text()
    assert "restart" not in said.read_text()
