"""Coverage-guided fuzzing: each target for a time, from its kept corpus on.

    python -m tests.fuzz.fuzz GROUP [--seconds N] [--keep] [TARGET ...]      needs atheris

A finding stops that target, is left under .cache/fuzz and makes the exit code 1. With --keep the shortest inputs of the
corpus go back into the repository.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz import corpora

WORK = Path(".cache/fuzz").resolve()
INSTRUMENT = {"walk": ["bundle.walk"], "credentials": ["bundle.detect"]}
"""Group, and the packages whose branches guide it."""
FLAGS = ("-timeout=30", "-rss_limit_mb=1024", "-max_len=16384")
MOST = 10.0
"""Seconds of processor time that one input of at most 16 KiB may cost, instrumented."""


def child(group: str, name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENT[group]):
        targets = importlib.import_module(f"tests.fuzz.{group}")
    target = targets.TARGETS[name]

    def one(data: bytes) -> None:
        began = time.thread_time()
        target(data)
        spent = time.thread_time() - began
        assert spent < MOST, f"{spent:.1f} s for {len(data)} bytes"

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def fuzz(group: str, name: str, seconds: int, *, keep: bool) -> bool:
    """Run one target; return whether it is without a finding."""
    targets = importlib.import_module(f"tests.fuzz.{group}")
    folder, crashes = WORK / group / name, WORK / group / f"{name}-found"
    folder.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    for label, data in (*corpora.kept(group, name).items(), *targets.seeds()):
        (folder / label).write_bytes(data)
    again = [sys.executable, "-m", "tests.fuzz.fuzz", "--child", group, name]
    log = WORK / group / f"{name}.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [*again, str(folder), f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/", *FLAGS],
            stdout=out, stderr=out, check=False,
        )  # fmt: skip
    last = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(("#", "Done"))]
    sys.stdout.write(
        f"{group}/{name}: code {done.returncode}; {last[-1] if last else 'no word, see ' + str(log)}\n"
    )
    sys.stdout.flush()
    if keep and done.returncode == 0:
        sys.stdout.write(f"{group}/{name}: {corpora.keep(group, name, folder)} inputs kept\n")
    return done.returncode == 0


def main() -> int:
    """Run the targets asked for, one after another."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], sys.argv[4:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.fuzz")
    parser.add_argument("group", choices=sorted(INSTRUMENT))
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--keep", action="store_true")
    chosen = parser.parse_intermixed_args()
    names = chosen.targets or list(importlib.import_module(f"tests.fuzz.{chosen.group}").TARGETS)
    clean = [fuzz(chosen.group, name, chosen.seconds, keep=chosen.keep) for name in names]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
