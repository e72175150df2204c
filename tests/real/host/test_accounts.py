"""Rotation of a leaked database account, against real servers on scratch folders."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import UsageError
from hardening.host.plans import accounts as accounts_plan
from hardening.host.plans.plan import File, Plan
from hardening.host.session import here
from hardening.onhost.accounts import statements
from hardening.onhost.accounts.main import ENGINES
from hardening.onhost.accounts.problem import AccountProblem
from tests.support.host.databases import Database

LEAKED, FRESH = "l3aked 'pass\\word\"#", "Fresh-Password-1"
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(
    not ROOT, reason="the database's administrator comes in as root over the socket"
)


@pytest.fixture(params=["mariadb", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An account `engine` with the leaked password."""
    found: Database = request.getfixturevalue(request.param)
    if found.engine == "mariadb":
        text = LEAKED.replace("\\", "\\\\").replace("'", "\\'")
        found.run(f"CREATE OR REPLACE USER engine@localhost IDENTIFIED BY '{text}';")
    else:
        text = LEAKED.replace("'", "''")
        found.run("DROP ROLE IF EXISTS engine;")
        found.run(f"CREATE ROLE engine LOGIN PASSWORD '{text}';")
    return found


def store(root: Path, earlier: str | None = LEAKED, name: str = "db-engine") -> File:
    body = {
        "schema": "harden-store/1",
        "secrets": {name: FRESH},
        "earlier": {name: earlier} if earlier else {},
    }
    return File(path=str(root / "secrets.json"), content=json.dumps(body).encode(), mode="0600", secret=True)


def rotated(
    root: Path,
    *every: accounts_plan.AccountChange,
    earlier: str | None = LEAKED,
    python: str = sys.executable,
    **more: Any,
) -> dict[str, Any]:
    """Carry out a rotation as the role does, and return the agent's answer."""
    session = here(state=str(root / "state"), python=python)
    facts = session.ask("facts")
    made = accounts_plan.plan(
        every, str(root / "secrets.json"), facts, str(root / "state"), datetime.now(UTC)
    )
    return session.carry_out(Plan(files=(store(root, earlier),), **more).joined(made))


def logs_in(root: Path, account: accounts_plan.AccountChange, password: str) -> object:
    job = {"id": "x", "store": str(root / "look.json"), "path": str(root / "job.json"),
           "accounts": [{k: getattr(account, k) for k in account.__dataclass_fields__}]}  # fmt: skip
    (root / "look.json").write_text(json.dumps({"secrets": {account.name: password}}))
    kind: Any = ENGINES[account.engine]
    return kind(job, account.name).logs_in(password)


def everything_said(root: Path, answer: dict[str, Any], database: Database) -> str:
    journals = [path.read_text() for path in (root / "state").rglob("journal*") if path.is_file()]
    socket = Path(database.where["socket"])
    folder = socket if socket.is_dir() else socket.parent  # PostgreSQL names the folder of its socket
    logs = [path.read_text() for path in folder.glob("*log") if path.is_file()]
    assert logs, "the server keeps no log, so this shows nothing"
    return json.dumps(answer) + "".join(journals + logs)


@needs_root
def test_the_new_password_logs_in_and_the_leaked_one_does_not(database: Database, tmp_path: Path) -> None:
    account = database.account()
    assert logs_in(tmp_path, account, LEAKED) is True
    answer = rotated(tmp_path, account)
    assert answer["state"] == "committed", answer
    assert logs_in(tmp_path, account, FRESH) is True
    assert logs_in(tmp_path, account, LEAKED) is False
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert FRESH not in everything_said(tmp_path, answer, database)
    for path in (tmp_path / "state").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_symlink(), path

    back = here(state=str(tmp_path / "state")).ask("rollback")
    assert back["state"] == "committed", back
    assert logs_in(tmp_path, account, LEAKED) is True
    assert logs_in(tmp_path, account, FRESH) is False


@needs_root
@pytest.mark.parametrize("why", ["probe", "earlier", "absent"])
def test_a_failed_proof_puts_the_account_back(database: Database, tmp_path: Path, why: str) -> None:
    account = database.account(**({"user": "nobody-there"} if why == "absent" else {}))
    probes = ({"kind": "path", "path": "/nowhere", "wait": 0},) if why == "probe" else ()
    answer = rotated(tmp_path, account, earlier=FRESH if why == "earlier" else LEAKED, probes=probes)
    assert answer["state"] == "rolled-back", answer
    word = {
        "probe": "/nowhere does not exist",
        "earlier": "the earlier password is not refused",
        "absent": "the server has no",
    }[why]
    assert word in answer["msg"]
    assert FRESH not in json.dumps(answer)
    assert not (tmp_path / "secrets.json").exists()
    mine = database.account()
    assert logs_in(tmp_path, mine, LEAKED) is True
    assert logs_in(tmp_path, mine, FRESH) is False


