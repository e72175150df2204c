"""Members and values for the tests of the detector's parts."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from bundle.walk.member import Member
from hardening.findings import Finding

Look = Callable[[str, str], list[Finding]]


def made(pick: random.Random, size: int = 14) -> str:
    """A password that nobody has seen before."""
    letters = string.ascii_letters + string.digits
    return pick.choice(string.ascii_letters) + "".join(pick.choice(letters) for _ in range(size)) + "7q"


def member(path: str, content: str | bytes) -> Member:
    data = content.encode() if isinstance(content, str) else content
    kind = "class" if data[:4] == b"\xca\xfe\xba\xbe" else ""
    return Member(parts=("bundle.zip", path), kind="file", size=len(data), content=data, format=kind)
