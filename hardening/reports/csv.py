"""One table of comma-separated values: every finding, every result, then what servers are ready for; `record` tells which a row is."""

from __future__ import annotations

import csv
import io

from hardening.findings import Run
from hardening.reports import RenderOptions, rows
from hardening.reports.verdict import readiness

_NAMES = ("record", *rows.FINDINGS, "verdict")


def write(run: Run, _how: RenderOptions) -> bytes:
    """Return the table as UTF-8 with a head row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _NAMES, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows.findings(run):
        writer.writerow({"record": "finding", **dict(zip(rows.FINDINGS, row, strict=True))})
    for rule, title, subject, verdict, reason in rows.results(run):
        writer.writerow(
            {
                "record": "result",
                "rule": rule,
                "title": title,
                "subject": subject,
                "verdict": verdict,
                "message": reason,
            }
        )
    for one in run.subjects:
        for line in readiness(one):
            writer.writerow({"record": "readiness", "subject": rows.cell(one.id), "message": rows.cell(line)})
    return out.getvalue().encode("utf-8")
