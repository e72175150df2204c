"""No secret is in a file that another account can read, not even for a moment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardening.host.plans import accounts
from hardening.host.plans.plan import File, Plan, Validator
from hardening.host.session import here
from tests.real.host.test_accounts import FRESH, LEAKED, store
from tests.real.host.test_certificate_run import Old
from tests.support.host.attacker import PYTHON, attackers
from tests.support.host.databases import Database

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path(PYTHON).exists(),
    reason=f"needs root, for an attacker of another account, and {PYTHON}",
)
OTHERS = (54321, 65534)
"""An account that has nothing to do with it, and `nobody`, which many services share."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter."""
    made = Path(tempfile.mkdtemp(prefix="attacked-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def slowed(place: Path, *names: str) -> str:
    """Return a PATH on which clients take a moment longer, so that there is time to read what they read."""
    folder = place / "bin"
    folder.mkdir()
    for name in names:
        program = folder / name
        program.write_text(f'#!/bin/sh\nsleep 0.3\nexec {shutil.which(name)} "$@"\n')
        program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
def test_the_rotation_of_a_database_account(
    engine: str, request: pytest.FixtureRequest, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's option file was given to `nobody`, for whom many services run."""
    database: Database = request.getfixturevalue(engine)
    words = (
        LEAKED.replace("\\", "\\\\").replace("'", "\\'") if engine == "mariadb" else LEAKED.replace("'", "''")
    )
    database.run(
        f"CREATE OR REPLACE USER engine@localhost IDENTIFIED BY '{words}';"
        if engine == "mariadb"
        else f"DROP ROLE IF EXISTS engine; CREATE ROLE engine LOGIN PASSWORD '{words}';"
    )
    monkeypatch.setenv("PATH", slowed(place, "mariadb" if engine == "mariadb" else "psql"))
    session = here(state=str(place / "state"))
    made = accounts.plan(
        [database.account()],
        str(place / "secrets.json"),
        session.ask("facts"),
        str(place / "state"),
        datetime.now(UTC),
    )
    with attackers(FRESH, *OTHERS) as seen:
        answer = session.carry_out(Plan(files=(store(place),)).joined(made))
        assert answer["state"] == "committed", answer
        back = session.ask("rollback")
        assert back["state"] == "committed", back
    assert [(one.uid, one.read) for one in seen] == [(uid, set()) for uid in OTHERS]
    assert all(one.rounds > 3 for one in seen)


def test_a_transaction_with_a_secret_file(place: Path) -> None:
    """The file is shut to others, its folder is not; a check sees the staged file, and a rollback brings back the old one."""
    secret = "Tr0ub4dor" + "-and-more"
    (place / "app").mkdir(mode=0o755)
    for name in ("old.ini", "new.ini"):
        (place / "app" / name).write_text(f"password = {secret}\n" if name == "old.ini" else "")
        (place / "app" / name).chmod(0o600)
    files = tuple(
        File(
            path=str(place / "app" / name),
            content=f"password = {secret}!\n".encode(),
            mode="0600",
            secret=True,
        )
        for name in ("old.ini", "new.ini", "none.ini")
    )
    slow = Validator(name="slow", argv=("/bin/sleep", "0.5"))
    session = here(state=str(place / "state"))
    with attackers(secret, *OTHERS) as seen:
        for _ in range(2):
            answer = session.carry_out(Plan(label="secret", files=files, validators=(slow,)))
            assert answer["state"] == "committed", answer
            assert session.ask("rollback")["state"] == "committed"
    assert [(one.uid, one.read) for one in seen] == [(uid, set()) for uid in OTHERS]
    assert all(one.rounds > 3 for one in seen)


def test_the_private_key_of_a_certificate(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old key is in a file with its certificate; the new one is made on the host."""
    monkeypatch.setattr(tempfile, "tempdir", str(place))  # other runs on this machine make keys of their own
    (place / "site").mkdir()
    old = Old(place / "site")
    (old.etc / "a.conf").write_text(f'ssl.pemfile = "{old.etc}/both.pem"\n')
    both = old.etc / "both.pem"
    both.touch(mode=0o600)
    both.write_bytes(old.key + old.card)
    with attackers("PRIVATE KEY-----", *OTHERS) as seen:
        assert old.run()["state"] == "committed"
        assert here(state=str(old.state)).ask("rollback")["state"] == "committed"
    assert both.read_bytes() == old.key + old.card
    assert [(one.uid, one.read) for one in seen] == [(uid, set()) for uid in OTHERS]
    assert all(one.rounds > 3 for one in seen)
