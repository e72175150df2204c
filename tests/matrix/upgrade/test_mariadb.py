"""The database of the field: a real MariaDB is dumped, migrated, and given back by the shipped recipe's own commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hardening.upgrade.logs.triage import Triage
from tests.real.upgrade.test_mariadb import database, fresh, jobs, migrating
from tests.support.upgrade import mariadb
from tests.support.upgrade.mariadb import Database
from tests.support.upgrade.standin import FAULTS, Signer, conductor, whole_run

__all__ = ["database", "fresh", "migrating"]


@pytest.mark.parametrize(
    "shell", ["exit 5", "$R/etc/init/mysqld stop; exit 5", "kill -9 $(cat $R/run/my/pid); exit 5"]
)
def test_a_failed_release_gives_the_database_back(
    database: Database, migrating: Signer, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """Also where the installer has stopped or killed the server: it is started, then restored."""
    monkeypatch.setitem(FAULTS, "late", {"@LATE@": shell})
    before, bundle = database.whole(), migrating.bundle("late")
    found = whole_run(database.site, bundle, job=jobs(database, bundle))
    assert found["state"] == "rolled-back", found
    assert found["problems"] == ["the installer exited 5"]
    assert database.whole() == before


LOCKING = {
    "'--all-databases', '--single-transaction'": "'--lock-tables', 'mysql', 'general_log'",
    "'--ignore-table=mysql.general_log', ": "",
}


REFUSES: dict[str, tuple[dict[str, str], str]] = {
    "down": ({}, "the database dump "),
    "password": ({}, "the database dump "),
    "locked": (LOCKING, "log/mysql-log-table-lock-dump"),
    "cut": ({"complete = '^-- Dump completed'": "complete = '^-- Dump really completed'"}, "its last line"),
}


@pytest.mark.parametrize("what", sorted(REFUSES))
def test_a_dump_that_is_not_whole_stops_before_the_first_change(
    database: Database, migrating: Signer, what: str
) -> None:
    """The server is down, the password is wrong, the log tables cannot be locked, the end is missing."""
    changes, said = REFUSES[what]
    site, bundle, options = database.site, migrating.bundle(), database.options.read_text()
    before, content = site.declared(), database.whole()
    control = conductor(site, bundle, job=jobs(database, bundle, changes))
    request = control.request(control.look())
    if what == "down":
        database.run("stop")
    if what == "password":
        database.options.write_text(options.replace(mariadb.WORD, "wrong"))
    begun = site.ask("begin", **request, uploaded=str(bundle))
    result = site.until("rolled-back")["result"]
    database.options.write_text(options)
    database.run("start")
    assert said in result["why"], begun
    assert [step["stage"] for step in result["steps"]] == ["begun", "rollingback"]
    assert (site.declared(), database.whole()) == (before, content)


def test_what_the_real_programs_say_of_log_tables_is_judged(database: Database, tmp_path: Path) -> None:
    """The three forms of one sentence, from mysqlcheck, the dump and the client of this machine."""
    extra, log = f"--defaults-extra-file={database.options}", tmp_path / "log"
    said = {}
    for name, argv, text in (
        ("restore", ["mysql", extra], "LOCK TABLES mysql.general_log READ;\n"),
        ("dump", ["mysqldump", extra, "--lock-tables", "mysql", "general_log"], ""),
        ("check", ["mariadb-check", extra, "--repair", "mysql", "general_log", "slow_log"], ""),
    ):
        done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
        log.write_text(done.stdout * (name == "check") + done.stderr)
        said[name] = [f.rule.id for f in Triage().logs([log]).findings if f.level > 0]
    assert said == {
        "restore": ["log/mysql-log-table-lock-restore"],
        "dump": ["log/mysql-log-table-lock-dump"],
        "check": [],
    }
