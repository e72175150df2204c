"""What the nets of the families catch near the hits of the gate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import log2

from bundle.detect.credentials.checks import CHECKS
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Net
from bundle.detect.credentials.tabular import pieces
from bundle.detect.credentials.texts.textview import View

_LARGEST_LIST = 1 << 20
_LONGEST_BESIDE = 400
_CUT = 450
"""Bytes before the end of a window over several lines in which a match may be cut off: hits there have one of their own."""


def by_net(view: View, net: Net, ends: Sequence[int], path: str = "") -> Iterator[Catch]:
    """Yield what one net catches in the windows around the hits; `path` is asked by rules of a user's own."""
    done = 0
    for at in ends:
        if at <= done:
            continue
        if view.work.is_spent:
            view.stop(at)
            return
        if net.table:
            for base, text, first in pieces(view, at):
                yield from _caught(view, net, base, text, (first, len(text)), path)
                done = base + len(text)
            continue
        start, end = view.window(at, multiline=net.multiline)
        done = max(at, end - _CUT) if net.multiline and end < len(view.data) else end
        if net.within and end - start > net.within * 2:
            start, end, done = max(start, at - net.within), min(end, at + net.within), at
        if net.longest and end - start > net.longest:
            continue
        base, past = _beside(view, start, end) if net.beside else (start, end)
        if net.back:
            if net.regex.search(view.text(start, end)) is None:
                continue  # most lines: what stands before them is not worth reading
            base = max(0, start - net.back)
        text = view.text(base, past)
        yield from _caught(view, net, base, text, (start - base, end - base), path)


def _caught(
    view: View, net: Net, base: int, text: str, within: tuple[int, int], path: str
) -> Iterator[Catch]:
    """Yield what a net catches in a part of a text that begins at `base` of the view."""
    check = CHECKS[net.check or net.evidence]
    for match in net.regex.finditer(text, *within):
        groups = match.groupdict()
        first, last = match.span("secret")
        caught = Catch(
            base + first,
            base + last,
            view.value(base + first, base + last),
            key=groups.get("key") or "",
            user=groups.get("user") or "",
            service=groups.get("service") or net.service,
            row=net.id,
        )
        checked = check(caught, match)
        if checked is None or (net.entropy and _entropy(checked.value) <= net.entropy):
            continue
        if net.allowed and _is_allowed(net, view, checked, match[0], path):
            continue
        yield checked


def _beside(view: View, start: int, end: int) -> tuple[int, int]:
    """Return where the line before a line begins and the one behind it ends, where they are no longer than lines of a text are."""
    data = view.data
    before = data.rfind(b"\n", max(0, start - _LONGEST_BESIDE), max(0, start - 1))
    behind = data.find(b"\n", end + 1, end + _LONGEST_BESIDE)
    if behind < 0:
        behind = len(data) if len(data) - end < _LONGEST_BESIDE else end
    return before + 1 if before >= 0 or start < _LONGEST_BESIDE else start, behind


_PAIR = re.compile(rb"(?m)^[^\n:=]{1,80}[:=]")
_FEW_LINES = 50
_ONE_IN = 10


def lines(view: View, net: Net) -> list[int]:
    """Return where the lines end of a file that is read whole for its name: lists of accounts are short.

    Words that are tried as passwords have hardly a sign between two among them, and are no accounts.
    """
    ends = [m.end() for m in re.finditer(rb"[^\n]+", view.data[:_LARGEST_LIST])]
    if net.check != "account" or len(ends) <= _FEW_LINES:
        return ends
    pairs = len(_PAIR.findall(view.data[:_LARGEST_LIST]))
    return ends if pairs * _ONE_IN >= len(ends) else []


def _entropy(value: str) -> float:
    """Return Shannon's entropy in bits for each character."""
    return -sum(n / len(value) * log2(n / len(value)) for n in Counter(value).values())


def _is_allowed(net: Net, view: View, one: Catch, match: str, path: str) -> bool:
    """Whether a user's own rule lets pass what it caught."""
    line = view.line(one.start)
    return any(allowance.lets(path, one.value, match, line) for allowance in net.allowed)
