"""What lies in the repository is meant to be there: a state file that a command left was once committed with the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEANT = {
    ".ansible-lint", ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "bench", "bundle",
    "docs", "hardening", "playbooks", "pyproject.toml", "templates", "tests",
}  # fmt: skip
MACHINE = re.compile(rb"/work/[a-z]|(?:/root|/home/[a-z]+)/\.pyenv\b|/tmp/pytest-of-")
"""Where people keep checkouts, Pythons and tests' folders."""


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    said = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return said.decode().rstrip("\0").split("\0")


def test_nothing_lies_at_the_top_that_is_not_meant_to(tracked: list[str]) -> None:
    assert {name.partition("/")[0] for name in tracked} <= MEANT


def test_no_file_names_a_path_of_one_machine(tracked: list[str]) -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    named = [
        name
        for name in tracked
        if name != here and (ROOT / name).is_file() and MACHINE.search((ROOT / name).read_bytes())
    ]
    assert named == []


SILENCED = re.compile(r"# (?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[^]]*\])?)(.*)$", re.MULTILINE)
LONG = {
    "hardening/host/accounts.py": "sent to a host as one file",
    "hardening/host/agent.py": "sent to a host as one file",
    "hardening/host/verifier.py": "sent to a host as one file",
    "hardening/mailer/relay.py": "sent to a host as one file",
    "hardening/upgrade/upgrader.py": "sent to a host as one file",
}
"""Modules of more than 400 lines, each with the reason why it is not two."""


def test_every_check_that_is_silenced_says_why(tracked: list[str]) -> None:
    programs = [name for name in tracked if name.endswith(".py") and (ROOT / name).is_file()]
    mute = [
        f"{name}: {match.group().strip()}"
        for name in programs
        for match in SILENCED.finditer((ROOT / name).read_text(encoding="utf-8"))
        if not re.search(r"[A-Za-z]{2}", match.group(1))
    ]
    assert mute == []


def test_a_module_is_short_or_has_a_reason(tracked: list[str]) -> None:
    ours = [
        n
        for n in tracked
        if n.startswith(("bundle/", "hardening/")) and n.endswith(".py") and "/data/" not in n
    ]
    lengths = {
        n: len((ROOT / n).read_text(encoding="utf-8").splitlines()) for n in ours if (ROOT / n).is_file()
    }
    assert {name for name, length in lengths.items() if length > 400} == set(LONG)


PORT = re.compile(r"^\s*def \w*free_port\b", re.MULTILINE)


def test_free_ports_come_from_one_place(tracked: list[str]) -> None:
    """A port that the kernel chooses and that is let go at once may come a second time: two servers of a test met there."""
    programs = [name for name in tracked if name.endswith(".py") and (ROOT / name).is_file()]
    own = [name for name in programs if PORT.search((ROOT / name).read_text(encoding="utf-8"))]
    assert own == ["tests/ports.py"]