@needs_root
def test_an_account_that_root_cannot_reach_changes_its_own_password(
    mariadb: Database, tmp_path: Path
) -> None:
    text = LEAKED.replace("\\", "\\\\").replace("'", "\\'")
    mariadb.run(f"CREATE OR REPLACE USER engine@localhost IDENTIFIED BY '{text}';")
    account = mariadb.account(admin="no-such-admin")
    assert rotated(tmp_path, account)["state"] == "committed"
    assert logs_in(tmp_path, account, LEAKED) is False
    assert here(state=str(tmp_path / "state")).ask("rollback")["state"] == "committed"
    assert logs_in(tmp_path, account, LEAKED) is True
    (tmp_path / "2").mkdir()
    refused = rotated(tmp_path / "2", account, earlier=None)
    assert refused["state"] == "rolled-back"
    assert "ERROR 1" in refused["msg"]


@needs_root
def test_root_keeps_its_way_in_over_the_socket(mariadb: Database, tmp_path: Path) -> None:
    text = LEAKED.replace("\\", "\\\\").replace("'", "\\'")
    mariadb.run(
        f"CREATE OR REPLACE USER boss@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('{text}');"
    )
    account = mariadb.account(user="boss")
    assert rotated(tmp_path, account)["state"] == "committed"
    assert "unix_socket" in mariadb.run("SHOW CREATE USER boss@localhost;")
    assert logs_in(tmp_path, account, FRESH) is True


WHO = "'a'@'localhost'"
NATIVE = "*" + "0D3CED9BEC10A777AEC23CCC353A8C08A633045E"


@pytest.mark.parametrize(
    ("version", "shown", "statement"),
    [
        ("5.1.73", "", f"SET PASSWORD FOR {WHO} = '{{}}'"),
        ("5.5.68-MariaDB", "", f"SET PASSWORD FOR {WHO} = '{{}}'"),
        ("5.6.51-log", "", f"SET PASSWORD FOR {WHO} = '{{}}'"),
        ("10.1.48-MariaDB", "", f"SET PASSWORD FOR {WHO} = '{{}}'"),
        ("10.3.39-MariaDB", f"CREATE USER {WHO} IDENTIFIED BY PASSWORD '*x'", f"ALTER USER {WHO} IDENTIFIED BY PASSWORD '{{}}'"),
        ("11.8.3-MariaDB-0+deb13u1", f"CREATE USER {WHO} IDENTIFIED VIA mysql_native_password USING 'x' OR unix_socket",
         f"ALTER USER {WHO} IDENTIFIED VIA unix_socket OR mysql_native_password USING '{{}}'"),
        ("5.7.44", f"CREATE USER {WHO} IDENTIFIED WITH 'mysql_native_password' AS '*x' REQUIRE NONE",
         f"ALTER USER {WHO} IDENTIFIED WITH mysql_native_password AS '{{}}'"),
        ("8.0.39", f"CREATE USER {WHO} IDENTIFIED WITH `caching_sha2_password` AS 0x24", f"ALTER USER {WHO} IDENTIFIED BY 'a'"),
    ],
)  # fmt: skip
def test_the_statement_fits_the_server(version: str, shown: str, statement: str) -> None:
    made = statements.mysql_statement(version, shown, WHO, "a")
    assert made == statement.format(statements.native_hash("a"))
    assert statements.native_hash("a") != NATIVE
    assert (
        statements.native_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    )  # MySQL's documented value


@pytest.mark.parametrize("shown", ["IDENTIFIED VIA ed25519 USING 'x'", "IDENTIFIED VIA pam USING 'mysql'"])
def test_a_way_to_log_in_that_is_not_known_is_left_alone(shown: str) -> None:
    with pytest.raises(AccountProblem, match="change it by hand"):
        statements.mysql_statement("11.8.3-MariaDB", f"CREATE USER {WHO} {shown}", WHO, "a")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"name": "a", "engine": "oracle", "user": "x"}, "an invalid engine"),
        ({"name": "a", "engine": "mysql", "user": "x'; --"}, "an invalid user"),
        ({"name": "A b", "engine": "mysql", "user": "x"}, "an invalid name"),
        ({"name": "a", "engine": "mysql", "user": "x", "host": "l'"}, "an invalid host"),
        ({"name": "a", "engine": "mysql", "user": "x", "since": "soon"}, "an invalid since"),
        ({"name": "a", "engine": "mysql"}, "a key is missing"),
        ({"name": "a", "engine": "mysql", "user": "x", "pasword": "y"}, "unknown key 'pasword'"),
    ],
)
def test_a_bad_entry_is_named(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        accounts_plan.accounts([row])


def test_which_accounts_are_due() -> None:
    every = accounts_plan.accounts(
        [{"name": name, "engine": "mysql", "user": name, "since": since} for name, since in
         (("never", ""), ("once", ""), ("again", date(2026, 11, 24)), ("done", "2026-11-24"))]
    )  # fmt: skip
    rotated_at = {
        "once": "2020-01-01T00:00:00Z",
        "again": "2026-11-23T23:59:59Z",
        "done": "2026-11-24T00:00:00Z",
    }
    assert [one.name for one in accounts_plan.due(every, rotated_at)] == ["never", "again"]
    made = {accounts_plan.fresh() for _ in range(50)}
    assert len(made) == 50
    assert all(len(one) == 33 and set(one) <= set(accounts_plan._LETTERS + "-") for one in made)
