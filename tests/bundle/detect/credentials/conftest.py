"""The generator of planted corpora is a folder of modules beside the tests."""

from __future__ import annotations

import random
import string
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from bundle.walk.member import Member
from hardening.findings import Finding

sys.path.insert(0, str(Path(__file__).parent / "plant"))

Look = Callable[[str, str], list[Finding]]


def made(pick: random.Random, size: int = 14) -> str:
    """A password that nobody has seen before."""
    letters = string.ascii_letters + string.digits
    return pick.choice(string.ascii_letters) + "".join(pick.choice(letters) for _ in range(size)) + "7q"


def member(path: str, content: str | bytes) -> Member:
    data = content.encode() if isinstance(content, str) else content
    kind = "class" if data[:4] == b"\xca\xfe\xba\xbe" else ""
    return Member(parts=("bundle.zip", path), kind="file", size=len(data), content=data, format=kind)


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    return Credentials()


@pytest.fixture(scope="session")
def plain() -> Credentials:
    return Credentials(engine="plain")


@pytest.fixture(scope="session")
def look(credentials: Credentials) -> Look:
    def looked(path: str, content: str) -> list[Finding]:
        return list(credentials.check(member(path, content), "bundle.zip"))

    return looked
