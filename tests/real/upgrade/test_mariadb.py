"""The database of the field: a real MariaDB is dumped, migrated, and given back by the shipped recipe's own commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import DataError
from hardening.onhost.upgrader import record
from hardening.upgrade import recipe
from tests.support.upgrade import mariadb, standin
from tests.support.upgrade.mariadb import Database
from tests.support.upgrade.standin import Signer, Site, conductor, job, whole_run


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty data folder of this machine's MariaDB."""
    if shutil.which("mariadb-install-db") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("MariaDB is not installed")
        pytest.skip("MariaDB is not installed: make servers")
    data = tmp_path_factory.mktemp("mariadb") / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
            "--auth-root-authentication-method=normal", *user]  # fmt: skip
    for _ in range(3):  # its bootstrap gives up on a busy machine now and then
        done = subprocess.run(make, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode == 0:
            return data
        shutil.rmtree(data, ignore_errors=True)
    pytest.fail(done.stdout + done.stderr)


@pytest.fixture
def database(site: Site, fresh: Path) -> Iterator[Database]:
    one = Database(site)
    try:
        one.lay_out(fresh)
        yield one
    finally:
        one.run("stop")


@pytest.fixture
def migrating(signer: Signer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Signer:
    """Return a release engineer whose bundles migrate this database."""
    monkeypatch.setattr(standin, "MIGRATE", mariadb.MIGRATE)
    (tmp_path / "signer").mkdir()
    return Signer(tmp_path / "signer", signer.private)


def jobs(database: Database, path: Path, changes: dict[str, str] | None = None) -> Any:
    from dataclasses import replace

    return replace(job(path, database.site), recipe=database.recipe(changes).body)


def test_new_then_back_with_everything_that_was_in_it(database: Database, migrating: Signer) -> None:
    before, bundle = database.whole(), migrating.bundle()
    found = whole_run(database.site, bundle, job=jobs(database, bundle))
    assert (found["state"], found["problems"]) == ("committed", [])
    assert "fresh" in database.sql("SHOW DATABASES")
    assert database.sql("SELECT unit FROM trend.point LIMIT 1") == "K\n"
    database.run("stop")
    database.run("start")  # a restart writes nothing that counts as written since
    back = conductor(database.site, bundle, job=jobs(database, bundle)).back(found["id"], "asked for")
    assert (back["state"], back["problems"]) == ("rolled-back", ["asked for"]), back
    assert database.whole() == before


@pytest.mark.parametrize(("have", "said"), [(["old", "new"], "old"), (["new"], "new"), ([], "old")])
def test_a_client_has_the_name_that_the_host_knows(tmp_path: Path, have: list[str], said: str) -> None:
    """CentOS 6 and 7 know mysqldump alone, 8 and 9 mariadb-dump too, later ones that alone."""
    for name in have:
        (tmp_path / f"{name}-dump-client").touch(mode=0o755)
    ask = "from hardening.onhost.upgrader import record; print(record.first_installed(('old-dump-client', 'new-dump-client')))"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{said}-dump-client\n"
    assert dict(record.CLIENTS)["{mysqldump}"] == ("mysqldump", "mariadb-dump")


@pytest.mark.parametrize("word", ["--password=x", "-psecret", "MYSQL_PWD=x mysqldump --all-databases"])
def test_a_password_on_a_command_line_is_refused(site: Site, word: str) -> None:
    path = site.recipe_file({'"{root}/usr/bin/standin-db", "dump"': f'"mysqldump", "{word}"'})
    with pytest.raises(DataError, match=r"dump: holds a password.*") as caught:
        recipe.load(path)
    assert "--defaults-extra-file" in str(caught.value.hint)
