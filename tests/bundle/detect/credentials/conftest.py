"""The generator of planted corpora is a folder of modules beside the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Finding

sys.path.insert(0, str(Path(__file__).parent / "plant"))


from members import Look, member


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
