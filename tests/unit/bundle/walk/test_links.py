"""Links of an archive are resolved through each other: by the walk, by the host's own unpacking, and by GNU tar."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from bundle import audit
from hardening.onhost.shared.errors import Failed
from hardening.onhost.upgrader.unpacking import unpack

FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
Row = tuple[str, bytes, str]
"""Name, kind and target."""
DEEP = "/".join("abcdefghij")
UP = "/".join([".."] * 10)
ESCAPES: dict[str, list[Row]] = {
    "plainly": [("f", FILE, ""), ("l", LINK, "../x")],
    "through a link to the root": [
        ("p/q/r", FILE, ""),
        ("p/q/d", LINK, "../.."),
        ("e", LINK, "p/q/d/../evil"),
    ],
    "through a long way down": [
        (f"{DEEP}/r", FILE, ""),
        (f"{DEEP}/top", LINK, UP),
        ("e", LINK, f"{DEEP}/top/" + "../" * 9 + "etc"),
    ],
    "before what it goes through": [("e", LINK, "p/d/../evil"), ("p/d", LINK, ".."), ("p/r", FILE, "")],
    "from below a link's target": [("a/b/f", FILE, ""), ("s", LINK, "a/b"), ("e", LINK, "s/../../../x")],
}
UNSETTLED: dict[str, list[Row]] = {
    "a loop": [("f", FILE, ""), ("a", LINK, "b"), ("b", LINK, "a")],
    "a folder that is not there": [("f", FILE, ""), ("a", LINK, "no/../f")],
    "a hard link to a link": [
        ("p/q/r", FILE, ""),
        ("p/q/d", LINK, "../.."),
        ("h", HARD, "p/q/d"),
        ("e", LINK, "h/x"),
    ],
    "two links of one name": [("p/r", FILE, ""), ("l", LINK, "p"), ("l", LINK, "p/r"), ("e", LINK, "l/x")],
    "too many links": [
        ("f", FILE, ""),
        *((f"l{n}", LINK, f"l{n + 1}") for n in range(41)),
        ("l41", LINK, "f"),
    ],
}
INSIDE: dict[str, list[Row]] = {
    "a library": [("lib/l.so.1", FILE, ""), ("lib/l.so", LINK, "l.so.1"), ("usr/l.so", LINK, "../lib/l.so")],
    "two dots in front of a name": [("..data/x", FILE, ""), ("l", LINK, "..data/x")],
    "absolute": [("f", FILE, ""), ("l", LINK, "/etc/passwd"), ("m", LINK, "l/../../y")],
    "to another package": [("usr/share/doc/a/f", FILE, ""), ("usr/share/doc/b", LINK, "../../lib/none")],
}


def tar_of(path: Path, rows: Sequence[Row]) -> Path:
    """Write a tar."""
    with tarfile.open(path, "w") as made:
        for name, kind, target in rows:
            item = tarfile.TarInfo(name)
            item.type, item.linkname, item.size = kind, target, 2 if kind == FILE else 0
            item.mode = 0o755 if kind == FOLDER else 0o644
            made.addfile(item, io.BytesIO(b"x\n"))
    return path


def zip_of(path: Path, rows: Sequence[Row]) -> Path:
    """Write a zip, which knows symbolic links alone."""
    with zipfile.ZipFile(path, "w") as made:
        for name, kind, target in rows:
            item = zipfile.ZipInfo(name)
            item.create_system = 3
            item.external_attr = (0o120777 if kind == LINK else 0o100644) << 16
            made.writestr(item, target if kind == LINK else "x\n")
    return path


def said(path: Path) -> dict[str, str]:
    """Return what the walk says of links, by their names."""
    found = {}
    for finding in audit(path, jobs=1).findings:
        if finding.rule.id in ("walk/link-escape", "walk/link-unsettled"):
            found[finding.where.rpartition("!/")[2]] = finding.rule.id.removeprefix("walk/link-")
    return found


def refused(path: Path, folder: Path) -> bool:
    """Return whether a host refuses to unpack it; what it refuses leaves nothing behind."""
    folder.mkdir()
    try:
        unpack(str(path), str(folder))
    except Failed:
        assert not list(folder.iterdir())
        return True
    return False


@pytest.mark.parametrize("case", ESCAPES)
def test_a_link_that_leaves_the_folder_is_found_and_not_unpacked(tmp_path: Path, case: str) -> None:
    path = tar_of(tmp_path / "b.tar", ESCAPES[case])
    assert "escape" in said(path).values()
    assert "escape" in said(zip_of(tmp_path / "b.zip", ESCAPES[case])).values()
    assert refused(path, tmp_path / "work")


@pytest.mark.parametrize("case", UNSETTLED)
def test_a_link_that_nobody_can_follow_is_said_and_not_unpacked(tmp_path: Path, case: str) -> None:
    path = tar_of(tmp_path / "b.tar", UNSETTLED[case])
    assert "unsettled" in said(path).values()
    assert refused(path, tmp_path / "work")


@pytest.mark.parametrize("case", INSIDE)
def test_a_link_that_stays_inside_is_nothing_to_say_of(tmp_path: Path, case: str) -> None:
    path = tar_of(tmp_path / "b.tar", INSIDE[case])
    assert not said(path)
    assert not said(zip_of(tmp_path / "b.zip", INSIDE[case]))
    assert not refused(path, tmp_path / "work")


@pytest.mark.parametrize("name", ["l/x", "l/../x", "l"])
def test_a_host_writes_nothing_through_a_link(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rows = [("l", LINK, str(outside)), (name, FILE, "")]
    unpacked = not refused(tar_of(tmp_path / "b.tar", rows), tmp_path / "work")
    assert unpacked == (name == "l/../x")  # written where its name says, which is beside the link
    assert not list(outside.iterdir())


def drawn(rng: random.Random) -> list[Row]:
    """Draw an archive: folders, files, links to ancestors with `..` behind them, chains, hard links and absolute links."""
    folders = ["", "a", "a/b", "a/b/c", "d", "d/e"]
    rows: list[Row] = [(f"{folder}/f".lstrip("/"), FILE, "") for folder in folders]
    names = [name for name, _, _ in rows]
    for number in range(rng.randint(1, 6)):
        name = f"{rng.choice(folders)}/l{number}".lstrip("/")
        kind = rng.random()
        if kind < 0.1:
            rows.append((name, HARD, rng.choice(names)))
        elif kind < 0.2:
            rows.append((name, LINK, "/" + rng.choice(names)))
        else:
            words = [rng.choice(["..", "..", ".", *names, *folders[1:]]) for _ in range(rng.randint(1, 5))]
            rows.append((name, LINK, "/".join(words)))
        names.append(name)
    links = rows[len(folders) :]
    rng.shuffle(links)
    hard = [row for row in links if row[1] == HARD]  # behind what they name, else no unpacker makes them
    return [*rows[: len(folders)], *(row for row in links if row[1] != HARD), *hard]


@pytest.mark.parametrize("seed", range(60))
def test_the_walk_and_the_host_agree_with_what_gnu_tar_unpacks(tmp_path: Path, seed: int) -> None:
    rows = drawn(random.Random(seed))
    path = tar_of(tmp_path / "b.tar", rows)
    root = tmp_path / "unpacked"
    root.mkdir()
    subprocess.run(
        ["tar", "-xf", str(path), "-C", str(root), "--no-same-owner"], capture_output=True, check=False
    )
    found = said(path)
    absolute = any(target.startswith("/") for _, kind, target in rows if kind == LINK)
    for name, kind, _ in rows:
        if kind != LINK or not (root / name).is_symlink():
            continue
        real = os.path.realpath(root / name)
        outside = not f"{real}/".startswith(f"{root}/")
        if outside and not absolute:
            assert name in found, (name, rows)
        if found.get(name) == "escape" and not absolute:
            assert outside, (name, rows)
    if found or any(kind == HARD for _, kind, _ in rows):
        assert refused(path, tmp_path / "work")
    else:
        assert not refused(path, tmp_path / "work")
        for name, kind, target in rows:
            if kind == LINK:
                assert (tmp_path / "work" / name).readlink() == Path(target)
