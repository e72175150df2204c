"""`harden rules` and the page that is made by it."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.cli.known_rules import all_rules

PAGE = Path(__file__).parents[2] / "docs/rules.md"


def test_the_page_is_what_the_tool_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == PAGE.read_text("utf-8"), "run: make docs"


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
