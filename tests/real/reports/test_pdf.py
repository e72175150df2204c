"""The document for an auditor, as another program reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hardening.reports import render
from tests.support.reports.fixtures import crowd
from tests.unit.reports.test_golden import everything


@pytest.mark.parametrize("what", ["everything", "a fleet"])
def test_the_document_is_tagged_and_has_contents_and_page_numbers(tmp_path: Path, what: str) -> None:
    run = everything() if what == "everything" else crowd(300)
    path = tmp_path / "report.pdf"
    path.write_bytes(render("pdf", run, fail_on=None))
    said = subprocess.run(
        [str(shutil.which("pdfinfo")), path], check=True, capture_output=True, text=True
    ).stdout
    facts = {key: value.strip() for key, _, value in (line.partition(":") for line in said.splitlines())}
    assert facts["Tagged"] == "yes"
    assert facts["Title"].startswith("Hardening report")
    assert int(facts["Pages"]) <= 25
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True
    ).stdout
    for word in ("Contents", "Scope", "SHA-256", "Signature"):
        assert word in text
    assert re.search(rf"\b1\s*/\s*{facts['Pages']}\b", text)
    assert render("pdf", run, fail_on=None) == path.read_bytes()
