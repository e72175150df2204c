"""The detector with either engine, made once."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Finding
from tests.bundle.detect.credentials.plant.members import Look, member


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
