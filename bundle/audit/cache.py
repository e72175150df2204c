"""Results kept by content: the same member in the next release costs a hash.

One SQLite file in a folder of the user's. What is kept is valid for one rule base (every rule, every file of the
`bundle` package, the limits): another one starts with nothing. Only JSON is read back; findings are already masked.
Who may write the folder may hide findings, so it has to belong to the user alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bundle.audit.section import ContainerShare
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.errors import InputError
from hardening.findings import Confidence, Finding, Fix, InFile, Role, Rule, Severity

MOST_BASES = 8
"""Rule bases whose results are kept: of this release, of the last one, of other options; the one used last stays longest."""
SMALLEST = 256
"""Files of fewer bytes are looked at again: that is quicker than asking."""
_DAMAGED = (KeyError, TypeError, ValueError, AttributeError)
"""What rows of another shape end in: a damaged cache is an empty one."""


class Cache:
    """Sections of containers and findings of single files, by SHA-256. Every process opens its own connection."""

    def __init__(self, folder: Path, rules: Iterable[Rule], limits: WalkLimits, extra: bytes = b"") -> None:
        """Open or make it. Errors: InputError where the folder cannot be used or is open to others."""
        self._rules = {rule.id: rule for rule in rules}
        self._base = rule_base(self._rules.values(), limits, extra)
        self._file = folder / "results.sqlite"
        self._connection: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        self._owner = 0
        self.found: dict[str, str] = {}
        """Files looked at in this run: key and JSON, until they are stored."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = folder.stat()
        except OSError as problem:
            raise InputError(
                f"{folder}: {problem.strerror}", hint="choose a folder for --cache that can be written"
            ) from problem
        if about.st_uid != os.geteuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise InputError(
                f"{folder}: others may write it, so what it holds cannot be trusted",
                hint=f"chmod 700 {folder}, or choose another folder for --cache",
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None or self._owner != os.getpid():
            # Of a fork the parent's connection is kept as it is: to close it here would write to the parent's files.
            self._inherited = self._connection
            self._connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)
            self._owner = os.getpid()
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID"
            )
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS bases (base TEXT PRIMARY KEY, used INTEGER) WITHOUT ROWID"
            )
        return self._connection

    def _get(self, key: str) -> Any:
        try:
            row = self._open().execute("SELECT body FROM kept WHERE key = ?", (self._base + key,)).fetchone()
            return json.loads(row[0]) if row else None
        except (sqlite3.Error, ValueError):
            return None  # a damaged cache is an empty one

    @staticmethod
    def key(member: Member, subject: str) -> str:
        """Return what one file's findings depend on: content, name and how it is stored."""
        path = member.parts[-1].removeprefix(subject) if len(member.parts) == 1 else member.parts[-1]
        text = "\0".join((path, member.kind, str(member.mode), member.link, member.sha256))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def member(self, member: Member, subject: str) -> list[Finding] | None:
        """Return what was found in an equal file earlier, or None."""
        if member.size < SMALLEST or member.container or not member.sha256 or member.derived or member.offset:
            return None
        rows = self._get("f" + self.key(member, subject))
        return None if rows is None else self._findings(rows)

    def keep(self, member: Member, subject: str, findings: list[Finding]) -> None:
        """Remember what was found in one file, derived texts included."""
        if member.size >= SMALLEST and not member.container and member.sha256:
            self.found["f" + self.key(member, subject)] = json.dumps([_row(one) for one in findings])

    def sections(self, sha256: str, known: Mapping[str, ContainerShare]) -> dict[str, ContainerShare] | None:
        """Return the section of a container and all inside it that are not yet known; None where one is missing."""
        made: dict[str, ContainerShare] = {}
        todo = [sha256]
        while todo:
            here = todo.pop()
            if here in made or here in known:
                continue
            section = self._section(self._get("s" + here))
            if section is None:
                return None
            made[here] = section
            todo.extend(key for _, key in section.inside)
        return made

    def _section(self, row: Any) -> ContainerShare | None:
        try:
            findings = self._findings(row["findings"])
            if findings is None:
                return None
            return ContainerShare(
                findings=findings, inside=[(tuple(parts), str(key)) for parts, key in row["inside"]],
                members=int(row["members"]), size=int(row["size"]), not_examined=int(row["not_examined"]),
                partial=str(row["partial"]), unwritable=str(row["unwritable"]),
            )  # fmt: skip
        except _DAMAGED:
            return None

    def store(self, sections: Mapping[str, ContainerShare]) -> None:
        """Write what this run learned, in one transaction; a cache that cannot be written is no reason to fail."""
        rows = [(self._base + key, body) for key, body in self.found.items()]
        for sha256, section in sections.items():
            if (
                "." in sha256
                or any("." in key for _, key in section.inside)
                or section.texts
                or section.builds
            ):
                continue  # its configurations are not kept: they may hold secrets
            body = {
                "findings": [_row(one) for one in section.findings],
                "inside": section.inside,
                "members": section.members,
                "size": section.size,
                "not_examined": section.not_examined,
                "partial": section.partial,
                "unwritable": section.unwritable,
            }
            rows.append((self._base + "s" + sha256, json.dumps(body)))
        self.found.clear()
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            self._let_go(connection)
            connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except sqlite3.Error:
            return

    def _let_go(self, connection: sqlite3.Connection) -> None:
        """Note that this rule base is in use; when it is a new one, forget those that were not used for longest."""
        known = connection.execute("SELECT 1 FROM bases WHERE base = ?", (self._base,)).fetchone()
        connection.execute(
            "INSERT OR REPLACE INTO bases SELECT ?, COALESCE(MAX(used), 0) + 1 FROM bases", (self._base,)
        )
        if not known:
            connection.execute(
                "DELETE FROM bases WHERE base NOT IN (SELECT base FROM bases ORDER BY used DESC LIMIT ?)",
                (MOST_BASES,),
            )
            connection.execute(
                "DELETE FROM kept WHERE substr(key, 1, ?) NOT IN (SELECT base FROM bases)", (len(self._base),)
            )

    def close(self) -> None:
        """Close this process's connection."""
        if self._connection is not None and self._owner == os.getpid():
            self._connection.close()
        self._connection = None

    def _findings(self, rows: list[dict[str, Any]]) -> list[Finding] | None:
        made: list[Finding] = []
        try:
            for row in rows:
                rule = self._rules.get(row["rule"])
                if rule is None:
                    return None
                made.append(_finding(row, rule))
        except _DAMAGED:
            return None
        return made


