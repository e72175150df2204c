"""The compiled gate, kept between runs in the user's cache folder: compiling takes seconds, reading it a millisecond.

What is kept is valid for one set of patterns, one Hyperscan and one kind of processor.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hardening import user_cache

KIND = "gates"
"""The folder of compiled gates among those of `user_cache`."""


class PatternRefusedError(ValueError):
    """Vectorscan does not compile an expression."""


def named(patterns: Sequence[tuple[bytes, int, int]], release: str) -> str:
    """Return the name under which a gate is kept: everything that its form depends on."""
    made = hashlib.sha256(f"2\0{release}\0{platform.machine()}\0{_processor()}\0".encode())
    for expression, flags, number in patterns:
        made.update(b"%d\0%d\0%d\0" % (number, flags, len(expression)) + expression)
    return made.hexdigest()


@cache
def _processor() -> str:
    with (
        contextlib.suppress(OSError),
        Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as cores,
    ):
        for line in cores:  # the first of perhaps hundreds
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(line.partition(":")[2].split()))
    return platform.processor()


def is_kept(expressions: Sequence[bytes], flags: Sequence[int], numbers: Sequence[int]) -> bool:
    """Whether the gate over the expressions is in a folder."""
    try:
        import hyperscan
    except ImportError:
        return False
    name = named(list(zip(expressions, flags, numbers, strict=True)), getattr(hyperscan, "__version__", ""))
    return any(os.path.exists(where / name) for where in user_cache.folders(KIND))  # noqa: PTH110 - Path's own raises where the folder may not be entered


def kept(expressions: Sequence[bytes], flags: Sequence[int], numbers: Sequence[int]) -> Any | None:
    """Return the gate over the expressions if it was compiled before, else None."""
    try:
        import hyperscan
    except ImportError:
        return None
    name = named(list(zip(expressions, flags, numbers, strict=True)), getattr(hyperscan, "__version__", ""))
    data = user_cache.read(KIND, name)
    if data is not None:
        with contextlib.suppress(hyperscan.error):
            loaded = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
            loaded.scratch = hyperscan.Scratch(loaded)
            return loaded
    return None


def stopped() -> type[Exception]:
    """Return what a scan raises when its handler stops it."""
    import hyperscan

    found: type[Exception] = hyperscan.ScanTerminated
    return found


def database(expressions: Sequence[bytes], flags: Sequence[int], numbers: Sequence[int]) -> Any | None:
    """Return the gate over the expressions, kept or compiled now; None where there is no Hyperscan.

    Several expressions may report under one number. Errors: PatternRefusedError.
    """
    try:
        import hyperscan
    except ImportError:
        return None
    loaded = kept(expressions, flags, numbers)
    if loaded is not None:
        return loaded
    made = hyperscan.Database()
    try:
        made.compile(
            expressions=list(expressions), ids=list(numbers), elements=len(expressions), flags=list(flags)
        )
    except hyperscan.error as problem:
        raise PatternRefusedError(str(problem)) from problem
    name = named(list(zip(expressions, flags, numbers, strict=True)), getattr(hyperscan, "__version__", ""))
    user_cache.write(KIND, name, hyperscan.dumpb(made))
    return made
