"""No regular expression may be kept busy by a text that is made for it: bundles and configurations are strangers' texts."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]  # the shape of a pattern is told nowhere else
from types import FrameType
from typing import Any

import pytest

import bundle
import hardening
from bundle.detect.credentials.rules import families

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it reads patterns with a module of an older name
    from regexploit import redos  # type: ignore[import-untyped]  # it brings no types
    from regexploit.ast import sre  # type: ignore[import-untyped]  # as above

MOST = 2
"""Repetitions side by side that match the same text: two are quadratic, which lines and windows bound."""
SECONDS = 8
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
MANY, FEW = 20, 3
"""How often what has two ways may come before it takes for ever."""
KNOWN = {
    r"^[ \t]*(?:<(?P<close>/?)(?P<section>": "ends where the line does, whatever is on it: it never has to go back",
    r"(?:\s|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*+": "gives nothing back, and every alternative begins with a sign of its own",
    r"\bchpasswd:\s*\n(?:[^\n]*\n){0,3}?": "looks at a window of a few lines",
    r"(?:set|identified|update|values|select|insert|where|,|=)\W*[\w.`]*\W*$": "looks at 120 characters",
}
"""How a pattern begins that has more of them, and why that is safe."""


class _Parser(sre.SreOpParser):  # type: ignore[misc]  # it brings no types
    """Reads what Python 3.11 added as what it was before: that is at least as ambiguous."""

    def from_POSSESSIVE_REPEAT(self, data: Any) -> Any:  # noqa: N802 - the name of the operation
        return self.from_MAX_REPEAT(data)

    def from_ATOMIC_GROUP(self, data: Any) -> Any:  # noqa: N802 - the name of the operation
        return self.sequence_or_singleton(data)

    def from_FAILURE(self, data: Any) -> None:  # noqa: N802 - the name of the operation; Python 3.13 has it for `(?!)`
        assert data == ()


def _modules() -> Iterator[Any]:
    for package in (bundle, hardening):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def _patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _patterns(one)
    elif isinstance(value, dict):
        yield from _patterns(list(value.values()))


def _where_they_are_used(program: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each literal that a function of `re` is given as a pattern."""
    for node in ast.walk(ast.parse(program)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        module, given = node.func.value, node.args[0]
        if isinstance(module, ast.Name) and module.id == "re" and isinstance(given, ast.Constant):
            text = given.value
            if node.func.attr not in ("compile", "escape") and isinstance(
                text, str | bytes
            ):  # compiled ones are met as objects
                yield node.lineno, text if isinstance(text, str) else text.decode("latin-1")


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
    for path in (*Path(bundle.__file__).parent.rglob("*.py"), *Path(hardening.__file__).parent.rglob("*.py")):
        for number, text in _where_they_are_used(path.read_text("utf-8")):
            found.setdefault((text, 0), f"{path.name}:{number}")
    for family in families.shipped():
        for net in family.nets:
            take(net.regex, family.rule.id)
    return found


def worst(text: str, flags: int) -> int:
    """Return how many repetitions side by side match the same text; above 10, their number grows with the text."""
    return max((found.starriness for found in redos.find(_Parser().parse_sre(text, flags))), default=0)


def _letters(item: tuple[Any, Any], flags: int) -> frozenset[int]:
    """Return the bytes that one item of a parsed pattern matches by itself; none where it is more than a letter."""
    operation, _ = item
    if operation not in (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY):
        return frozenset()
    one = re.compile(_again(item), flags & re.IGNORECASE | flags & re.DOTALL | re.ASCII)
    return frozenset(code for code in range(256) if one.fullmatch(chr(code)))


def _again(item: tuple[Any, Any]) -> str:
    """Write one item as a pattern again."""
    operation, given = item
    if operation is _constants.ANY:
        return "."
    if operation in (_constants.LITERAL, _constants.NOT_LITERAL):
        return (
            f"[{'^' if operation is _constants.NOT_LITERAL else ''}\\x{given:02x}]" if given < 256 else "(?!)"
        )
    parts = []
    for kind, value in given:
        if kind is _constants.NEGATE:
            parts.append("^")
        elif kind is _constants.RANGE:
            parts.append("-".join(f"\\u{end:04x}" for end in value))
        elif kind is _constants.CATEGORY:
            parts.append(CATEGORIES[value])
        elif kind is _constants.LITERAL:
            parts.append(f"\\u{value:04x}")
    return f"[{''.join(parts)}]"


CATEGORIES = {
    _constants.CATEGORY_SPACE: r"\s", _constants.CATEGORY_NOT_SPACE: r"\S", _constants.CATEGORY_DIGIT: r"\d", _constants.CATEGORY_NOT_DIGIT: r"\D",
    _constants.CATEGORY_WORD: r"\w", _constants.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


def _doubled(ways: Any, flags: int) -> str:
    """Return a letter that two of several ways match, each by itself."""
    seen: set[int] = set()
    for way in ways:
        own = _letters(way[0], flags) if len(way) == 1 else frozenset()
        if seen & own:
            return chr(min(seen & own))
        seen |= own
    return ""


def two_ways(text: str, flags: int) -> str:
    """Return a letter that two ways of one repetition match, each by itself: every one of them doubles the work."""

    def within(items: Any, *, repeated: bool) -> str:
        found = ""
        for operation, given in items:
            if operation is _constants.BRANCH:
                inner = (within(way, repeated=False) for way in given[1])
                found = _doubled(given[1], flags) if repeated else ""
                found = found or next(filter(None, inner), "")
            elif operation in _REPEATS:
                found = within(given[2], repeated=given[1] > MANY)
            elif operation is _constants.SUBPATTERN:
                found = within(given[3], repeated=repeated and len(items) == 1)
            if found:
                break
        return found

    return within(_parser.parse(text, flags & ~re.DEBUG), repeated=False)


def _wide(item: tuple[Any, Any], flags: int) -> frozenset[int]:
    """Return the letters of which an item takes many."""
    operation, given = item
    many = operation in _REPEATS and given[1] > MANY and len(given[2]) == 1
    return _letters(given[2][0], flags) if many else frozenset()


def _repeated(item: tuple[Any, Any], flags: int) -> frozenset[int]:
    """Return the letters of which an item takes more or fewer."""
    operation, given = item
    some = operation in _REPEATS and given[1] > given[0] and len(given[2]) == 1
    return _letters(given[2][0], flags) if some else frozenset()


def _side_by_side(items: Any, flags: int) -> str:
    """Return a letter of which one takes as many as it likes and its neighbour some: in each of `n` lines, each way to share them counts."""
    for place, one in enumerate(items):
        own = _wide(one, flags)
        for other in items[place + 1 :] if own else ():
            if shared := own & _repeated(other, flags):
                return chr(min(shared))
            if not (other[0] is _constants.AT or (other[0] in _REPEATS and not other[1][0])):
                break
    return ""


def shared(text: str, flags: int) -> str:
    """Return a letter that neighbours within a repetition share, where the repetition may come several times."""

    def within(items: Any, *, repeated: bool) -> str:
        found = _side_by_side(items, flags) if repeated else ""
        for operation, given in items:
            if operation is _constants.BRANCH:
                found = found or next(filter(None, (within(way, repeated=repeated) for way in given[1])), "")
            elif operation in _REPEATS:
                found = found or within(given[2], repeated=repeated or given[1] > FEW)
            elif operation is _constants.SUBPATTERN:
                found = found or within(given[3], repeated=repeated)
        return found

    return within(_parser.parse(text, flags & ~re.DEBUG), repeated=False)


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


@pytest.mark.skipif(sys.platform != "linux", reason="bounds each pattern with an alarm")
def test_no_pattern_can_be_kept_busy() -> None:
    patterns = every_pattern()
    assert len(patterns) > 600
    bad, too_large = [], 0
    before = signal.signal(signal.SIGVTALRM, _late)
    try:
        for (text, flags), whose in patterns.items():
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            try:
                found = worst(text, flags)
            except TimeoutError:
                too_large += 1
                continue
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if letter := two_ways(text, flags):
                bad.append(f"{whose}: two ways to match {letter!r} in {text[:120]!r}")
            if letter := shared(text, flags):
                bad.append(f"{whose}: neighbours share {letter!r} in {text[:120]!r}")
            if found > MOST and not text.startswith(tuple(KNOWN)):
                bad.append(f"{whose}: {found} in {text[:120]!r}")
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert not bad, "\n".join(bad)
    assert too_large < 5


def test_the_check_sees_a_pattern_that_can() -> None:
    assert worst(r"^[a-z_]*(?:[._]{1,2}[a-z_]+)*$", re.UNICODE.value) > 10
    assert worst(r"a\s*[^}]*\s*\}", re.UNICODE.value) == 3
    assert two_ways(r"-(?:[\s+,]|\\[nrt]|[A-Z+]){40,20000}?-", 0) == "+"
    assert shared(r"a:\n(?:[ \t]+[^\n]*\n){0,40}$", 0) == "\t"
    assert shared(r"(?:[\w-]+\W{1,3}){0,4}password", 0) == "-"
    assert not shared(r"(?:\w[\w-]{0,40}[^\w-]{1,3}){0,4}password", 0)
    assert shared(r"(?:\bchr\(\d\)\s*\.?\s*){8,}", 0) == "\t"
    assert not shared(r"a:\n(?:[ \t][^\n]*\n){0,40}$", 0)
    assert worst(r"a(?!)", 0) == 0
    assert not two_ways(r"-(?:[\s,]|\\[nrt]|[A-Z+]){40,20000}?-", 0)
