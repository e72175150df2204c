"""cpio archives of the real program, rewritten, are read by the real program."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from bundle.rewrite import TextEdit, rewrite
from bundle.verify_clean.verify import prove
from hardening.errors import ArchiveError, ExitCode
from tests.support.programs import need

FORMS = ["newc", "crc", "odc"]


def packed(folder: Path, form: str) -> bytes:
    """Return a tree with a folder, a link of each kind and a set-id program as cpio writes it."""
    need("cpio")
    tree = folder / "tree"
    (tree / "www").mkdir(parents=True)
    for name, text in {
        "www/a.php": "<?php 1;",
        "www/tool.php": "x" * 999,
        "www/b.php": "<?php 2;",
        "run": "#!",
    }.items():
        (tree / name).write_text(text)
    (tree / "run").chmod(0o4755)
    os.link(tree / "www/b.php", tree / "c.php")
    (tree / "link").symlink_to("run")
    listed = subprocess.run(["find", ".", "-print0"], cwd=tree, check=True, capture_output=True).stdout
    command = ["cpio", "-o0", "-H", form, "--quiet"]
    return subprocess.run(command, cwd=tree, input=listed, check=True, capture_output=True).stdout


def rewritten(data: bytes, *edits: TextEdit) -> bytes:
    out = io.BytesIO()
    rewrite(io.BytesIO(data), out, edits)
    return out.getvalue()


def listed(data: bytes) -> list[str]:
    done = subprocess.run(["cpio", "-tvn", "--quiet"], input=data, check=True, capture_output=True)
    assert not done.stderr
    return done.stdout.decode().splitlines()


def content(data: bytes, name: str) -> bytes:
    command = ["cpio", "-i", "--to-stdout", "--quiet", f"*{name}"]
    done = subprocess.run(command, input=data, check=True, capture_output=True)
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_cpio_lists_the_rest_as_it_was(tmp_path: Path, form: str) -> None:
    before = packed(tmp_path, form)
    after = rewritten(before, TextEdit(("www/tool.php",)))
    assert listed(after) == [line for line in listed(before) if "tool.php" not in line]
    assert len(after) % 512 == len(before) % 512 == 0
    for path, data in (("old", before), ("new", after)):
        (tmp_path / path).write_bytes(data)
    proof = prove(tmp_path / "old", tmp_path / "new")
    assert proof.exit_code() is ExitCode.OK
    assert [f.message for f in proof.findings] == ["removed www/tool.php"]


@pytest.mark.parametrize("form", FORMS)
def test_a_replaced_member_is_read_with_its_new_sum(tmp_path: Path, form: str) -> None:
    before = packed(tmp_path, form)
    after = rewritten(before, TextEdit(("www/a.php",), b"<?php @secret:x@;"))
    assert content(after, "www/a.php") == b"<?php @secret:x@;"
    assert len(listed(after)) == len(listed(before))


def test_the_last_name_with_content_stays_while_another_is_left(tmp_path: Path) -> None:
    before = packed(tmp_path, "newc")
    names = ["www/b.php", "c.php"]
    kept = []
    for name in names:
        try:
            after = rewritten(before, TextEdit((name,)))
        except ArchiveError as problem:
            assert "other names" in problem.args[0]  # noqa: PT017 - which of the two is refused is find's choice
            continue
        left = next(n for n in names if n != name)
        assert content(after, left) == b"<?php 2;"
        assert [line.split()[1] for line in listed(after) if left in line] == ["1"]
        kept.append(left)
    assert len(kept) == 1


def test_a_second_archive_behind_the_first_is_rewritten_too(tmp_path: Path) -> None:
    two = packed(tmp_path / "1", "newc") + packed(tmp_path / "2", "newc")
    after = rewritten(two, TextEdit(("www/tool.php",)))
    assert after.count(b"TRAILER!!!") == 2
    assert b"tool.php" not in after


@pytest.mark.parametrize("cut", [6, 50, 115, 400])
def test_a_damaged_archive_is_one_clear_error(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ArchiveError, match="cpio: "):
        rewritten(packed(tmp_path, "newc")[:cut], TextEdit(("www/a.php",)))
