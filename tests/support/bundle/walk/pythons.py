"""Interpreters of every version whose compiled files are read, as far as they are here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bundle.walk.derive.opcodes import VERSIONS

Version = tuple[int, int]
READ = tuple(version for version in VERSIONS if version != (2, 6))
"""2.6 is nowhere to be had: a test gives its number to what 2.7 compiled."""
_COMPILE = """
import json, py_compile, sys
for source, compiled in json.load(sys.stdin):
    py_compile.compile(source, cfile=compiled, doraise=True)
"""
_TELL = "import json, opcode; print(json.dumps(opcode.opmap))"


def name(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


@cache
def interpreter(version: Version) -> str:
    """Return an interpreter of a version; skip where there is none."""
    if sys.version_info[:2] == version:
        return sys.executable
    wanted = name(version)
    managed = Path(os.environ.get("PYENV_ROOT", "~/.pyenv"), "versions").expanduser()
    there = shutil.which(f"python{wanted}")
    for found in (*sorted(managed.glob(f"{wanted}.*/bin/python")), *([Path(there)] if there else ())):
        if subprocess.run([found, "-c", "import json"], capture_output=True, check=False).returncode == 0:
            return str(found)
    pytest.skip(f"no Python {wanted} on this machine")


def compiled(version: Version, sources: Mapping[str, str], folder: Path) -> dict[str, bytes]:
    """Return the compiled file of each source."""
    files = {}
    for number, (title, source) in enumerate(sources.items()):
        (folder / f"m{number}.py").write_text(source, encoding="utf-8")
        files[title] = folder / f"m{number}.py"
    pairs = json.dumps([[str(one), f"{one}c"] for one in files.values()])
    subprocess.run([interpreter(version), "-c", _COMPILE], input=pairs.encode(), check=True)
    return {title: Path(f"{one}c").read_bytes() for title, one in files.items()}


def instructions(version: Version) -> dict[str, int]:
    """Return the numbers of a version's instructions, as it tells them itself."""
    said = subprocess.run([interpreter(version), "-c", _TELL], capture_output=True, check=True).stdout
    told: dict[str, Any] = json.loads(said)
    return {title: int(number) for title, number in told.items()}
