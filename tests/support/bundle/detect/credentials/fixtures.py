"""The detector with either engine, made once."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Finding
from tests.support.bundle.detect.credentials.plant.members import Look, member


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    made = Credentials()
    made.prepare()  # small texts would be searched without Vectorscan
    return made


@pytest.fixture(scope="session")
def plain(credentials: Credentials) -> Credentials:
    made = Credentials(engine="plain")
    made._own_key = credentials._own_key  # equal values have equal seals: findings can be compared whole
    return made


@pytest.fixture(scope="session")
def look(credentials: Credentials) -> Look:
    def looked(path: str, content: str) -> list[Finding]:
        return list(credentials.check(member(path, content), "bundle.zip"))

    return looked
