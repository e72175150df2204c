"""The demo does what it says, quickly, and leaves what it promised."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.demo import server, story
from hardening.errors import ExitCode, HardeningError


def test_what_it_kept_says_the_same_to_the_commands(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert run(["demo", "--keep", str(kept)]) == ExitCode.OK
    assert run(["bundle", "audit", str(kept / story.BUNDLE)]) == ExitCode.FINDINGS
    assert run(["bundle", "audit", str(kept / story.CLEANED)]) == ExitCode.OK
    key = kept / "release.key.pub"
    assert run(["bundle", "verify", str(kept / story.CLEANED), "--key", str(key)]) == ExitCode.OK
    signature = kept / f"{story.CLEANED}.dsse.json"
    again = ["bundle", "verify", str(kept / story.BUNDLE), "--key", str(key), "--signature", str(signature)]
    assert run(again) == ExitCode.REFUSED


def test_the_weak_server_is_found_weak_by_the_command(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    story._certificate(tmp_path)
    (tmp_path / "server.conf").write_text(server.WEAK)
    with story._running(tmp_path) as endpoint:
        code = run(["tls", "scan", endpoint, "--policy", "aspect", "--format", "json"])
        said = json.loads(capfdbinary.readouterr().out)
        assert code == ExitCode.FINDINGS
        host, _, port = endpoint.partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass
    rules = {f["rule"] for f in said["findings"]}
    assert {"tls/protocol", "tls/suite"} <= rules
    assert said["subjects"][0]["policies"] == {"aspect": "fail"}
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=5)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    assert run(["demo", "--keep", str(tmp_path)]) == ExitCode.USAGE
    assert run(["demo", "--keep", str(tmp_path / "mine")]) == ExitCode.USAGE


def test_a_step_that_fails_fails_the_demo() -> None:
    with pytest.raises(HardeningError, match="not clean"):
        story._expect(held=False, otherwise="the cleaned bundle is not clean")
