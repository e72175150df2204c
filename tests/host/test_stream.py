"""The agent's answer is told from whatever else a host prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hardening.host import session, stream
from hardening.host.stream import MARK, answer
from hardening.upgrade import carry
from tests.host.little import AGES, interpreter

LAID = (
    "base64",
    "binascii",
    "ctypes",
    "hashlib",
    "json",
    "platform",
    "socket",
    "subprocess",
    "types",
    "zlib",
)
"""Modules that what travels to a host asks for."""


def test_the_last_answer_counts_whatever_was_printed_before_it() -> None:
    """A login's greeting, or a file that is shown, may hold the mark."""
    said = f'Welcome {MARK}{{"state": "from a greeting"}}\n{MARK}{{"state": "committed"}}\nlogout\n'
    assert answer(said) == {"state": "committed"}


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A stranger's bundle, unpacked; `ran` is beside it once anything of it ran."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name in LAID:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write(__name__ + ' ')\n")
    return folder


@pytest.mark.parametrize("age", AGES[1:])
def test_nothing_of_the_current_folder_is_run(
    unpacked: Path, age: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program on standard input asks the current folder first; so `harden engine show` ran a bundle's `base64.py` as root."""
    python = interpreter(age)
    monkeypatch.chdir(unpacked)
    assert session.here(python=python).ask("facts")["uid"] is not None
    for program in (stream.program({"verb": "status"}), carry.program({"verb": "status"})):
        done = subprocess.run([python, "-"], input=program, capture_output=True, check=True)
        assert answer(done.stdout.decode())["verb"] == "status"
    assert not (unpacked.parent / "ran").exists()


def test_nothing_of_the_current_folder_is_run_to_find_an_interpreter(unpacked: Path) -> None:
    argv = ["sh", "-c", stream.SHELL_PROBE]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=unpacked)
    assert done.stdout.startswith("@@PYTHON@@")
    assert not (unpacked.parent / "ran").exists()
