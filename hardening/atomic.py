"""A file written whole or left as it was: the one way in which this program puts a new content in an old one's place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of what `path` holds, as `part` does. Errors: OSError."""
    with part(path) as new:
        new.write_bytes(data)


@contextmanager
def part(path: Path) -> Iterator[Path]:
    """Yield an empty file to fill, which is put in the place of what `path` holds, on the disk before this ends; a link stays one.

    An old file's owner and mode are the new one's, for what runs as another user has to read it still; until it has them,
    nobody but us reads it. Errors: OSError (as with every other error, the old file is as it was, and nothing else is left).
    """
    place = Path(os.path.realpath(path))
    known = place.stat() if place.exists() else None
    new = place.with_name(f".{place.name[:48]}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if known else 0o666)
    try:
        yield new
        if known:
            with suppress(OSError):  # another user's file, and we are not root
                os.fchown(handle, known.st_uid, known.st_gid)
            os.fchmod(handle, stat.S_IMODE(known.st_mode))
        os.fsync(handle)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    _on_disk(place.parent)


def _on_disk(folder: Path) -> None:
    """Bring the name onto the disk too; the content is whole already where a file system cannot do that for a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
