"""Signing and verifying a bundle beside sha256sum over the same bytes: the outer file and its top-level members.

The bundle is made here: a zip whose members are archives, stored as packers store what is packed already.
    python bench/trust_speed.py [MEGABYTES]
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 3


def made(folder: Path, megabytes: int) -> tuple[Path, list[Path]]:
    """Return the bundle and its members as files."""
    rng = random.Random(1)
    block = rng.randbytes(1 << 20)
    bundle, members = folder / "bundle.zip", []
    with zipfile.ZipFile(bundle, "w") as archive:
        for number in range(8):
            path = folder / f"part{number}.bin"
            with path.open("wb") as out:
                for turn in range(megabytes // 8):
                    out.write(block[turn % 1000 :] + block[: turn % 1000])
            archive.write(path, path.name)
            members.append(path)
    return bundle, members


@dataclass(frozen=True)
class Took:
    """Seconds of the clock and of the processor, the least of some runs."""

    wall: float
    cpu: float


def took(command: Sequence[str | Path]) -> Took:
    """Run a command some times, in silence."""
    walls, cpus = [], []
    for _ in range(RUNS):
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.monotonic() - begun)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return Took(min(walls), min(cpus))


def main() -> None:
    """Print the times and their ratios."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle, members = made(folder, megabytes)
        harden: list[str | Path] = [sys.executable, "-m", "hardening", "bundle"]
        key, public = folder / "k", folder / "k.pub"
        making = [*harden, "keygen", "--out", key, "--no-passphrase"]
        subprocess.run(making, check=True, stdout=subprocess.DEVNULL)
        both = took(["sha256sum", bundle, *members])
        signing = took([*harden, "sign", bundle, "--key", key, "--no-passphrase", "--no-inventory"])
        outer = took(["sha256sum", bundle])
        verifying = took([*harden, "verify", bundle, "--key", public])
    print(f"{megabytes} MB, 8 members, best of {RUNS}, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for name, one, peer in (
        ("sha256sum outer file and members", both, both),
        ("harden bundle sign", signing, both),
        ("sha256sum outer file", outer, outer),
        ("harden bundle verify", verifying, outer),
    ):
        print(
            f"{name:<34}{one.wall:6.2f} s {one.wall / peer.wall:5.2f} x   "
            f"{one.cpu:6.2f} CPU s {one.cpu / peer.cpu:5.2f} x"
        )


if __name__ == "__main__":
    main()
