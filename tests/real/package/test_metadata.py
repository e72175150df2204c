"""The address of the project is one setting: links of the package's page and of README are made from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ADDRESS = "https://example.org/group/project"


def _metadata(folder: Path, url: str) -> Message:
    """Build a wheel of a copy with an address, and return its metadata."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in names.rstrip("\0").split("\0"):
        if (ROOT / name).is_file() and (not name.startswith("tests/") or name.startswith("tests/infra/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    settings = folder / "pyproject.toml"
    text = settings.read_text()
    assert '\nurl = ""\n' in text
    settings.write_text(text.replace('\nurl = ""\n', f'\nurl = "{url}"\n'))
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder / "dist",
        folder,
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("/METADATA"))
        return message_from_bytes(archive.read(name))


@pytest.mark.parametrize("url", ["", ADDRESS + "/"])
def test_links_are_made_from_the_one_setting(tmp_path: Path, url: str) -> None:
    said = _metadata(tmp_path, url)
    shown = dict(one.split(", ") for one in said.get_all("Project-URL") or ())
    readme = str(said.get_payload())
    if not url:
        assert shown == {}
        assert "](docs/" in readme
        return
    assert shown["Homepage"] == ADDRESS
    assert shown["Issues"] == f"{ADDRESS}/issues"
    assert f"]({ADDRESS}/blob/main/docs/" in readme
    assert "](docs/" not in readme
