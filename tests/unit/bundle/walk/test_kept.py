"""The compiled gate between runs: read back when it is whole and one's own, made again when it is anything else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle.detect.credentials.rules.pattern_gate import PatternGate
from hardening import user_cache

PATTERNS = ("abc[0-9]{2}", "(?i)secret=")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "aspect-hardening/gates"


def hits() -> dict[int, list[int]]:
    return dict(PatternGate(PATTERNS, engine="hyperscan").hits(b"abc12 SECRET=x"))


def test_the_second_run_reads_what_the_first_compiled(folder: Path) -> None:
    first = hits()
    (file,) = folder.iterdir()
    stamp = file.stat().st_ino
    assert hits() == first == {0: [5], 1: [13]}
    assert file.stat().st_ino == stamp
    PatternGate(("other",), engine="hyperscan")
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-9]),
        lambda file: file.write_bytes(file.read_bytes()[:500] + b"\0\1\2" + file.read_bytes()[503:]),
        lambda file: file.chmod(0o666),
        lambda file: file.parent.chmod(0o777),
    ],
)
def test_what_is_damaged_or_open_to_others_is_not_read(folder: Path, spoil: Callable[[Path], object]) -> None:
    right = hits()
    (file,) = folder.iterdir()
    spoil(file)
    assert user_cache.read("gates", file.name) is None
    assert hits() == right


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    assert hits() == {0: [5], 1: [13]}
    assert not PatternGate.is_kept(PATTERNS)


def test_a_folder_that_its_own_account_may_not_enter_is_no_reason_to_fail(folder: Path) -> None:
    """Accounts other than root ended in part: "a detector failed: PermissionError" (`make user-test`)."""
    right = hits()
    folder.chmod(0o600)
    try:
        PatternGate.is_kept(PATTERNS)
        assert hits() == right
    finally:
        folder.chmod(0o700)


def test_a_machine_on_which_nothing_may_be_written_is_no_reason_to_fail(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert not PatternGate.is_kept(PATTERNS)
    assert hits() == {0: [5], 1: [13]}
    assert not homeless.exists()


def test_few_are_kept(folder: Path) -> None:
    for number in range(user_cache.MOST_KEPT + 9):
        PatternGate((f"pattern{number}",), engine="hyperscan")
    assert len(list(folder.iterdir())) == user_cache.MOST_KEPT


def test_what_is_used_stays(folder: Path) -> None:
    hits()
    (file,) = folder.iterdir()
    os.utime(file, (0, 0))
    for number in range(user_cache.MOST_KEPT - 1):
        PatternGate((f"pattern{number}",), engine="hyperscan")
    hits()
    PatternGate(("one more",), engine="hyperscan")
    assert file.exists()


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where an account without a home keeps its gates."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert user_cache.folder("gates") is None
    return tmp_path / f"aspect-hardening-{os.geteuid()}-gates"


def test_an_account_without_a_home_keeps_it_where_temporary_files_are(homeless: Path) -> None:
    """Each call compiled everything: 8 seconds."""
    assert not PatternGate.is_kept(PATTERNS)
    assert not homeless.exists()
    assert hits() == {0: [5], 1: [13]}
    assert PatternGate.is_kept(PATTERNS)
    assert homeless.stat().st_mode & 0o777 == 0o700
    (file,) = homeless.iterdir()
    assert user_cache.read("gates", file.name) is not None


@pytest.mark.parametrize("laid", ["link", "open", "file"])
def test_what_a_stranger_lays_where_temporary_files_are_is_not_used(homeless: Path, laid: str) -> None:
    own = homeless.parent / "own"
    own.mkdir(mode=0o700)
    if laid == "link":
        homeless.symlink_to(own)
    elif laid == "file":
        homeless.write_bytes(b"")
    else:
        homeless.mkdir()
        homeless.chmod(0o777)
    assert hits() == {0: [5], 1: [13]}
    assert not PatternGate.is_kept(PATTERNS)
    assert not list(own.iterdir())


def test_an_account_with_a_home_leaves_nothing_among_temporary_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    hits()
    assert list(folder.iterdir())
    assert not list((tmp_path / "tmp").iterdir())


def test_a_cache_folder_that_is_named_from_the_current_one_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the specification of these folders has it: a stranger's folder would hold what is loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_cache.folder("gates") == tmp_path / "home/.cache/aspect-hardening/gates"
