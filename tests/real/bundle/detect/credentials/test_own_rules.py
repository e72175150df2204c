"""Rule files of a user's own in gitleaks' format, and the seal of a value under a key."""

from __future__ import annotations

from pathlib import Path

from bundle.detect.credentials import detector
from bundle.detect.credentials.rules.gitleaks import is_gitleaks
from tests.support.bundle.detect.credentials.plant.members import member
from tests.unit.bundle.detect.credentials.test_own_rules import RULE, TEXT, lines, rules

__all__ = ["rules"]


def test_rules_are_found_with_entropy_and_allow_lists(rules: Path) -> None:
    one = detector(gitleaks=(rules,))
    text = f"x\nacme_ab12:{'k3m9z7q1w5' * 2}\nacme_ab12:{'a' * 20}\nacme_ab12:dummy{'k3m9z7q1w5' * 2}\n"[:-1]
    found = [f for f in one.check(member("a.txt", text), "b") if f.rule.id == "credential/own-acme-token"]
    assert [f.location.line for f in found] == [2]  # type: ignore[union-attr]  # always in a file


def test_files_extend_others(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text("[extend]\npath='base.toml'\n")
    assert is_gitleaks(tmp_path / "more.toml")
    (tmp_path / "base.toml").write_text(RULE + "[[rules]]\nid='other'\nregex='three'\n")
    assert sorted(lines("[extend]\npath='base.toml'\n", tmp_path, "a", TEXT), key=str) == [
        1,
        2,
        3,
        3,
    ]
    assert lines("[extend]\npath='base.toml'\ndisabledRules=['acme']\n", tmp_path, "a", TEXT) == [3]
