"""A rewritten archive differs from the original in what was asked for, and in nothing else."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from bundle.rewrite import TextEdit, rewrite
from tests.support.programs import need
from tests.unit.bundle.rewrite.test_rewrite import rewritten


@pytest.mark.parametrize("form", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"])  # fmt: skip
@pytest.mark.parametrize("behind", [10, 3 << 20])
def test_sparse_members_of_a_tar_stay_as_they_lie_in_it(tmp_path: Path, form: str, behind: int) -> None:
    """Their size in the file is not that of the content: the copy went on into what follows, or past the end."""
    names = ["a-disk", "tool", "z"]
    with (tmp_path / "a-disk").open("wb") as disk:
        disk.seek(1 << 20)
        disk.write(b"data")
        disk.truncate(2 << 20)
    (tmp_path / "tool").write_bytes(b"x" * 600)
    (tmp_path / "z").write_bytes(b"z" * behind)
    form = form if form.startswith("--format") else f"--format=pax {form}"
    packed = subprocess.run(
        [need("tar"), "-cSf", "-", *form.split(), *names], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    source, target = io.BytesIO(packed), io.BytesIO()
    rewrite(source, target, [TextEdit(("tool",))])
    (tmp_path / "out").mkdir()
    subprocess.run(
        ["tar", "-xf", "-"], cwd=tmp_path / "out", check=True, input=target.getvalue(), capture_output=True
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-disk", "z"]
    for name in ("a-disk", "z"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_more_members_than_sixteen_bits_count() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(65_600):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    after = rewritten(out.getvalue(), TextEdit(("7",)), TextEdit(("8",), b"now with content"))
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert len(archive.namelist()) == 65_599
        assert archive.read("8") == b"now with content"
