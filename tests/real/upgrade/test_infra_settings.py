"""The suites for operators refuse settings that ask nothing, by real runs of pytest on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hardening import resources


def suites(settings: Path) -> subprocess.CompletedProcess[str]:
    """Run the shipped suites against this machine."""
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--hosts=local://",
    ]
    return subprocess.run(
        [*argv, "--rootdir", str(resources.infra()), str(resources.infra())],
        env={**os.environ, "HARDEN_SETTINGS": str(settings)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tsl]\npolicy = "aspect"\n', "unknown table 'tsl'; known: tls, engine, files, mailer"),
        ('[files]\nabsnt = ["/tmp"]\n', "unknown key files.absnt; known: absent, private, services"),
        ('[files]\nabsent = "/nonesuch"\n', "files.absent has to be a list"),
        ('[engine]\nport = "7300"\n', "engine.port has to be a int"),
        ("", "no table"),
        ("[files\n", "settings.toml: "),
        (None, "No such file"),
    ],
)
def test_what_asks_nothing_is_no_pass(tmp_path: Path, text: str | None, said: str) -> None:
    settings = tmp_path / "settings.toml"
    if text is not None:
        settings.write_text(text)
    done = suites(settings)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_state_fails_and_what_is_not_named_is_skipped(tmp_path: Path) -> None:
    settings, config = tmp_path / "settings.toml", tmp_path / "engine.properties"
    config.write_text("engine.port=17300\n")
    settings.write_text(
        f'[files]\nabsent = ["{config}"]\n[engine]\nport = 7300\nconfig = "{config}"\n', encoding="utf-8"
    )
    done = suites(settings)
    assert done.returncode == 1, done.stdout
    assert "test_removed_components_stay_removed" in done.stdout
    assert "test_the_configuration_names_the_port" in done.stdout
    assert "3 failed, 8 skipped" in done.stdout


def test_a_port_that_only_the_host_hears_is_not_called_reached(tmp_path: Path) -> None:
    """The suites passed while nobody could connect from outside: with an address they connect, without one they skip by name."""
    here = socket.socket()
    here.bind(("127.0.0.1", 0))
    here.listen(1)
    port = here.getsockname()[1]
    config = tmp_path / "engine.properties"
    config.write_text(f"engine.port={port}\n")
    settings, said = tmp_path / "settings.toml", dict[str, str]()
    text = f'[engine]\nport = {port}\nconfig = "{config}"\n'
    for address in ("", "127.0.0.1", "127.77.77.77"):
        settings.write_text(text + (f'address = "{address}"\n' if address else ""), encoding="utf-8")
        done = suites(settings)
        said[address] = done.stdout
    here.close()
    assert "3 passed" in said["127.0.0.1"]
    assert "2 passed" in said[""]
    assert f"127.77.77.77:{port} is not reached from this machine" in said["127.77.77.77"]
