"""Tables for an auditor: CSV, a workbook, and OSCAL's assessment results."""

from __future__ import annotations

import csv
import io
import json

import pytest
from python_calamine import CalamineWorkbook

from hardening.findings import Run
from hardening.reports import render
from tests.unit.reports.test_golden import everything


@pytest.fixture
def run() -> Run:
    return everything()


def test_csv_has_a_row_for_each_finding_and_each_result(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(render("csv", run, fail_on=None).decode("utf-8-sig"))))
    found = [row for row in rows if row["record"] == "finding"]
    assert len(found) == len(run.findings)
    assert {row["fingerprint"] for row in found} == {one.fingerprint for one in run.findings}
    assert len(rows) > len(found)


def test_no_cell_is_a_formula(run: Run) -> None:
    """What begins with one of these signs is computed by a spreadsheet: names come from archives."""
    for row in csv.reader(io.StringIO(render("csv", run, fail_on=None).decode("utf-8-sig"))):
        assert [cell for cell in row if cell.startswith(("=", "+", "@", "\t", "\r"))] == []


def test_the_workbook_has_the_same_findings(run: Run) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(render("xlsx", run, fail_on=None)))
    cells = {
        str(cell)
        for name in book.sheet_names
        for row in book.get_sheet_by_name(name).to_python()
        for cell in row
    }
    assert {one.fingerprint for one in run.findings} <= cells


def test_the_same_run_gives_the_same_bytes(run: Run) -> None:
    for name in ("csv", "xlsx", "oscal"):
        assert render(name, run, fail_on=None) == render(name, run, fail_on=None), name


def test_oscal_has_a_finding_for_each_requirement_and_refers_to_what_is_there(run: Run) -> None:
    document = json.loads(render("oscal", run, fail_on=None))["assessment-results"]
    assert document["metadata"]["oscal-version"] == "1.1.3"
    (result,) = document["results"]
    seen = {one["uuid"] for one in result["observations"]}
    for finding in result["findings"]:
        assert {one["observation-uuid"] for one in finding["related-observations"]} <= seen
    assert len(result["findings"]) == len({one.rule.id for one in run.results})
