"""`harden rules` and the pages that `make docs` writes."""

from __future__ import annotations

import json
import re
import runpy
from importlib.resources import files
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.cli.known_rules import all_rules

PAGES = runpy.run_path(str(Path(__file__).parents[3] / "docs/site/reference.py"))["pages"]


def test_every_rule_has_one_anchor_on_the_page_of_its_family() -> None:
    pages = {path[6:-3]: text for path, text in PAGES().items() if path.startswith("rules/")}
    index = pages.pop("index")
    assert set(re.findall(r"\(([\w.-]+)\.md\)", index)) == set(pages)
    anchors = [anchor for text in pages.values() for anchor in re.findall(r'<a id="([^"]+)"', text)]
    assert sorted(anchors) == sorted(rule.id.replace("/", "-") for rule in all_rules())
    assert "## `tls/suite`" in pages["tls"]


def test_markdown_has_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "--format", "markdown"]) == 0
    assert re.findall(r"^## `(.+)`$", capsys.readouterr().out, re.MULTILINE) == [r.id for r in all_rules()]


def test_every_id_is_one_the_report_schema_allows() -> None:
    schema = json.loads(files("hardening.reports").joinpath("harden-report-1.schema.json").read_text("utf-8"))
    pattern = schema["$defs"]["rule"]["pattern"]
    assert [rule.id for rule in all_rules() if not re.search(pattern, rule.id)] == []


def test_every_rule_says_why_and_what_to_do() -> None:
    for rule in all_rules():
        assert rule.title, rule.id
        assert rule.rationale, rule.id
        assert rule.remedy, rule.id


def test_json_has_the_same_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "--format", "json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [rule.id for rule in all_rules()]


def test_one_rule_a_family_and_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "tls/suite"]) == 0
    assert "  remedy  " in capsys.readouterr().out
    assert run(["rules", "waiver"]) == 0
    assert capsys.readouterr().out.count("  why     ") == 2
    assert run(["rules", "tls/suit"]) == 2
    assert capsys.readouterr().err == "harden: no rule 'tls/suit'\n  next: did you mean 'tls/suite'?\n"
