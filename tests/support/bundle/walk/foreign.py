"""Archives that other projects test themselves with: honest, odd, damaged and made to hurt. Fetched once into .cache/."""

from __future__ import annotations

import binascii
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[4] / ".cache" / "foreign"
DEBIAN = ("libarchive", "libcommons-compress-java", "diffoscope", "lhasa", "libmspack", "cabextract", "libarchive-zip-perl", "xz-utils", "rpm")  # fmt: skip
"""Source packages of the distribution."""
PYPI = ("rarfile", "patool")
"""Source distributions."""
LEAST = {
    "libarchive": 300,
    "libcommons-compress-java": 150,
    "lhasa": 100,
    "xz-utils": 50,
    "rarfile": 40,
    "diffoscope": 40,
}
"""How many archives a package has at least: a fetch that found none would pass every test."""
_ARCHIVE = re.compile(
    r"\.(?:zipx?|rar|7z|tar|tgz|tbz2?|txz|tlz|gz|bz2|xz|lzma|lz|zst|lz4|cab|cpio|iso|deb|rpm|a|ar|lha|lzh|lzs|arj|Z|lzo|jar|xar|exe)$",
    re.IGNORECASE,
)


def missing(what: str) -> None:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def archives(package: str) -> list[Path]:
    """Return the archives of a package's sources, each content once."""
    folder = CACHE / "archives" / package
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # apt's lists are for one at a time, and tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        _fetch(package, folder)
    found = sorted(folder.iterdir())
    assert len(found) >= LEAST.get(package, 5), f"{package} has {len(found)} archives"
    return found


def _fetch(package: str, folder: Path) -> None:
    if not folder.is_dir():
        packed = _of_debian(package) if package in DEBIAN else _of_pypi(package)
        part = folder.with_name(f"{package}.{os.getpid()}")
        part.mkdir(parents=True)
        seen: set[bytes] = set()
        for name, data in _in(packed):
            if data and (digest := hashlib.sha256(data).digest()) not in seen:
                seen.add(digest)
                (part / f"{len(seen):04d}-{name}").write_bytes(data)
        part.rename(folder)


def _in(packed: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(packed) as sources:
        for one in sources:
            name = Path(one.name).name
            if not one.isfile() or not _ARCHIVE.search(name.removesuffix(".uu")):
                continue
            content = sources.extractfile(one)
            assert content is not None
            data = content.read()
            yield name.removesuffix(".uu"), _undone(data) if name.endswith(".uu") else data


def _undone(text: bytes) -> bytes:
    """Undo uuencode, whose lines some encoders end with letters too many."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(b"begin "):
            break
    out = []
    with suppress(binascii.Error):  # one of libarchive's own is not what it should be
        for line in lines:
            if line in (b"end", b"`", b""):
                break
            out.append(binascii.a2b_uu(line[: 1 + ((line[0] - 32 & 63) + 2) // 3 * 4]))
    return b"".join(out)


def _of_debian(package: str) -> Path:
    folder = CACHE / "debian" / package
    if not list(folder.glob("*.tar.*")):
        parts = CACHE / "apt" / "sources"
        for one in (
            parts,
            CACHE / "apt" / "lists" / "partial",
            CACHE / "apt" / "cache" / "archives" / "partial",
        ):
            one.mkdir(parents=True, exist_ok=True)
        _with_sources(parts)
        options = [f"-oDir::Etc::sourceparts={parts}", "-oDir::Etc::sourcelist=/dev/null",
                   f"-oDir::State::lists={CACHE / 'apt' / 'lists'}", f"-oDir::Cache={CACHE / 'apt' / 'cache'}"]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        if not any((CACHE / "apt" / "lists").glob("*Sources*")):
            _ran("apt-get", "-qq", *options, "update", cwd=folder)
        if not any((CACHE / "apt" / "lists").glob("*Sources*")):
            pytest.skip(
                "the distribution's mirror has no source packages"
            )  # which no machine can do anything about
        _ran("apt-get", "-qq", *options, "source", "--download-only", package, cwd=folder)
    for found in sorted(folder.glob("*.tar.*")):
        if not re.search(r"\.debian\.tar|\.(?:asc|dsc)$", found.name):
            return found
    missing(f"the sources of Debian's package {package} are not to be had: apt-get source {package}")
    raise AssertionError


def _with_sources(parts: Path) -> None:
    """Write the machine's own list of mirrors once more, for sources."""
    for one in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")):
        if one.is_file() and one.suffix in (".list", ".sources"):
            text = re.sub(
                r"(?m)^(Types:\s*)deb\b.*$|^deb ",
                lambda m: f"{m[1]}deb-src" if m[1] else "deb-src ",
                one.read_text(),
            )
            stanzas = (
                [text]
                if one.suffix == ".list"
                else [part for part in re.split(r"\n\s*\n", text) if "file:" not in part]
            )
            (parts / one.name).write_text("\n\n".join(stanzas) + "\n")


def _of_pypi(package: str) -> Path:
    folder = CACHE / "pypi" / package
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.tar.gz")):
        _ran(
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            package,
            cwd=folder,
        )
    for found in folder.glob("*.tar.gz"):
        return found
    missing(f"PyPI's package {package} is not to be had: pip download --no-binary :all: {package}")
    raise AssertionError


def _ran(*command: str, cwd: Path) -> None:
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, cwd=cwd, capture_output=True, timeout=300, check=False)
