"""A file that is replaced is the new one or the old one, and belongs to whom it belonged."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hardening import atomic


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic.replace(tmp_path / "made", b"one")
    finally:
        os.umask(before)
    assert (tmp_path / "made").read_bytes() == b"one"
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o640


def test_mode_and_link_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    real.chmod(0o604)
    link.symlink_to("real")
    atomic.replace(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o604
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


def test_a_name_as_long_as_names_may_be_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / ("k" * 255)
    path.write_bytes(b"old")
    atomic.replace(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_bytes(b"old")
    os.chown(path, 1234, 4321)
    path.chmod(0o640)
    atomic.replace(path, b"new")
    about = path.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (1234, 4321, 0o640)


def test_nobody_else_reads_it_before_it_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen: list[int] = []
    fchmod = os.fchmod

    def look(handle: int, mode: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        fchmod(handle, mode)

    monkeypatch.setattr(os, "fchmod", look)
    atomic.replace(path, b"new")
    assert seen == [0o600]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    code = "import sys; from pathlib import Path; from hardening import atomic; atomic.replace(Path(sys.argv[1]), bytes(5000))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        check=False, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )  # fmt: skip
    assert "OSError" in done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fills_a_part_may_fail_and_then_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def filled() -> None:
        with atomic.part(path) as new:
            new.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])
    with atomic.part(path) as new:
        new.write_bytes(b"whole")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"whole", [path])


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives files away")
@pytest.mark.parametrize("what", ["link", "folder", "file"])
def test_what_a_stranger_laid_in_a_shared_folder_is_not_followed(tmp_path: Path, what: str) -> None:
    """As root, `bundle sign -o /tmp/sig` replaced whatever file a link of that name led to, `fs.protected_symlinks` or not."""
    shared, precious = tmp_path / "shared", tmp_path / "precious"
    shared.mkdir()
    shared.chmod(0o1777)
    precious.mkdir()
    (precious / "file").write_bytes(b"old")
    laid = shared / ("laid" if what == "folder" else "file")
    if what == "file":
        laid.write_bytes(b"theirs")
    else:
        laid.symlink_to(precious if what == "folder" else precious / "file")
    os.lchown(laid, 1234, 4321)
    with pytest.raises(PermissionError, match="another account's"):
        atomic.replace(laid / "file" if what == "folder" else laid, b"new")
    assert (precious / "file").read_bytes() == b"old"
    assert sorted(one.name for one in shared.iterdir()) == [laid.name]
    os.lchown(laid, 0, 0)  # a link of one's own is followed as ever
    atomic.replace(laid / "file" if what == "folder" else laid, b"new")
    assert (laid if what == "file" else precious / "file").read_bytes() == b"new"


def test_links_are_followed_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "one").symlink_to("a/b/../two")
    (tmp_path / "a" / "two").symlink_to(tmp_path / "a" / "b" / "three")
    atomic.replace(tmp_path / "one", b"new")
    assert (tmp_path / "a" / "b" / "three").read_bytes() == b"new"
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="circle"):
        atomic.replace(tmp_path / "circle", b"new")
