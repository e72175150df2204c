"""What CONTRIBUTING says that the suite demands of something new is demanded."""

from __future__ import annotations

from pathlib import Path

import libarchive  # type: ignore[import-untyped]  # it ships no types
import pytest

from bundle.walk import Member, Problem, walk
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.source import Memory
from hardening.tls.release import directives
from tests.support.bundle.walk import hostile

WRITTEN = {
    "7z": ("7zip", None), "compress": ("gnutar", "compress"), "cpio-binary": ("cpio_bin", None), "iso": ("iso9660", None),
    "lz4": ("gnutar", "lz4"), "lzip": ("gnutar", "lzip"), "uu": ("gnutar", "uuencode"), "xar": ("xar", None),
}  # fmt: skip
"""Formats that libarchive writes, and how."""
OTHERWISE = {
    "cab": "archives of other projects (test_foreign)",
    "lha": "written in test_formats",
    "lzop": "read by libarchive; only the program lzop writes it",
    "makeself": "written by makeself in test_formats",
    "rar": "archives of other projects (test_foreign): there is no free writer",
    "squashfs": "written by mksquashfs in test_formats",
    "zip-stub": "a zip behind a program: `honest/stub.zip` of the hostile corpus (test_hostile)",
    "zlib": "written in test_formats",
}
"""Formats that are neither damaged as an honest archive nor written by libarchive, each with where it is proved."""


def test_every_container_has_an_archive_in_the_suite() -> None:
    honest = {identify(data[:HEAD], Memory(data)) for data in hostile.honest().values()}
    assert CONTAINERS - honest - set(WRITTEN) == set(OTHERWISE), (
        "add an archive to `honest` in tests/support/bundle/walk/hostile.py, which is then damaged too; or a reason to OTHERWISE"
    )


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_libarchive_writes_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    form, through = WRITTEN[kind]
    with libarchive.file_writer(str(path), form, through) as archive:
        archive.add_file_from_memory("app.ini", 13, b"hello = world")
    events = list(walk(str(path)))
    members = [event for event in events if isinstance(event, Member)]
    assert members[0].format == kind
    assert [bytes(one.content) for one in members if one.parts[-1] == "app.ini"] == [b"hello = world"]
    assert not [event for event in events if isinstance(event, Problem)]


def test_a_server_needs_no_empty_table_of_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "directives").mkdir()
    (tmp_path / "directives/broker.toml").write_text(
        'source = "a manual"\nassumed = "2.0"\n[[release]]\nversion = "2.0"\nopenssl = "3.5.9-debian13"\ndistribution = "x"\nverified = "memory"\n'
    )
    monkeypatch.setattr("hardening.resources.tls_data", lambda: tmp_path)
    assert directives("broker").features == {}
