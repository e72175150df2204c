"""Real database servers on scratch folders, stopped by their pid."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardening.host.plans import accounts
from tests.support.programs import need
from tests.support.waiting import until


@dataclass
class Database:
    """A server on a scratch folder."""

    engine: str
    where: dict[str, Any]
    run: Callable[[str], str]

    def account(self, **more: Any) -> accounts.AccountChange:
        row = {"name": "db-engine", "engine": self.engine, "user": "engine", **self.where, **more}
        return accounts.accounts([row])[0]


@contextmanager
def mariadb() -> Iterator[Database]:
    """Run MariaDB with a general log; root comes in over the socket."""
    server, install = need("mariadbd"), need("mariadb-install-db")
    folder = Path(tempfile.mkdtemp(prefix="harden-db-"))
    folder.chmod(0o755)  # a trial login runs as another user
    socket = folder / "sock"
    base = [f"--datadir={folder}/data", "--user=" + pwd.getpwuid(os.geteuid()).pw_name]
    subprocess.run([install, "--no-defaults", *base, "--auth-root-authentication-method=socket", "--skip-test-db"],
                   check=True, capture_output=True)  # fmt: skip
    command = [server, "--no-defaults", *base, f"--socket={socket}", "--skip-networking", f"--pid-file={folder}/pid",
               "--general-log=1", f"--general-log-file={folder}/general.log", "--innodb-buffer-pool-size=16M"]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)

    def run(statement: str) -> str:
        client = [need("mariadb"), "--no-defaults", f"--socket={socket}", "-N", "-B", "-r"]
        return subprocess.run(client, input=statement, check=True, capture_output=True, text=True).stdout

    try:
        until(socket.exists)
        yield Database("mariadb", {"socket": str(socket)}, run)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


@contextmanager
def postgresql() -> Iterator[Database]:
    """Run PostgreSQL that logs every statement; the administrator comes in as the system's user postgres."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        need("postgres-server")
    folder = Path(tempfile.mkdtemp(prefix="harden-pg-"))
    user, group = pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid
    os.chown(folder, user, group)
    port = 20000 + os.getpid() % 20000

    made: list[str | Path] = [
        programs[-1].with_name("initdb"),
        "-D",
        folder / "data",
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
    ]
    subprocess.run(made, check=True, capture_output=True, user=user, group=group, extra_groups=[], cwd="/")
    command: list[str | Path] = [programs[-1], "-D", folder / "data", "-k", folder, "-c", f"port={port}", "-c", "listen_addresses=127.0.0.1",
               "-c", "log_statement=all", "-c", "fsync=off"]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, user=user, group=group, extra_groups=[], cwd="/"
        )

    def run(statement: str) -> str:
        client: list[str | Path] = [
            "psql",
            "-X",
            "-A",
            "-t",
            "-q",
            "-h",
            folder,
            "-p",
            str(port),
            "-d",
            "postgres",
        ]
        return subprocess.run(
            client,
            input=statement,
            check=True,
            capture_output=True,
            text=True,
            user=user,
            group=group,
            extra_groups=[],
            cwd="/",
        ).stdout

    try:
        until((folder / f".s.PGSQL.{port}").exists)
        time.sleep(0.5)  # the socket is there before it answers
        yield Database("postgresql", {"socket": str(folder), "port": port}, run)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)
