"""CSAF files refresh the table in memory: fixes, ranges and new records, and nothing of other products."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hardening import products
from hardening.advisories import table as tables
from hardening.cli import run
from hardening.errors import DataError, ExitCode
from hardening.findings import Severity
from hardening.products import ProductAdvisory
from tests.support.products import layout

PACK = products.load("aspect")
TABLE = tables.of_pack(PACK)


def document(*vulnerabilities: dict[str, Any], day: str = "2026-10-01", **more: Any) -> dict[str, Any]:
    """Return a document about releases A (<=3.08.04), F (3.08.05) and O (another product's)."""

    def branch(category: str, name: str, inner: Any) -> dict[str, Any]:
        return {"category": category, "name": name, **inner}

    def release(name: str, key: str) -> dict[str, Any]:
        return branch("product_version_range", name, {"product": {"name": name, "product_id": key}})

    family = branch(
        "product_name", "ASPECT-Enterprise", {"branches": [release(more.pop("affected", "<=3.08.04"), "A"), release("3.08.05", "F")]}
    )  # fmt: skip
    other = branch("product_name", "Ability Camera", {"branches": [release("<=9.9", "O")]})
    vendor = branch("vendor", more.pop("vendor", "ABB"), {"branches": [family, other]})
    body: dict[str, Any] = {
        "document": {
            "csaf_version": "2.0",
            "tracking": {"id": "ICSA-26-274-01", "current_release_date": f"{day}T06:00:00.000Z"},
        },
        "product_tree": {"branches": [vendor]},
        "vulnerabilities": list(vulnerabilities),
    }
    return body | more


def said(cve: str, *, fixed: str = "", affected: str = "A", **more: Any) -> dict[str, Any]:
    status = {"known_affected": [affected]} | ({"fixed": [fixed]} if fixed else {})
    return {"cve": cve, "product_status": status} | more


def merged(folder: Path, *bodies: Any) -> dict[str, ProductAdvisory]:
    folder.mkdir(exist_ok=True)
    for number, body in enumerate(bodies):
        (folder / f"{number}.json").write_text(json.dumps(body))
    return {one.id: one for one in tables.with_csaf(TABLE, PACK, folder).advisories}


def test_a_new_record_becomes_a_row_with_its_source(tmp_path: Path) -> None:
    score = {
        "cvss_v3": {
            "baseSeverity": "CRITICAL",
            "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        }
    }
    rows = merged(
        tmp_path / "csaf", document(said("CVE-2026-1", fixed="F", title="Open door", scores=[score]))
    )
    assert len(rows) == len(TABLE.advisories) + 1
    row = rows["CVE-2026-1"]
    assert (row.title, row.severity, row.login) == ("Open door", Severity.CRITICAL, "none")
    assert (str(row.affected), row.fixed_in) == ("3.08.04 and earlier", "3.08.05")
    assert row.source == row.fixed_source == "CSAF ICSA-26-274-01 (0.json)"
    assert row.date == date(2026, 10, 1)


def test_a_known_record_gets_the_fixed_release(tmp_path: Path) -> None:
    rows = merged(tmp_path / "csaf", document(said("CVE-2024-13949", fixed="F")))
    row = rows["ZSL-2025-5950"]
    assert (row.fixed_in, row.fixed_source) == ("3.08.05", "CSAF ICSA-26-274-01 (0.json)")
    assert str(row.affected) == "3.08.04 and earlier"
    assert row.source.endswith("; CSAF ICSA-26-274-01 (0.json)")
    assert len(rows) == len(TABLE.advisories)


def test_an_older_document_changes_no_known_fix(tmp_path: Path) -> None:
    body = document(said("CVE-2024-4007", fixed="F"), day="2024-06-01", affected="<=3.07.00")
    assert (
        merged(tmp_path / "csaf", body)["ZSL-2024-5830"]
        == {one.id: one for one in TABLE.advisories}["ZSL-2024-5830"]
    )


def test_the_earliest_fixed_release_counts(tmp_path: Path) -> None:
    body = document(said("CVE-2026-2"))
    branches = body["product_tree"]["branches"][0]["branches"][0]["branches"]
    branches.append(
        {"category": "product_version", "name": "v3.08.04-s02", "product": {"name": "x", "product_id": "G"}}
    )
    body["vulnerabilities"][0]["product_status"]["fixed"] = ["F", "G"]
    assert merged(tmp_path / "csaf", body)["CVE-2026-2"].fixed_in == "3.08.04-s02"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("<=3.08.04", "3.08.04 and earlier"),
        ("<3.08.05", "before 3.08.05"),
        ("vers:generic/<=3.08.04", "3.08.04 and earlier"),
        ("3.08.04 and prior", "3.08.04 and earlier"),
        ("3.08.04", "3.08.04 alone"),
    ],
)
def test_ranges_are_read_in_the_forms_that_vendors_write(tmp_path: Path, name: str, words: str) -> None:
    rows = merged(tmp_path / "csaf", document(said("CVE-2026-3"), affected=name))
    assert str(rows["CVE-2026-3"].affected) == words
    assert rows["CVE-2026-3"].fixed_in == ""


@pytest.mark.parametrize(
    "body",
    [
        document(said("CVE-2026-4", affected="O")),
        document(said("CVE-2026-4"), vendor="Another"),
        document(said("CVE-2026-4"), affected="see notes"),
        document({"product_status": {"known_affected": ["A"]}}),
        document({"cve": "CVE-2026-4"}),
        document(vulnerabilities="none"),
        document(said("CVE-2026-4"), product_tree=[]),
    ],
)
def test_what_is_not_about_the_product_adds_nothing(tmp_path: Path, body: Any) -> None:
    assert tuple(merged(tmp_path / "csaf", body).values()) == TABLE.advisories


def test_other_json_is_passed_over_and_no_file_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "csaf"
    merged(folder, {"bomFormat": "CycloneDX"}, [1], document(said("CVE-2026-5")))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    made = tables.with_csaf(TABLE, PACK, folder)
    assert made.files == ("2.json",)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "0.json: not JSON"),
        ("[" * 200_000, "0.json: not JSON"),
        (json.dumps(document(day="soon")), "0.json: document.tracking.current_release_date is not a date"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "0.json").write_text(text)
    with pytest.raises(DataError, match=message):
        tables.with_csaf(TABLE, PACK, tmp_path)


def test_the_command_answers_by_the_refreshed_table_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merged(tmp_path / "csaf", document(said("CVE-2026-6"), said("CVE-2024-13949", fixed="F")))
    top = layout.host(tmp_path / "host", "3.08.04")
    words = ["advisories", "--root", str(top), "--csaf", str(tmp_path / "csaf"), "--format", "json"]
    assert run(words) == ExitCode.FINDINGS
    body = json.loads(capsys.readouterr().out)
    assert "advisory/cve-2026-6" in {row["rule"] for row in body["findings"]}
    assert "advisory/zsl-2025-5950" in {row["rule"] for row in body["findings"]}
    assert "1 CSAF file of " in body["subjects"][0]["reason"]
    assert "the newest of 2026-10-01" in body["subjects"][0]["reason"]
