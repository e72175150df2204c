"""What signs, verifies, cleans or publishes says what it was given where that is not a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hardening.cli import run


@pytest.mark.parametrize("verb", ["sign", "verify", "clean"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("absent", "No such file or directory\n  next: check the path"),
        ("folder", "is a folder\n  next: give the bundle as one file, such as an archive of it"),
        ("pipe", "is not a regular file\n  next: give the bundle as one file"),
        ("loop", "Too many levels of symbolic links\n  next: check the path"),
    ],
)
def test_what_it_is_instead(
    verb: str, kind: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "upgrade.zip"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
    keys = tmp_path / "key"
    assert run(["bundle", "keygen", "--out", str(keys), "--no-passphrase"]) == 0
    further = {
        "sign": ["--key", str(keys)],
        "verify": ["--key", f"{keys}.pub"],
        "clean": ["-o", str(tmp_path / "new.zip")],
    }
    assert run(["bundle", verb, str(path), *further[verb]]) == 2
    assert f"{path}: {said}" in capfd.readouterr().err
