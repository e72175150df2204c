"""A workbook for an auditor: summary, subjects, results and findings, each a sheet with filters."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from hardening.errors import UsageError, install_extra
from hardening.findings import Run
from hardening.reports import RenderOptions, rows
from hardening.reports.json import instant
from hardening.reports.verdict import sentence

_LONGEST = 32_767
"""Characters that a cell can hold."""
_ROWS = 1_048_576
_WIDTH = 60


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the workbook. Errors: UsageError (the extra is not installed)."""
    try:
        from xlsxwriter import Workbook
    except ImportError as problem:
        raise UsageError("the format xlsx needs XlsxWriter", hint=install_extra("xlsx")) from problem
    out = io.BytesIO()
    book = Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties(
        {"created": run.finished.astimezone(UTC).replace(tzinfo=None), "title": "Hardening report"}
    )
    head = book.add_format({"bold": True})
    summary = [
        ("Verdict", sentence(run, options.fail_on)),
        ("Tool", f"{run.tool} {run.version}"),
        ("Started", instant(run.started)),
        ("Finished", instant(run.finished)),
        *((label, str(count)) for label, count in run.counts().items()),
    ]
    for name, names, values in (
        ("Summary", ("what", "value"), summary),
        ("Subjects", rows.SUBJECTS, rows.subjects(run)),
        ("Results", rows.RESULTS, rows.results(run)),
        ("Findings", rows.FINDINGS, rows.findings(run)),
    ):
        _fill(book.add_worksheet(name), names, values, head)
    book.close()
    return out.getvalue()


def _fill(sheet: Any, names: tuple[str, ...], values: Iterable[tuple[str, ...]], head: Any) -> None:
    sheet.write_row(0, 0, names, head)
    last = 0
    widths = [len(name) for name in names]
    for last, row in enumerate(values, 1):
        if last >= _ROWS - 1:
            sheet.write_string(last, 0, "further rows are in the JSON and CSV reports")
            break
        for column, text in enumerate(row):
            sheet.write_string(last, column, text[:_LONGEST])
            widths[column] = max(widths[column], min(len(text), _WIDTH))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width + 2)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(last, 1), len(names) - 1)
