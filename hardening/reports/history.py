"""A folder of stored reports as a history: what each day says of the whole fleet."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path

from hardening.findings import Severity
from hardening.reports import stored

LEVELS = tuple(severity.label for severity in reversed(Severity))


@dataclass(frozen=True, slots=True)
class Day:
    """The state of every subject at the end of a day (UTC)."""

    day: str
    subjects: int
    critical: int
    high: int
    medium: int
    low: int
    info: int
    new: int
    """Findings of the day's reports that their subject did not have before."""
    gone: int
    """Findings that a subject had before and that its report of the day does not have."""


def days(paths: Sequence[Path]) -> list[Day]:
    """Return one row for each day that has a report. Errors: as `stored.load`."""
    runs = sorted((stored.load(path).run for path in paths), key=lambda run: run.finished)
    held: dict[str, dict[str, str]] = {}
    moves: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    rows: dict[str, Day] = {}
    for run in runs:
        day = run.finished.astimezone(UTC).date().isoformat()
        own: dict[str, dict[str, str]] = {subject.id: {} for subject in run.subjects}
        for one in run.findings:
            if one.counts:
                own.setdefault(one.subject, {})[one.fingerprint] = one.level.label
        for subject, found in own.items():
            before = held.get(subject, {})
            moves[day][0] += len(found.keys() - before.keys())
            moves[day][1] += len(before.keys() - found.keys())
            held[subject] = found
        counts = dict.fromkeys(LEVELS, 0)
        for found in held.values():
            for label in found.values():
                counts[label] += 1
        rows[day] = Day(day, len(held), **counts, new=moves[day][0], gone=moves[day][1])
    return list(rows.values())


def table(rows: Sequence[Day], form: str) -> str:
    """Return the rows as `text`, `csv` or `json`."""
    values = [asdict(row) for row in rows]
    if form == "json":
        return json.dumps({"schema": "harden-trend/1", "days": values}, indent=2) + "\n"
    names = list(Day.__dataclass_fields__)
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(values)
        return out.getvalue()
    lines = [f"{'day':10}" + "".join(f"{name:>9}" for name in names[1:])]
    lines += [f"{row['day']:10}" + "".join(f"{row[name]:>9}" for name in names[1:]) for row in values]
    return "\n".join(lines) + "\n"
