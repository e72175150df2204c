"""The product pack: every row has a source, every public advisory is in it, and errors name file and key."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from hardening import products
from hardening.cli import run
from hardening.errors import DataError, ExitCode, UsageError
from hardening.products import pack as packs
from hardening.products.releases import ReleaseRange, ordered
from tests.support.places import ROOT

SHIPPED = Path(str(files("hardening") / "products"))
ASPECT = products.load("aspect")
SERIES = (
    [f"ZSL-2024-{number}" for number in range(5827, 5892) if number != 5862]
    + [f"ZSL-2025-{number}" for number in (*range(5892, 5907), 5916, 5926, *range(5938, 5955))]
)  # fmt: skip
"""What the public repository of Zero Science Lab has about ASPECT, by its numbers; 5862 is about another product, and the
numbers between are about the sister line FLXeon."""
OF_A_MODULE = "ZSL-2025-5953"
"""Of the kernel module, which the title names instead of the product."""


def test_every_public_advisory_is_in_the_pack() -> None:
    known = [one.id for one in ASPECT.advisories if one.id.startswith("ZSL-")]
    assert sorted(known) == SERIES
    assert len([one for one in known if one != OF_A_MODULE]) == 97


def test_every_record_of_a_cve_is_named_once_as_an_own_row_or_by_an_advisory() -> None:
    named = {cve for one in ASPECT.advisories if one.id.startswith("ZSL-") for cve in one.cve}
    own = [one.id for one in ASPECT.advisories if one.id.startswith("CVE-")]
    assert not named & set(own)
    assert len(named) + len(own) == 39
    assert {cve for one in ASPECT.advisories for cve in one.related} <= named | set(own)


@pytest.mark.parametrize("name", products.available())
def test_every_row_has_a_source(name: str) -> None:
    pack = products.load(name)
    rows = [row for sheet in pack.sheets.values() for row in sheet]
    assert [row.id for row in rows if not row.source.strip()] == []
    assert [one.id for one in pack.advisories if not one.source.strip()] == []
    assert [row.id for row in rows if row.mark is packs.Mark.UNKNOWN and row.source.startswith("ZSL")] == [
        "inside-aam",
        "oauth",
    ]
    assert pack.count() == len(rows) + len(pack.advisories) > 0


def test_the_page_has_the_figures_of_the_pack() -> None:
    rows = [row.mark for sheet in ASPECT.sheets.values() for row in sheet]
    marks = ", ".join(f"{rows.count(mark)} {mark.value}" for mark in packs.Mark)
    page = (ROOT / "docs/products.md").read_text("utf-8")
    assert f"**{len(rows)} facts, each with its source: {marks}. {len(ASPECT.advisories)} advisories" in page
    assert f"without a source | 0 of {ASPECT.count()} |" in page
    assert f"[{len(rows)} facts with sources](docs/products.md)" in (ROOT / "README.md").read_text("utf-8")


def test_an_advisory_names_its_fix_with_its_source_or_no_fix() -> None:
    for one in ASPECT.advisories:
        assert bool(one.fixed_in) == bool(one.fixed_source), one.id
        fixed = ordered(one.fixed_in) if one.fixed_in else None
        assert not one.fixed_in or fixed, one.id
        assert fixed is None or fixed not in one.affected, one.id


def test_known_facts_are_the_published_ones() -> None:
    assert ASPECT.fact("layout", "web-root").text("path") == "/home/MIX_CMIX/htmlroot"
    assert ASPECT.fact("engine", "port").number() == 7226
    assert "UserManager" in ASPECT.fact("engine", "servlets").names()
    assert "tlsVersions" in ASPECT.fact("mailer", "fields").names()
    found = next(one for one in ASPECT.advisories if "CVE-2024-4007" in one.cve)
    assert (found.id, found.fixed_in, str(found.affected)) == (
        "ZSL-2024-5830",
        "3.07.02",
        "3.07.01 and earlier",
    )
    assert [str(one) for one in found.evidence] == [
        "member phpMyAdmin/config.inc.php",
        "account database-root",
    ]
    with pytest.raises(UsageError, match="no engine 'servlet'"):
        ASPECT.fact("engine", "servlet")


def test_what_is_not_published_is_marked_unknown() -> None:
    unknown = {row.id for sheet in ASPECT.sheets.values() for row in sheet if row.mark is packs.Mark.UNKNOWN}
    assert unknown == {"engine-config", "key", "service", "selinux", "inside-aam", "oauth"}


def _copy(tmp_path: Path) -> Path:
    folder = tmp_path / "aspect"
    shutil.copytree(SHIPPED / "aspect", folder)
    return folder


@pytest.mark.parametrize("sheet", [*packs.SHEETS, "advisories"])
def test_a_row_without_a_source_is_refused(tmp_path: Path, sheet: str) -> None:
    folder = _copy(tmp_path)
    path = folder / f"{sheet}.toml"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("source = "))
    path.write_text("".join(lines[:at] + lines[at + 1 :]), "utf-8")
    with pytest.raises(DataError, match=rf"{sheet}\.toml: (fact|advisory)\[0\]\.source: is missing"):
        packs.read(folder)
    lines[at] = 'source = " "\n'
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(DataError, match=rf"{sheet}\.toml: (fact|advisory)\[0\]\.source: is empty"):
        packs.read(folder)


@pytest.mark.parametrize(
    ("sheet", "old", "new", "said"),
    [
        ("layout", 'mark = "published"', 'mark = "guessed"', r"layout\.toml: fact\[0\]\.mark"),
        ("layout", "[[fact]]", "[[fact]]\nsize = 1", r"layout\.toml: fact\[0\]\.size: is not a known key"),
        ("release", "(?:-s", "(?:-s(", r"release\.toml: fact\[1\]\.form: is not a regular expression"),
        ("advisories", '"<= 3.08.01"', '"until 3"', r"advisories\.toml: advisory\[0\]\.affected"),
        ("advisories", '"page:', '"pages:', r"advisories\.toml: advisory\[0\]\.evidence: .*kind|KIND:VALUE"),
        ("advisories", '["upgrade"]', '["pray"]', r"advisory\[0\]\.helps: 'pray' is not one of"),
        ("advisories", 'login = "none"', 'login = "any"', r"advisory\[0\]\.login: 'any' is not one of"),
        (
            "advisories",
            "account:guest",
            "account:visitor",
            r"ZSL-2024-5840: account 'visitor' is not in accounts",
        ),
        (
            "advisories",
            'id = "ZSL-2024-5828"',
            'id = "ZSL-2024-5827"',
            r"advisory\[1\]\.id: .* occurs twice",
        ),
    ],
)
def test_a_wrong_row_is_named_by_file_and_key(
    tmp_path: Path, sheet: str, old: str, new: str, said: str
) -> None:
    folder = _copy(tmp_path)
    path = folder / f"{sheet}.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(DataError, match=said):
        packs.read(folder)


def test_a_pack_may_hold_one_file_alone(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    for path in folder.iterdir():
        if path.name != "product.toml":
            path.unlink()
    pack = packs.read(folder)
    assert (pack.sheets, pack.advisories, pack.advisories_as_of) == ({}, (), None)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("<= 3.08.02", "v3.08.02 3.08.01 3.7 1", "3.08.03 3.08.02-s01 4.00.00"),
        ("< 3.08.04-s01", "3.08.04 3.08.03", "3.08.04-s01 3.08.04-s02 3.08.05"),
        ("= 3.08.02", "3.08.02", "3.08.01 3.08.03"),
        ("<= 3.*", "3.99.99 2.0", "4.00.00"),
        ("<= *", "1 99.0", ""),
    ],
)
def test_ranges_hold_the_releases_that_they_name(text: str, inside: str, outside: str) -> None:
    found = ReleaseRange.parse(text)
    assert [one for one in inside.split() if (ordered(one) or ()) not in found] == []
    assert [one for one in outside.split() if (ordered(one) or ()) in found] == []


@pytest.mark.parametrize("text", ["", "3.08", "<= x", ">= 3", "<=3", "<= 3.08.02 "])
def test_what_is_not_a_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        ReleaseRange.parse(text)


@pytest.mark.parametrize("text", ["", "latest", "3.08.02beta", "3..1", "1.2.3.4.5.6.7", "3.08.04-s"])
def test_what_is_not_a_release_is_none(text: str) -> None:
    assert ordered(text) is None


def test_the_command_prints_every_row_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["products", "aspect"]) == ExitCode.OK
    text = capsys.readouterr().out
    words = " ".join(text.split())
    for sheet, rows in ASPECT.sheets.items():
        assert f"\n{sheet}\n" in text
        for row in rows:
            assert f"{row.id} [{row.mark}]" in words
            assert f"Source: {row.source}" in words
    for one in ASPECT.advisories:
        assert f"{one.id}" in words
        assert f"Source: {one.source}" in words
    assert "not made, reviewed or endorsed by the vendor" in words.lower()
    assert [line for line in text.splitlines() if len(line) > 80 and " " in line.strip()] == []


def test_the_command_writes_every_row_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["products", "aspect", "--format", "json"]) == ExitCode.OK
    body = json.loads(capsys.readouterr().out)
    assert body["schema"] == "harden-product/1"
    assert [len(rows) for rows in body["facts"].values()] == [len(rows) for rows in ASPECT.sheets.values()]
    assert all(row["source"] and row["mark"] for rows in body["facts"].values() for row in rows)
    assert [row["id"] for row in body["advisories"]] == [one.id for one in ASPECT.advisories]
    assert run(["products", "--format", "json"]) == ExitCode.OK
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["aspect"]


def test_an_unknown_product_is_named_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["products", "other"]) == ExitCode.USAGE
    assert capsys.readouterr().err == "harden: unknown product 'other'\n  next: known: aspect\n"
