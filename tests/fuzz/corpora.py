"""The kept corpora: one zip for each target, small inputs that between them reach everything fuzzing has reached."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

HOME = Path(__file__).parent / "corpus"
LARGEST = 40 << 10
"""Bytes of one kept corpus, packed: it lies in the repository."""


def kept(group: str, target: str) -> dict[str, bytes]:
    """Return the inputs kept for a target, by name."""
    path = HOME / group / f"{target}.zip"
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def keep(group: str, target: str, folder: Path) -> int:
    """Pack a folder of inputs, the shortest first, until the zip is large enough; return how many were kept."""
    path = HOME / group / f"{target}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = sorted(
        {one.read_bytes() for one in folder.iterdir() if one.is_file()}, key=lambda data: (len(data), data)
    )
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for data in inputs:
            archive.writestr(
                zipfile.ZipInfo(hashlib.sha256(data).hexdigest()[:16]), data, zipfile.ZIP_DEFLATED
            )
            count += 1
            if archive.fp is not None and archive.fp.tell() > LARGEST:
                break
    return count
