"""Releases of products, such as 3.08.04-s01, and the ranges in which advisories give them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RELEASE = re.compile(r"[vV]?(\d{1,6}(?:\.\d{1,6}){0,5})(?:-s(\d{1,6}))?")
_RANGE = re.compile(r"(<=|<|=) (\*|\d+\.\*|\S+)")


def ordered(text: str) -> tuple[int, ...] | None:
    """Return a release as numbers that compare as releases do, or None where it is not one: v3.08.04-s01."""
    match = _RELEASE.fullmatch(text.strip())
    if match is None:
        return None
    numbers = [int(one) for one in match[1].split(".")]
    return (*numbers, *[0] * (6 - len(numbers)), int(match[2] or 0))


@dataclass(frozen=True, slots=True)
class ReleaseRange:
    """Which releases an advisory names: `<= 3.08.02`, `< 3.07.01`, `= 3.08.02`, `<= 3.*` or `<= *`."""

    sign: str
    bound: str

    @classmethod
    def parse(cls, text: str) -> ReleaseRange:
        """Read a range. Errors: ValueError."""
        match = _RANGE.fullmatch(text)
        if match is None or ("*" not in match[2] and ordered(match[2]) is None):
            raise ValueError(f"{text!r} is not a range such as '<= 3.08.02'")
        return cls(match[1], match[2])

    def __contains__(self, release: tuple[int, ...]) -> bool:
        """Return whether a release, as `ordered` gives it, is one that is named."""
        if self.bound == "*":
            return True
        if self.bound.endswith(".*"):
            return release[0] <= int(self.bound[:-2])
        bound = ordered(self.bound) or ()
        return {"<=": release <= bound, "<": release < bound, "=": release == bound}[self.sign]

    def __str__(self) -> str:
        if self.bound == "*":
            return "all known releases"
        return {
            "<=": f"{self.bound} and earlier",
            "<": f"before {self.bound}",
            "=": f"{self.bound} alone",
        }[self.sign]
