"""A real MariaDB of its own under a host that is a folder: socket in a folder, no network, root with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hardening.upgrade import recipe
from tests.support.upgrade.standin import Site

WORD = "correct-" + "horse"
"""The password of this database's root; assembled, so that no file of the project holds a credential."""
FIRST = """
CREATE DATABASE trend; USE trend;
CREATE TABLE point (id INT AUTO_INCREMENT PRIMARY KEY, value VARCHAR(20)) ENGINE=InnoDB;
CREATE TABLE alarm (id INT PRIMARY KEY, raw BLOB) ENGINE=MyISAM;
CREATE TABLE unit (id INT PRIMARY KEY, point INT, FOREIGN KEY (point) REFERENCES point (id)) ENGINE=InnoDB;
INSERT INTO point (value) VALUES ('eins'), ('zwei \\n\\\\ drei'), ('\u00e4\u00f6\u00fc');
INSERT INTO alarm VALUES (1, 0x00ff1b0a0d27);
INSERT INTO unit VALUES (1, 2);
CREATE VIEW seen AS SELECT value FROM point;
CREATE TRIGGER stamped BEFORE INSERT ON alarm FOR EACH ROW SET NEW.id = NEW.id + 100;
CREATE PROCEDURE tidy() DELETE FROM alarm;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM alarm;
CREATE DATABASE `odd ``name`; CREATE TABLE `odd ``name`.t (a INT);
CREATE USER 'panel'@'localhost' IDENTIFIED BY 'x'; GRANT SELECT ON trend.* TO 'panel'@'localhost';
"""
MIGRATE = """
USE trend;
ALTER TABLE point ADD COLUMN unit TEXT; UPDATE point SET unit = 'K'; DELETE FROM alarm; DROP PROCEDURE tidy; DROP VIEW seen;
CREATE TABLE audit (at TEXT); CREATE DATABASE fresh; CREATE TABLE fresh.t (a INT); DROP DATABASE `odd ``name`;
CREATE USER 'new'@'localhost' IDENTIFIED BY 'y'; DROP USER 'panel'@'localhost';
"""


@dataclass
class Database:
    """One server under the root of one site; `run` starts and stops it as an init script does."""

    site: Site

    @property
    def folder(self) -> Path:
        return self.site.root / "run/my"

    @property
    def options(self) -> Path:
        """The file that holds the password, for the clients of the recipe."""
        return self.site.root / "root/.my.cnf"

    def lay_out(self, template: Path) -> None:
        """Copy a fresh data folder and put the server's init script beside the stand-in's."""
        data = self.site.root / "var/lib/mysql"
        shutil.copytree(template, data)
        self.folder.mkdir()
        self.site.put(
            "root/.my.cnf", f"[client]\nuser=root\npassword={WORD}\nsocket={self.folder}/s\n", 0o600
        )
        start = (
            f"mariadbd --no-defaults --datadir={data} --socket={self.folder}/s --pid-file={self.folder}/pid --skip-networking "
            f"--innodb-buffer-pool-size=8M --innodb-flush-log-at-trx-commit=0 {'--user=root' if os.geteuid() == 0 else ''}"
        )
        self.site.put(
            "etc/init/mysqld", INIT.replace("@START@", start).replace("@RUN@", str(self.folder)), 0o755
        )
        self.run("start")
        self.sql(f"ALTER USER root@localhost IDENTIFIED BY '{WORD}'; {FIRST}", first=True)
        self.site.put(
            "usr/bin/standin-db", f"#!/bin/sh\nexec mysql --defaults-extra-file={self.options} trend\n", 0o755
        )

    def run(self, action: str) -> int:
        return subprocess.run([self.site.root / "etc/init/mysqld", action], check=False).returncode

    def sql(self, text: str, *, first: bool = False) -> str:
        how = (
            ["--no-defaults", "-uroot", f"--socket={self.folder}/s"]
            if first
            else [f"--defaults-extra-file={self.options}"]
        )
        done = subprocess.run(["mysql", *how, "-N"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def whole(self) -> str:
        """Return everything that is in the database, as this server tells it; not by way of the recipe's own dump."""
        names = self.sql("SELECT CONCAT(table_schema, '.', table_name, ' ', table_type, ' ', engine) FROM information_schema.tables "
                         "WHERE table_schema NOT IN ('mysql','information_schema','performance_schema','sys') ORDER BY 1")  # fmt: skip
        more = (
            "SHOW DATABASES; SHOW CREATE TABLE trend.point; SHOW CREATE VIEW trend.seen; SHOW CREATE PROCEDURE trend.tidy; "
            "SHOW CREATE EVENT trend.nightly; SHOW TRIGGERS FROM trend; SELECT HEX(raw), id FROM trend.alarm; "
            "SELECT id, HEX(value) FROM trend.point ORDER BY 1; SELECT * FROM trend.unit; "
            "SELECT user, host, priv FROM mysql.global_priv ORDER BY 1, 2; SHOW GRANTS FOR panel@localhost"
        )
        triggers = [line.rpartition("\t")[0] for line in self.sql("SHOW TRIGGERS FROM trend").splitlines()]
        return (
            names
            + self.sql(more.replace("SHOW TRIGGERS FROM trend; ", ""))
            + str([one.split("\t")[:5] for one in triggers])
        )

    def recipe(self, changes: dict[str, str] | None = None) -> recipe.Recipe:
        """Return the stand-in's recipe with the database of the shipped one, told where its password lies."""
        shipped = tomllib.loads((files("hardening") / "products/aspect/upgrade.toml").read_text("utf-8"))[
            "database"
        ]
        text = self.site.recipe_file().read_text()
        start, end = text.index("[database]"), text.index("[maintenance]")
        extra = f"--defaults-extra-file={self.options}"
        dump = [shipped["dump"][0], extra, *shipped["dump"][1:]]
        restore = [word.replace("{mysql}", "{mysql} " + extra) for word in shipped["restore"]]
        rows = [f"dump = {dump}", f"restore = {restore[:-1]}".replace("]", f", '''{restore[-1]}''']"),
                f"complete = '{shipped['complete']}'"]  # fmt: skip
        script = self.site.root / "etc/init/mysqld"
        service = '[[service]]\nname = "mysqld"\nduring = "running"\nrestart = "no"\n' + "".join(
            f'{word} = ["{script}", "{word}"]\n' for word in ("start", "stop", "status")
        )
        text = text[:start] + "[database]\n" + "\n".join(rows) + "\n" + text[end:] + service
        for old, new in (changes or {}).items():
            assert old in text
            text = text.replace(old, new)
        path = self.site.root.parent / "mariadb.toml"
        path.write_text(text)
        return recipe.load(path)


INIT = """#!/bin/sh
# an init script for a server of its own
up() { read p <@RUN@/pid && [ -n "$(tr -d '\\0' </proc/$p/cmdline)" ]; } 2>/dev/null
case $1 in
start)
  up && exit 0
  rm -f @RUN@/s @RUN@/pid
  setsid @START@ >@RUN@/log 2>&1 </dev/null &
  for i in $(seq 600); do [ -S @RUN@/s ] && [ -s @RUN@/pid ] && exit 0; sleep 0.1; done
  exit 1 ;;
stop)
  up || exit 0
  kill $(cat @RUN@/pid)
  for i in $(seq 600); do [ -e @RUN@/pid ] || exit 0; sleep 0.1; done
  exit 1 ;;
status) up ;;
esac
"""
