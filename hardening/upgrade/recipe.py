"""The recipe of one product, read from TOML: paths to back up, services to stop, probes that must pass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from hardening.host.plans.vault_values import PROBES
from hardening.toml_rows import Table

DURING = ("stopped", "running")
RESTART = ("auto", "manual", "no")
_NEVER = (
    "/",
    "/etc",
    "/usr",
    "/var",
    "/home",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/boot",
    "/root",
    "/var/lib",
)

_PASSWORD = re.compile(r"(?:^|\s)(?:--password=\S|(?:MYSQL_PWD|PGPASSWORD)=\S|-p(?!\d+\b)[^\s-])")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One product's recipe; `body` is the JSON object that travels to the host."""

    name: str
    source: str
    body: dict[str, Any]


def example() -> Traversable:
    """Return where the example lies that an operator copies and checks; no verb uses it."""
    return files("hardening") / "products" / "aspect" / "upgrade.toml"


def load(path: Path | Traversable) -> Recipe:
    """Read a recipe. Errors: InputError, DataError naming file and key."""
    table = Table.load(path)
    name = table.text("name")
    installer = table.table("installer")
    body: dict[str, Any] = {
        "name": name,
        "paths": list(table.texts("paths")),
        "noise": list(table.texts("noise", ())),
        "headroom": table.number("headroom", 256),
        "settle": table.number("settle", 6),
        "backup_again": table.flag("backup_again", default=True),
        "installer": list(installer.texts("argv")),
        "unpack": installer.flag("unpack", default=True),
        "timeout": installer.number("timeout", 3600),
        "silence": installer.number("silence", 900),
        "maintenance": _maintenance(table.table("maintenance", optional=True)),
        "services": [_service(row) for row in table.rows("service")],
        "probes": [_probe(row) for row in table.rows("probe")],
        "probes_before": [_probe(row) for row in table.rows("probe_before")],
        "checks": [_probe(row) for row in table.rows("check")],
    }
    installer.done()
    for index, one in enumerate(body["paths"]):
        if not one.startswith("/") or ".." in one.split("/") or one.rstrip("/") in ("", *_NEVER):
            raise table.wrong(f"paths[{index}]", f"{one!r} is not a path that can be restored as a whole")
    if not body["paths"]:
        raise table.wrong("paths", "names nothing to keep, so nothing could be restored")
    if "version" in table:
        version = table.table("version")
        body["version"] = {"path": version.text("path"), "regex": _regex(version, "regex", groups=1)}
        version.done()
    if "database" in table:
        body["database"] = _database(table.table("database"))
    if "packages" in table:
        packages = table.table("packages")
        body["packages"] = list(packages.texts("list", ()))
        body["packages_restore"] = list(packages.texts("restore", ()))
        packages.done()
    table.done()
    return Recipe(name, table.source, body)


def _maintenance(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if "flag" in table:
        row["flag"] = table.text("flag")
    for key in ("on", "off"):
        if key in table:
            row[key] = list(table.texts(key))
    table.done()
    return row


def _service(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {"name": table.text("name")}
    for key, words, usual in (("during", DURING, "stopped"), ("restart", RESTART, "auto")):
        row[key] = table.text(key, usual)
        if row[key] not in words:
            raise table.wrong(key, f"{row[key]!r} is not one of {', '.join(words)}")
    for key in ("start", "stop", "restart_argv", "status"):
        if key in table:
            row[key] = list(table.texts(key))
    if "restart_argv" in row:
        row["restart_with"] = row.pop("restart_argv")
    for key in ("process", "pidfile"):
        if key in table:
            row[key] = table.text(key)
    for key in ("optional", "always"):
        if key in table:
            row[key] = table.flag(key)
    table.done()
    return row


def _probe(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": table.text("kind")}
    if row["kind"] not in PROBES:
        raise table.wrong("kind", f"{row['kind']!r} is not one of {', '.join(PROBES)}")
    for key in ("host", "path", "process", "name"):
        if key in table:
            row[key] = table.text(key)
    for key in ("port", "wait", "timeout"):
        if key in table:
            row[key] = table.number(key)
    if "absent" in table:
        row["absent"] = table.flag("absent")
    if "argv" in table:
        row["argv"] = list(table.texts("argv"))
    if PROBES[row["kind"]][0] not in row:
        raise table.wrong(PROBES[row["kind"]][0], f"a probe of kind {row['kind']} needs it")
    table.done()
    return row


def _database(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {
        "dump": list(table.texts("dump")),
        "restore": list(table.texts("restore")),
        "complete": _regex(table, "complete"),
        "timeout": table.number("timeout", 3600),
    }
    if "ignore" in table:
        row["ignore"] = _regex(table, "ignore")
    for key in ("dump", "restore"):
        if not row[key]:
            raise table.wrong(key, "is an empty command")
        if any(_PASSWORD.search(word) for word in row[key]):
            raise table.wrong(
                key,
                "holds a password, which every account sees while the command runs",
                "put it into a file of mode 0600 and name that with --defaults-extra-file, as the first option",
            )
    table.done()
    return row


def _regex(table: Table, key: str, *, groups: int = 0) -> str:
    text = table.text(key)
    try:
        found = re.compile(text)
    except re.error as problem:
        raise table.wrong(key, f"not a regular expression: {problem}") from problem
    if found.groups < groups:
        raise table.wrong(key, "has to have a group that matches the release")
    return text
