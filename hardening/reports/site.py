"""Static pages over a folder of stored reports: the fleet, drift, what ends next, the trend; metrics for Prometheus.

An index (SQLite) keeps the last state of each subject, so that only reports are read that are new since the last call.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from hardening.errors import InputError
from hardening.findings import Finding, Run, Severity
from hardening.reports import html, stored
from hardening.reports.cards import Expiry, expiries
from hardening.reports.index import place

LEVELS = tuple(severity.label for severity in reversed(Severity))
ROWS = 2000
"""Rows of one table of a page; the index has all."""
_KEPT = 31
"""Days of drift that are kept."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS read (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER);
CREATE TABLE IF NOT EXISTS subject (id TEXT PRIMARY KEY, kind TEXT, examined TEXT, finished TEXT, policies TEXT);
CREATE TABLE IF NOT EXISTS held (subject TEXT, fingerprint TEXT, level INTEGER, rule TEXT, message TEXT, place TEXT, since TEXT,
  PRIMARY KEY (subject, fingerprint)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ends (subject TEXT, day TEXT, what TEXT, PRIMARY KEY (subject, day, what)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (day TEXT, subject TEXT, word TEXT, level INTEGER, rule TEXT, message TEXT, place TEXT);
CREATE TABLE IF NOT EXISTS day (day TEXT PRIMARY KEY, subjects INTEGER, critical INTEGER, high INTEGER, medium INTEGER, low INTEGER,
  info INTEGER, new INTEGER, gone INTEGER);
CREATE INDEX IF NOT EXISTS moved_day ON moved (day);
"""


@dataclass(frozen=True, slots=True)
class PageTable:
    """One table of a page; `left` rows are in the index only."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    left: int = 0


class ReportFolder:
    """What is known of a folder of reports. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open an index, or make one. Errors: InputError (the file is something else)."""
        self._path = path
        self._base = sqlite3.connect(path)
        try:
            self._base.executescript(_SCHEMA)
        except sqlite3.DatabaseError as problem:
            self._base.close()
            raise InputError(
                f"{path}: {problem}", hint="remove the file; the next run makes it again"
            ) from problem

    def __enter__(self) -> Self:
        """Return the index itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._base.close()

    def add(self, paths: Iterable[Path]) -> int:
        """Read the reports that are new or changed, in the order of their time; return how many. Errors: as `stored.load`."""
        fresh = []
        for path in paths:
            facts = path.stat()
            known = self.rows("SELECT size, modified FROM read WHERE path = ?", str(path))
            if known != [(facts.st_size, facts.st_mtime_ns)]:
                fresh.append(
                    (stored.of_host(stored.load(path).run), str(path), facts.st_size, facts.st_mtime_ns)
                )
        fresh.sort(key=lambda row: (row[0].finished, row[1]))
        with self._base:
            for day, runs in groupby(fresh, key=lambda row: _day(row[0])):
                for run, *facts_of in runs:
                    self._add(run)
                    self._base.execute("INSERT OR REPLACE INTO read VALUES (?, ?, ?)", facts_of)
                self._close(day)
            newest = self.rows("SELECT max(day) FROM day")[0][0]
            if newest:
                oldest = date.fromordinal(date.fromisoformat(str(newest)).toordinal() - _KEPT).isoformat()
                self._base.execute("DELETE FROM moved WHERE day < ?", (oldest,))
        return len(fresh)

    def _add(self, run: Run) -> None:
        day = _day(run)
        own: dict[str, dict[str, Finding]] = {subject.id: {} for subject in run.subjects}
        for one in run.findings:
            if one.counts and one.subject in own:
                own[one.subject][one.fingerprint] = one
        last: dict[str, list[Expiry]] = {}
        for end in expiries(run):
            last.setdefault(end.subject, []).append(end)
        for subject in run.subjects:
            newer = self.rows("SELECT finished FROM subject WHERE id = ?", subject.id)
            if newer and str(newer[0][0]) > run.finished.isoformat():
                continue  # a report that came late
            self._base.execute(
                "INSERT OR REPLACE INTO subject VALUES (?, ?, ?, ?, ?)",
                (subject.id, subject.kind.value, subject.examined.value, run.finished.isoformat(),
                 json.dumps(subject.policies)),
            )  # fmt: skip
            self._replace(day, subject.id, own[subject.id])
            self._base.execute("DELETE FROM ends WHERE subject = ?", (subject.id,))
            rows = [(subject.id, end.day, end.what) for end in last.get(subject.id, [])]
            self._base.executemany("INSERT OR IGNORE INTO ends VALUES (?, ?, ?)", rows)

    def _replace(self, day: str, subject: str, found: dict[str, Finding]) -> None:
        before = {
            str(row[0]): row[1:]
            for row in self.rows(
                "SELECT fingerprint, level, rule, message, place FROM held WHERE subject = ?", subject
            )
        }
        new = [found[key] for key in found.keys() - before.keys()]
        gone = before.keys() - found.keys()
        facts = [(subject, f.fingerprint, int(f.level), f.rule.id, f.message, place(f), day) for f in new]
        self._base.executemany("INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?)", facts)
        self._base.executemany(
            "DELETE FROM held WHERE subject = ? AND fingerprint = ?", [(subject, key) for key in gone]
        )
        moved = [(day, subject, "new", *row[2:6]) for row in facts]
        moved += [(day, subject, "gone", *before[key]) for key in gone]
        self._base.executemany("INSERT INTO moved VALUES (?, ?, ?, ?, ?, ?, ?)", moved)

    def _close(self, day: str) -> None:
        """Write the row of a day: how the whole fleet is at its end."""
        tally = dict(self.rows("SELECT level, count(*) FROM held GROUP BY level"))
        counts = [tally.get(int(severity), 0) for severity in reversed(Severity)]
        (subjects,) = self.rows("SELECT count(*) FROM subject")[0]
        moves = dict(self.rows("SELECT word, count(*) FROM moved WHERE day = ? GROUP BY word", day))
        row = (day, subjects, *counts, moves.get("new", 0), moves.get("gone", 0))
        self._base.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with closing(self._base.execute(query, values)) as cursor:
            return cursor.fetchall()


def _day(run: Run) -> str:
    return run.finished.astimezone(UTC).date().isoformat()


def pages(index: ReportFolder, today: date, upgrades: PageTable | None = None) -> dict[str, bytes]:
    """Return the files of the site by their names. The table of upgrades comes from signed receipts."""
    days = index.rows("SELECT * FROM day ORDER BY day")
    last = days[-1] if days else None
    levels = dict(zip(LEVELS, last[2:7], strict=True)) if last else dict.fromkeys(LEVELS, 0)
    subjects: int = last[1] if last else 0
    shared = {
        "days": days,
        "today": today.isoformat(),
        "levels": levels,
        "subjects": subjects,
        "marked": LEVELS,
    }
    tables = {**_tables(index, today), "upgrades.html": [upgrades or table("Upgrades", (), ())]}
    files = {
        name: html.page("site.html.j2", {**shared, "name": name, "tables": tables[name], "names": _NAMES})
        for name in _NAMES
    }
    files["harden.prom"] = _metrics(levels, subjects, index, today)
    files["grafana.json"] = _grafana()
    return files


_HELD = ("subject", "level", "message", "place", "since", "rule")
_NAMES = {
    "index.html": "Fleet", "drift.html": "Drift", "ends.html": "Ends next", "secrets.html": "Secrets",
    "advisories.html": "Advisories", "upgrades.html": "Upgrades",
}  # fmt: skip


def _tables(index: ReportFolder, today: date) -> dict[str, list[PageTable]]:
    labels = {int(severity): severity.label for severity in Severity}
    fleet = index.rows(
        "SELECT s.id, s.kind, s.examined, substr(s.finished, 1, 10), s.policies, coalesce(max(h.level), -1) AS worst, count(h.level)"
        " FROM subject s LEFT JOIN held h ON h.subject = s.id GROUP BY s.id ORDER BY worst DESC, 7 DESC, s.id"
    )
    drift = index.rows(
        "SELECT day, word, level, subject, rule, message, place FROM moved ORDER BY day DESC, level DESC, subject"
    )
    ends = index.rows("SELECT day, what, subject FROM ends ORDER BY day, subject")

    def held(*families: str) -> list[list[object]]:
        where = " OR ".join("rule LIKE ?" for _ in families)
        rows = index.rows(
            f"SELECT subject, level, message, place, since, rule FROM held WHERE {where} ORDER BY level DESC, subject",  # noqa: S608 - the families are ours, and bound
            *(f"{family}/%" for family in families),
        )
        return [[row[0], labels[row[1]], *row[2:]] for row in rows]

    return {
        "index.html": [
            table("Subjects, the worst first", ("subject", "worst", "findings", "policies", "examined", "last report", "kind"),
                   [[row[0], labels.get(row[5], "-"), row[6], _words(row[4]), row[2], row[3], row[1]] for row in fleet])
        ],
        "drift.html": [
            table(f"Findings that came and went in {_KEPT} days", ("day", "what", "level", "subject", "message", "place", "rule"),
                   [[row[0], row[1], labels[row[2]], row[3], row[5], row[6], row[4]] for row in drift])
        ],
        "ends.html": [
            table("Certificates, secrets, keys and waivers, the next first", ("day", "in days", "what", "subject"),
                   [[row[0], (date.fromisoformat(row[0]) - today).days, row[1], row[2]] for row in ends])
        ],
        "secrets.html": [
            table("Credentials and keys", _HELD, held("credential", "key"))
        ],
        "advisories.html": [
            table("Open advisories", _HELD, held("advisory"))
        ],
    }  # fmt: skip


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> PageTable:
    """Return a table of a page, cut after `ROWS` rows."""
    return PageTable(title, head, rows[:ROWS], max(0, len(rows) - ROWS))


def _words(policies: str) -> str:
    return ", ".join(f"{name}: {verdict}" for name, verdict in sorted(json.loads(policies).items()))


def _metrics(levels: dict[str, int], subjects: int, index: ReportFolder, today: date) -> bytes:
    """Return metrics for the textfile collector of Prometheus' node exporter."""
    soon = sum(
        (date.fromisoformat(day) - today).days <= _KEPT for (day,) in index.rows("SELECT day FROM ends")
    )
    lines = ["# HELP harden_findings Findings that count.", "# TYPE harden_findings gauge"]
    lines += [f'harden_findings{{level="{label}"}} {count}' for label, count in levels.items()]
    lines += [
        "# HELP harden_subjects Subjects with a report.",
        "# TYPE harden_subjects gauge",
        f"harden_subjects {subjects}",
    ]
    lines += [
        "# HELP harden_subjects_examined Subjects by how much of them was examined.",
        "# TYPE harden_subjects_examined gauge",
    ]
    for examined, count in index.rows(
        "SELECT examined, count(*) FROM subject GROUP BY examined ORDER BY examined"
    ):
        lines.append(f'harden_subjects_examined{{examined="{examined}"}} {count}')
    lines += [f"# HELP harden_ends_soon Certificates, secrets, keys and waivers that end within {_KEPT} days.", "# TYPE harden_ends_soon gauge",
              f"harden_ends_soon {soon}"]  # fmt: skip
    return ("\n".join(lines) + "\n").encode()


def _grafana() -> bytes:
    """Return a dashboard that shows the metrics."""
    panels = [
        {"id": number, "type": kind, "title": title, "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
         "datasource": {"type": "prometheus", "uid": "${datasource}"}, "targets": [{"refId": "A", "expr": query}]}
        for number, (kind, title, query) in enumerate((
            ("timeseries", "Findings by level", "sum by (level) (harden_findings)"), ("stat", "Subjects", "sum(harden_subjects)"),
            ("stat", "Critical and high", 'sum(harden_findings{level=~"critical|high"})'),
            ("stat", "Certificates, secrets, keys and waivers that end soon", "sum(harden_ends_soon)"),
        ))
    ]  # fmt: skip
    variable = {"name": "datasource", "type": "datasource", "query": "prometheus"}
    body = {
        "title": "Hardening",
        "uid": "harden",
        "schemaVersion": 39,
        "templating": {"list": [variable]},
        "panels": panels,
    }
    return (json.dumps(body, indent=2) + "\n").encode()
