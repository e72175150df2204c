"""The double, and settings that point at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.mailer.fake_m365 import App, Fake


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    """A running double with nothing registered."""
    folder = tmp_path / "double"
    folder.mkdir()
    with Fake(folder).running() as running:
        yield running


class Site:
    """One operator's folder: settings, secret file, and the application they belong to."""

    def __init__(self, fake: Fake, folder: Path, *transports: str, **more: Any) -> None:
        self.fake, self.folder = fake, folder
        self.app: App
        self.app, self.secret = fake.app(*(transports or ("graph", "smtp")))
        self.config = folder / "mailer.toml"
        self.transports = list(transports or ("graph", "smtp"))
        folder.mkdir(exist_ok=True)
        self.write_secret(self.secret)
        self.write(**more)

    def write_secret(self, value: str, name: str = "mailer.secret") -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)

    def write(self, **more: Any) -> None:
        day = (datetime.now(UTC) + timedelta(days=300)).date()
        rows: dict[str, Any] = {
            "transports": self.transports,
            "credential": {"secret_file": "mailer.secret", "expires": day},
        }
        self.config.write_text(self.fake.settings(self.app.client_id, **{**rows, **more}))
        self.config.chmod(0o600)


@pytest.fixture
def site(fake: Fake, tmp_path: Path) -> Site:
    """An application that may send by graph and smtp, and its settings."""
    return Site(fake, tmp_path / "site")
