"""A proof holds for what cleaning made, and for nothing that was changed on top of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.programs import need
from tests.unit.bundle.test_prove import differences, old, outer

__all__ = ["old"]


def test_a_format_that_cleaning_does_not_write_may_not_differ(tmp_path: Path) -> None:
    """What lies around the members of a 7z could do something else although every member that is left is the same."""
    for name, members in (("old", "ab"), ("new", "a")):
        for member in members:
            (tmp_path / member).write_text(member)
        command: list[str | Path] = [
            need("7z"),
            "a",
            "-bd",
            tmp_path / f"{name}.7z",
            *(tmp_path / m for m in members),
        ]
        subprocess.run(command, check=True, capture_output=True)
    old = outer(tmp_path / "old.zip", (tmp_path / "old.7z").read_bytes(), name="a.7z")
    new = outer(tmp_path / "new.zip", (tmp_path / "new.7z").read_bytes(), name="a.7z")
    assert differences(old, new) == ["a.7z was changed: its content differs"]
    found = differences(tmp_path / "old.7z", tmp_path / "new.7z")
    assert found == ["new.7z was changed, and cleaning does not write this format"]
