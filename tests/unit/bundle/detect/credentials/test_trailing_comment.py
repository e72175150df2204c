"""A comment behind a value changes neither the rule nor the fingerprint: a baseline keeps knowing the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle.audit import audit

LINE = 'password = "Zr7!kqWv93Lm"'
ATTRIBUTE = LINE.replace(" ", "")


def _found(folder: Path, end: str) -> set[tuple[str, str]]:
    folder.mkdir()
    for suffix in ("conf", "env", "ini", "properties", "py", "toml", "yml"):
        (folder / f"a.{suffix}").write_text(f"{LINE}{end}\n")
    return {(one.rule.id, one.fingerprint) for one in audit([folder], jobs=1).findings}


@pytest.mark.parametrize(
    "end", ["  ", " # rotated in May", " ; rotated in May", " # harden:ignore[credential/assignment] x"]
)
def test_a_comment_behind_a_value_changes_nothing(tmp_path: Path, end: str) -> None:
    assert _found(tmp_path / "old", "") == _found(tmp_path / "new", end)


def test_an_attribute_of_xml_keeps_its_rule(tmp_path: Path) -> None:
    for number, text in enumerate(("{}/>", "{} user='x'/>", "{}\t>", "{} ?>")):
        (tmp_path / f"{number}.xml").write_text(f"<server {text.format(ATTRIBUTE)}\n")
    assert {one.rule.id for one in audit([tmp_path], jobs=1).findings} == {"credential/xml"}
