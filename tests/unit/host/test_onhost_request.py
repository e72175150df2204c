"""The agent's answer is told from whatever else a host prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hardening.errors import ProbeError
from hardening.host import onhost_request, session
from hardening.host.onhost_request import MARK, SEAL, answer, fresh_key, unsealed
from tests.support.host.little import AGES, interpreter

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
    for sent in (
        onhost_request.program({"verb": "status"}),
        onhost_request.program({"verb": "status"}, onhost_request.UPGRADER),
    ):
        done = subprocess.run([python, "-"], input=sent, capture_output=True, check=True)
        assert answer(done.stdout.decode())["verb"] == "status"
    assert not (unpacked.parent / "ran").exists()


def test_nothing_of_the_current_folder_is_run_to_find_an_interpreter(unpacked: Path) -> None:
    argv = ["sh", "-c", onhost_request.SHELL_PROBE]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=unpacked)
    assert done.stdout.startswith("@@PYTHON@@")
    assert not (unpacked.parent / "ran").exists()


@pytest.mark.parametrize(
    ("output", "complaint", "said"),
    [
        ("", "", "nothing"),
        ("a greeting\n", " \n", "a greeting"),
        ("a greeting", " no python \n", "no python"),
        ("x" * 500 + "the end", "", "x" * 393 + "the end"),
        (MARK, "", MARK),
        (f"{MARK}\n{{}}", "", f"{MARK}\n{{}}"),
        (f"{MARK}[1]", "", f"{MARK}[1]"),
        (f"{MARK}{{", "", f"{MARK}{{"),
        (MARK + "[" * 100_000, "", "[" * 400),
    ],
)
def test_without_an_answer_the_end_of_what_the_host_said_is_told(
    output: str, complaint: str, said: str
) -> None:
    with pytest.raises(ProbeError) as caught:
        answer(output, complaint=complaint, where="bms-7")
    assert str(caught.value) == f"the agent gave no answer on bms-7; output: {said}"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("", "harden upgrade status"),
        ("/bin/sh: 1: /usr/bin/python2: not found", "ansible_python_interpreter"),
        ("sudo: sorry, you must have a tty to run sudo", "requiretty"),
        ("sudo: a password is required", "ansible_become_password"),
        ("/bin/sh: 1: sudo: not found", "sudo is not installed"),
    ],
)
def test_the_advice_is_about_what_the_host_said(said: str, hint: str) -> None:
    """A connection that was cut, and a sudo that was refused, were answered with the advice to name an interpreter."""
    with pytest.raises(ProbeError) as caught:
        answer("", complaint=said)
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["", "no seal at all", f"{SEAL}", f"{SEAL}????", f"{SEAL}\n", f"{SEAL}AAAA"])
def test_what_is_not_sealed_by_the_key_stays_as_it_is(text: str) -> None:
    assert unsealed(text, fresh_key()) == text
