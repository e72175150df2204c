"""Members that are no files and have content all the same: some unpackers write it, so it is looked at."""

from __future__ import annotations

import bz2
import io
import random
import string
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import audit
from bundle.clean.run import clean
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import Problem
from bundle.walk.walker import Walker
from hardening.findings import InFile, Run
from tests.support.bundle.walk.hostile import END, cpioed, header, newc, padded, tarred

MODES = {"directory": 0o040755, "fifo": 0o010644, "device": 0o020644, "socket": 0o140644, "symlink": 0o120777}
SMALL, LARGE = b"x = 1\n", b"a.number = 1\n" * 100_000
TRAILER = newc(b"TRAILER!!!", b"")
ALNUM = string.ascii_letters + string.digits


def a_cpio(kind: str, content: bytes) -> bytes:
    return newc(b"d", content, MODES[kind]) + newc(b"kept", b"kept") + TRAILER


def a_tar(kind: str, content: bytes) -> bytes:
    mark = {"fifo": b"6", "device": b"3", "symlink": b"2", "hard link": b"1"}[kind]
    head = header(b"d", len(content), mark, b"kept" if "link" in kind else b"")
    return head + padded(content) + header(b"kept", 4) + padded(b"kept") + END


def a_zip(kind: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("d", (2020, 1, 1, 0, 0, 0))
        info.create_system, info.external_attr = 3, MODES[kind] << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)
        archive.writestr("kept", "kept")
    return out.getvalue()


CASES = [
    *((a_cpio, kind, size) for kind in ("directory", "fifo", "device", "socket") for size in (SMALL, LARGE)),
    (a_cpio, "symlink", LARGE),
    *((a_tar, kind, size) for kind in ("fifo", "device", "symlink", "hard link") for size in (SMALL, LARGE)),
    *((a_zip, kind, size) for kind in ("fifo", "device", "socket") for size in (SMALL, LARGE)),
    (a_zip, "symlink", LARGE),
]


def credentials(run: Run) -> list[tuple[tuple[str, ...], int | None]]:
    places = [f.location for f in run.findings if f.rule.id.startswith("credential/")]
    return [(place.parts, place.line) for place in places if isinstance(place, InFile)]


def examined(path: Path) -> Run:
    return audit(path, jobs=1)


@pytest.mark.parametrize(("make", "kind", "content"), CASES)
def test_content_of_what_is_no_file_is_examined_and_said(
    make: Callable[[str, bytes], bytes], kind: str, content: bytes, tmp_path: Path
) -> None:
    path, out, secret = tmp_path / "a", tmp_path / "out", "".join(random.Random(7).choices(ALNUM, k=18))
    path.write_bytes(make(kind, content + f"db.password={secret}\n".encode()))
    run = examined(path)
    assert credentials(run) == [((str(path), "d"), content.count(b"\n") + 1)]
    assert "walk/two-readings" in {f.rule.id for f in run.findings}
    cleaned = clean(path, out, examined)  # it is replaced, or it is as it was and that is said
    said = {r.reason.split(" ", 2)[0] for r in cleaned.results if "replaced" in r.reason}
    assert said == ({"not"} if make is a_tar else {"replaced"})
    assert bool(credentials(cleaned)) == (make is a_tar)
    assert out.exists() == (make is not a_tar)  # nothing was changed, so nothing is written


@pytest.mark.parametrize("kind", ["fifo", "device", "symlink"])
def test_headers_where_a_special_files_content_would_be_are_two_readings(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    inner = header(b"behind", 5) + padded(b"found")
    path.write_bytes(a_tar(kind, inner))
    events = list(Walker().walk(str(path)))
    assert [e.parts[-1] for e in events if isinstance(e, Problem) and e.reason == "two-readings"] == ["d"]
    assert not any(isinstance(e, Problem) and e.reason == "corrupt" for e in events)
    assert {getattr(e, "parts", ("",))[-1] for e in events} >= {"behind", "kept"}


def test_a_folder_with_a_size_is_as_posix_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(header(b"d", 4096, b"5") + header(b"d/kept", 4) + padded(b"kept") + END)
    assert not [e for e in Walker().walk(str(path)) if isinstance(e, Problem)]


@pytest.mark.parametrize("kind", ["directory", "symlink"])
def test_what_is_no_file_cannot_be_a_bomb_unseen(kind: str, tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    stream = packer.compress(newc(b"d", b"", MODES[kind], size=100 << 20))
    stream += b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.compress(TRAILER)
    path = tmp_path / "a.cpio.gz"
    path.write_bytes(stream + packer.flush())
    reasons = {e.reason for e in Walker().walk(str(path)) if isinstance(e, Problem)}
    assert reasons == {"bomb", "two-readings"}


@pytest.mark.parametrize("archive", [tarred({"a": b"a"}), cpioed({"a": b"a"})], ids=["tar", "cpio"])
def test_padding_without_end_ends_with_the_time_that_is_allowed(archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.bz2"
    path.write_bytes(bz2.compress(archive) + bz2.compress(bytes(45_000_000)) * 200)
    began = time.monotonic()
    events = list(Walker(WalkLimits(seconds=0.3)).walk(str(path)))
    assert time.monotonic() - began < 5
    assert [e.reason for e in events if isinstance(e, Problem)] == ["limit-time"]
