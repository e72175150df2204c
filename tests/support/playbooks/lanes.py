"""The playbooks on the oldest and the newest ansible-core that the package takes: `make lanes`, or `python -m tests.support.playbooks.lanes`.

Each lane is a virtual environment of its own below `.cache/lanes`, with the newest Python here that its ansible-core runs on.
Words on the command line are pytest's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parents[3]
CACHE = HOME / ".cache" / "lanes"
PYTHONS = ("3.14", "3.13", "3.12", "3.11")


@dataclass(frozen=True, slots=True)
class Lane:
    """One ansible-core: what pip is asked for, and the Pythons it runs on as a control machine."""

    name: str
    wanted: str
    pythons: tuple[str, ...]


LANES = (
    Lane("oldest", "ansible-core==2.16.19", ("3.12", "3.11")),
    Lane("newest", "ansible-core<2.22", PYTHONS),
)


def interpreter(versions: tuple[str, ...]) -> str:
    """Return the first of these Pythons that is here; this one where none is. Looks where pyenv keeps them, too."""
    managed = Path(os.environ.get("PYENV_ROOT", "~/.pyenv"), "versions").expanduser()
    for version in versions:
        here = [*sorted(managed.glob(f"{version}.*/bin/python"), reverse=True), Path(f"python{version}")]
        for one in here:
            try:
                subprocess.run([one, "-c", "import ensurepip, ssl"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                continue
            return str(one)
    return sys.executable


def made(lane: Lane) -> Path:
    """Return the lane's Python, its environment brought up to date."""
    python = CACHE / lane.name / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter(lane.pythons), "-m", "venv", CACHE / lane.name], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    subprocess.run([*pip, "--upgrade", "--editable", f"{HOME}[ansible]", lane.wanted, "--group", "test"], cwd=HOME, check=True)  # fmt: skip
    return python


def said(python: Path) -> str:
    """Return what a lane is, as `ansible --version` says it."""
    text = subprocess.run([python.with_name("ansible"), "--version"], capture_output=True, text=True, check=True).stdout  # fmt: skip
    core, own = re.search(r"\[core (\S+)\]", text), re.search(r"python version = (\S+)", text)
    assert core is not None
    assert own is not None
    return f"ansible-core {core[1]} on Python {own[1]}"


def main(words: list[str]) -> int:
    """Run the playbooks' tests in every lane; return 1 where one of them fails."""
    rows, bad = [], False
    for lane in LANES:
        python = made(lane)
        done = subprocess.run(
            [python, "-m", "pytest", "-q", "-n0", *(words or ["tests/real/playbooks"])],
            cwd=HOME, stdout=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        sys.stdout.write(done.stdout)
        sys.stdout.flush()
        bad = bad or done.returncode != 0
        last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "nothing was said"
        rows.append(f"{said(python)}: {last.strip('= ')}")
    sys.stdout.write("\n".join(rows) + "\n")
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
