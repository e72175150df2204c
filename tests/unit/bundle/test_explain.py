"""`harden bundle explain`: why a credential is reported at a place, or is not, without its value."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from bundle import explain
from hardening.errors import InputError

VALUE = "k7Qz9mW2xVt4"
TEXT = f'# quay\ndb_user = "feed"\ndb_password = "{VALUE}"\n'


def said(target: str) -> str:
    return "\n".join(explain.lines(explain.explain(target)))


def test_a_line_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("etc").mkdir()
    Path("etc/gate.ini").write_text(TEXT)
    text = said("etc/gate.ini:3")
    assert VALUE not in text
    assert "etc/gate.ini:3:16: credential/assignment: high severity, high confidence" in text
    assert "account 'feed'" in text
    assert "found by   assignment/statements" in text
    assert "evidence   more-than-a-word, high confidence: The place asks for a password" in text
    assert "fix        safe" in text
    assert "forms.toml" in text
    assert re.search(r"drawn      surely, score \+\d\.\d: .*strange-triples \+\d", text)
    assert said("etc/gate.ini:3:16") == text
    assert said("etc/gate.ini") == text


def test_the_folder_of_a_file_is_its_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests").mkdir()
    Path("tests/gate.ini").write_text(TEXT)
    text = said("tests/gate.ini:3")
    assert "role       test" in text
    assert "decide/test: A test," in text
    assert "low severity, medium confidence" in text


def test_a_member_of_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "gate.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("opt/gate.ini", TEXT)
    assert "high severity" in said(f"{path}!/opt/gate.ini:3")
    assert said(f"{path}!/opt/gate.ini:2").startswith(f"{path}!/opt/gate.ini:2: no candidate")


def test_what_is_not_reported_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.php"
    path.write_text("<?php\n$a = array('PT' => 'Portugal', 'PW' => 'Palau');\n$x = $pass == $other;\n")
    text = said(f"{path}:2")
    assert "dropped: nothing is reported" in text
    assert "change     row form/country in bundle/data/credentials/decide/forms.toml" in text


def test_a_pattern_whose_check_dismissed_the_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gate.sh"
    path.write_text("#!/bin/sh\nmysql -u feed -p${PASSWORD} quay\n")
    assert "line 2: the pattern command-line/" in said(f"{path}:2")
    assert "its check `fetched` dismissed the value" in said(f"{path}:2")


@pytest.mark.parametrize("target", ["no/such/file:3", "{}!/none.ini:1"])
def test_what_is_not_there(tmp_path: Path, target: str) -> None:
    path = tmp_path / "gate.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("opt/gate.ini", TEXT)
    with pytest.raises(InputError):
        explain.explain(target.format(path))