def _finding(row: dict[str, Any], rule: Rule) -> Finding:
    return Finding(
        rule=rule,
        subject="",
        location=InFile(tuple(row["parts"]), row["line"], row["column"]),
        message=row["message"],
        severity=None if row["severity"] is None else Severity(row["severity"]),
        confidence=Confidence(row["confidence"]),
        evidence=row["evidence"],
        remedy=row["remedy"],
        policies=tuple(row["policies"]),
        fix=Fix(**row["fix"]) if row["fix"] else None,
        account=row["account"],
        accounts=tuple(row["accounts"]),
        service=row["service"],
        role=Role(row["role"]) if row["role"] else None,
        matched=tuple(row["matched"]),
        because=tuple(row["because"]),
        snippet=row["snippet"],
        mended=row["mended"],
    )


def _row(finding: Finding) -> dict[str, Any]:
    place = finding.location
    parts, line, column = (
        (place.parts, place.line, place.column) if isinstance(place, InFile) else ((), None, None)
    )
    return {
        "rule": finding.rule.id, "parts": parts, "line": line, "column": column, "message": finding.message,
        "severity": None if finding.severity is None else int(finding.severity),
        "confidence": int(finding.confidence), "evidence": finding.evidence, "remedy": finding.remedy,
        "policies": finding.policies,
        "fix": asdict(finding.fix) if finding.fix else None, "account": finding.account, "accounts": finding.accounts, "service": finding.service,
        "role": finding.role.value if finding.role else "", "matched": finding.matched, "because": finding.because,
        "snippet": finding.snippet, "mended": finding.mended,
    }  # fmt: skip


def rule_base(rules: Iterable[Rule], limits: WalkLimits, extra: bytes = b"") -> str:
    """Return the version of everything a result depends on beside the content."""
    digest = hashlib.sha256(repr(limits).encode() + extra)
    for rule in sorted(rules, key=lambda one: one.id):
        digest.update(repr(rule).encode())
    home = Path(__file__).resolve().parents[1]
    for path in sorted(home.rglob("*")):
        if path.suffix in (".py", ".toml", ".json", ".bin", ".gz", ".xz", ".zst") and path.is_file():
            about = path.stat()
            digest.update(f"{path.relative_to(home)}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]
