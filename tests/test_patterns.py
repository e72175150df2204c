"""No regular expression may be kept busy by a text that is made for it: bundles and configurations are strangers' texts."""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

import bundle
import hardening
from bundle.detect.credentials import families

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it reads patterns with a module of an older name
    sre = pytest.importorskip("regexploit.ast.sre")
    redos = pytest.importorskip("regexploit.redos")

MOST = 2
"""Repetitions side by side that match the same text: two are quadratic, which lines and windows bound."""
SECONDS = 8
KNOWN = {
    r"^[ \t]*(?:<(?P<close>/?)(?P<section>": "ends where the line does, whatever is on it: it never has to go back",
    r"\bchpasswd:\s*\n(?:[^\n]*\n){0,3}?": "looks at a window of a few lines",
}
"""How a pattern begins that has more of them, and why that is safe."""
ALONE = ("hardening.upgrade.upgrader",)
"""Programs that run by themselves on a host."""


class _Parser(sre.SreOpParser):  # type: ignore[misc,name-defined]  # it brings no types
    """Reads what Python 3.11 added as what it was before: that is at least as ambiguous."""

    def from_POSSESSIVE_REPEAT(self, data: Any) -> Any:  # noqa: N802 - the name of the operation
        return self.from_MAX_REPEAT(data)

    def from_ATOMIC_GROUP(self, data: Any) -> Any:  # noqa: N802 - the name of the operation
        return self.sequence_or_singleton(data)


def _modules() -> Iterator[Any]:
    for package in (bundle, hardening):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if found.name not in ALONE and not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def _patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _patterns(one)
    elif isinstance(value, dict):
        yield from _patterns(list(value.values()))


def every_pattern() -> dict[tuple[str, int], str]:
    """Return text and flags of every compiled pattern of the packages, with who has it."""
    found: dict[tuple[str, int], str] = {}

    def take(pattern: re.Pattern[Any], whose: str) -> None:
        text = pattern.pattern
        flags = pattern.flags & ~re.UNICODE if isinstance(text, bytes) else pattern.flags
        found.setdefault((text.decode("latin-1") if isinstance(text, bytes) else text, flags), whose)

    for module in _modules():
        for name, value in list(vars(module).items()):
            for pattern in _patterns(value) if not name.startswith("__") else ():
                take(pattern, f"{module.__name__}.{name}")
    for family in families.shipped():
        for net in family.nets:
            take(net.regex, family.rule.id)
    return found


def worst(text: str, flags: int) -> int:
    """Return how many repetitions side by side match the same text; above 10, their number grows with the text."""
    return max((found.starriness for found in redos.find(_Parser().parse_sre(text, flags))), default=0)


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


@pytest.mark.skipif(sys.platform != "linux", reason="bounds each pattern with an alarm")
def test_no_pattern_can_be_kept_busy() -> None:
    patterns = every_pattern()
    assert len(patterns) > 600
    bad, too_large = [], 0
    before = signal.signal(signal.SIGALRM, _late)
    try:
        for (text, flags), whose in patterns.items():
            signal.alarm(SECONDS)
            try:
                found = worst(text, flags)
            except TimeoutError:
                too_large += 1
                continue
            finally:
                signal.alarm(0)
            if found > MOST and not text.startswith(tuple(KNOWN)):
                bad.append(f"{whose}: {found} in {text[:120]!r}")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not bad, "\n".join(bad)
    assert too_large < 5


def test_the_check_sees_a_pattern_that_can() -> None:
    assert worst(r"^[a-z_]*(?:[._]{1,2}[a-z_]+)*$", re.UNICODE.value) > 10
    assert worst(r"a\s*[^}]*\s*\}", re.UNICODE.value) == 3
