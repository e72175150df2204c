"""Compare the resolver with every real OpenSSL that loads, order exact, on seeded random strings.

usage: openssl_exact.py [STRINGS_PER_BUILD] [SEED]        exits 1 on any mismatch
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hardening.tls.openssl import Build, Resolution, build, resolve
from tests.support.tls import oracle_grammar, oracles

BATCH = 500


def said(resolution: Resolution, names: bool) -> list[int | str] | str:
    if resolution.error:
        return resolution.error
    return [c.name if names else c.code for c in resolution.ciphers]


def compare(asker: oracles.Asker, one: Build, count: int, seed: int) -> tuple[list[str], float, int]:
    """Return the strings that differ, the resolver's seconds, and how many strings select something."""
    wrong: list[str] = []
    spent, selecting = 0.0, 0
    strings = list(oracle_grammar.strings(one, seed, count))
    for start in range(0, count, BATCH):
        batch = strings[start : start + BATCH]
        expected = asker.lists(batch)
        begin = time.process_time()
        resolved = [resolve(text, one) for text in batch]
        spent += time.process_time() - begin
        for text, real, mine in zip(batch, expected, resolved, strict=True):
            names = isinstance(real, list) and bool(real) and isinstance(real[0], str)
            selecting += isinstance(real, list)
            if real != said(mine, names):
                wrong.append(text)
    return wrong, spent, selecting


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    problems = oracles.fetch()
    total = tried = 0
    for oracle in oracles.ORACLES:
        if not oracle.present:
            print(f"{oracle.build:22} not here, not compared")
            continue
        one = build(oracle.build)
        with oracles.Asker(oracle.build) as asker:
            wrong, spent, selecting = compare(asker, one, count, seed)
        tried += 1
        total += len(wrong)
        print(
            f"{oracle.build:22} {count} strings ({selecting} select something), {len(wrong)} mismatches, "
            f"{spent / count * 1e6:.0f} us each"
        )
        for text in wrong[:3]:
            print(f"    {text!r}")
    for problem in problems:
        print(f"could not fetch {problem}")
    print(f"{tried} builds tried, {count} strings per build, seed {seed}: {total} mismatches")
    return 1 if total or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
