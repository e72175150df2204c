"""Triage of one gigabyte of upgrade log on one core, beside grep reading the same file.

python bench/logs.py [MB]
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hardening.upgrade.logs.patterns import shipped
from hardening.upgrade.logs.triage import Triage


def block(rng: random.Random, size: int) -> bytes:
    """Return lines of the shape of a CentOS 6 upgrade log, one in 200 of them known messages."""
    examples = [e for m in shipped() for e in m.examples]
    lines, total = [], 0
    while total < size:
        if rng.random() < 0.005:
            line = rng.choice(examples)
        elif rng.random() < 0.5:
            line = f"  Updating   : package-{rng.randrange(900)}-{rng.randrange(9)}.el6.x86_64   {rng.randrange(900)}/900"
        else:
            line = f"aspect.trend_{rng.randrange(10_000):05d}                                OK"
        lines.append(line)
        total += len(line) + 1
    return ("\n".join(lines) + "\n").encode()


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = random.Random(7226)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "upgrade.log"
        pieces = [block(rng, 10 << 20) for _ in range(5)]
        with log.open("wb") as out:
            for _ in range(megabytes // 10):
                out.write(rng.choice(pieces))
        size = log.stat().st_size / 1e6
        triage = Triage()
        begun, cpu = time.perf_counter(), time.process_time()
        run = triage.logs([log])
        ours = time.perf_counter() - begun
        cpu = time.process_time() - cpu
        begun = time.perf_counter()
        subprocess.run(  # into a pipe: into /dev/null grep stops at its first match
            ["grep", "-ciE", "error|fail|fatal|denied", log], check=True, stdout=subprocess.PIPE
        )
        grep = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{size:.0f} MB, {run.subjects[0].stats['lines']} lines, {len(run.findings)} findings")
    print(
        f"triage  {ours:6.2f} s wall, {cpu:.2f} s CPU, {size / ours:.0f} MB/s, peak {peak:.0f} MB with the mapped log"
    )
    print(f"grep    {grep:6.2f} s wall (four words, no judgement); ratio {ours / grep:.1f}")


if __name__ == "__main__":
    main()
