"""Runs the `console` blocks of a page as a newcomer would type them, and compares what is printed.

A block begins with three backticks and `console`; a line with `$ ` is a command, the lines below it are its output. A block with `title="FILE"`
is written to FILE first. All blocks of a page run in order in one folder. `python -m tests.support.docs.console PAGE...` writes today's output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 180
"""Seconds that one command may take."""
_BLOCK = re.compile(
    r"^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_VARIES = (
    (re.compile(r"\b\d+(\.\d+)? m?s\b"), "N s"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HEX"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=, )\d+ bytes"), "N"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(T[\d:.]+Z?)?"), "DATE"),
    (re.compile(r"\d+(\.\d+)? [KM]iB"), "N KiB"),
    (re.compile(r"(in|for) \d+ days"), "in N days"),
)


@dataclass
class Step:
    """A command of a page, what the page says it prints, and what it printed."""

    command: str
    expected: str
    printed: str = field(default="")


def run(page: Path) -> list[Step]:
    """Run the blocks of a page in an empty folder; return every command with its expected and its real output."""
    steps: list[Step] = []
    with tempfile.TemporaryDirectory() as folder:
        for block in _BLOCK.finditer(page.read_text("utf-8")):
            if block["title"]:
                Path(folder, block["title"]).write_text(block["body"], "utf-8")
            elif block["kind"] == "console":
                for step in _steps(block["body"]):
                    step.printed = _printed(step.command, folder)
                    steps.append(step)
    return steps


def update(page: Path) -> None:
    """Write what the commands of a page print today into the page."""
    steps = iter(run(page))

    def block(found: re.Match[str]) -> str:
        if found["kind"] != "console" or found["title"]:
            return found[0]
        body = "".join(
            f"$ {step.command}\n{step.printed}" for step in (next(steps) for _ in _steps(found["body"]))
        )
        return f"```console\n{body}```"

    page.write_text(_BLOCK.sub(block, page.read_text("utf-8")), "utf-8")


def same(one: str, other: str) -> bool:
    """Return whether two outputs are the same but for times, digests, ports and sizes."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _steps(body: str) -> list[Step]:
    steps: list[Step] = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            steps.append(Step(line[2:].rstrip("\n"), ""))
        elif steps:
            steps[-1].expected += line
    return steps


def _printed(command: str, folder: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "COLUMNS": "80", "NO_COLOR": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False, text=True,
    )  # fmt: skip
    return done.stdout if not done.stdout or done.stdout.endswith("\n") else done.stdout + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        update(Path(name))
