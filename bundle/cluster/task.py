"""What crosses the network: what to examine and how, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bundle.walk.limits import WalkLimits
from hardening import __version__
from hardening.findings import Run


@dataclass(frozen=True, slots=True)
class Task:
    """One bundle, and everything its examination depends on."""

    url: str
    """`s3://bucket/key` or another address that fsspec opens, or a path that the worker sees too."""
    version: str
    limits: WalkLimits
    rules: tuple[tuple[str, bytes], ...] = ()
    """Name and content of each `--rules` file."""
    osv: str | None = None
    """A folder on the worker."""
    cache: str | None = None
    """A folder on the worker."""
    passwords: tuple[bytes, ...] = ()
    key: bytes = b""
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """What one worker said: a run, or in one line why there is none."""

    run: Run | None
    problem: str = ""
    reason: str = "crashed"
    """The word after `walk/` of the rule that says it, or `version`."""


@lru_cache(maxsize=1)
def version() -> str:
    """Return what two machines must have in common to come to the same report: the release, and every file of it."""
    home = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(home.rglob("*")):
        if path.suffix in (".py", ".toml", ".json", ".bin", ".gz", ".xz", ".zst") and path.is_file():
            digest.update(f"{path.relative_to(home)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"{__version__}/{digest.hexdigest()[:12]}"
