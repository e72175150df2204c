"""A file written whole or left as it was: the one way in which this program puts a new content in an old one's place."""

from __future__ import annotations

import errno
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
    nobody but us reads it. Errors: OSError (as with every other error, the old file is as it was, and nothing else is left);
    PermissionError where what is there, or a link on the way, was laid by somebody else in a folder such as /tmp.
    """
    place = _place(path)
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


_LINKS = 40
"""Links on the way to a file that are followed, as Linux does."""


def _place(path: Path) -> Path:
    """Return where a file lies behind all links. Errors: PermissionError, OSError (they lead in a circle).

    The kernel refuses to open what `fs.protected_symlinks` and `fs.protected_regular` speak of; a rename asks neither.
    """
    here, left, links = Path("/"), list(reversed(Path(os.path.abspath(path)).parts[1:])), 0  # noqa: PTH100 - links are followed here
    while left:
        name = left.pop()
        below = here.parent if name == ".." else here / name
        if name == ".." or not os.path.lexists(below):
            here = below
            continue
        link = below.is_symlink()
        if (link or not left) and _strange(below):
            raise PermissionError(
                errno.EACCES, "another account's, in a folder that everybody may write to", str(below)
            )
        if link:
            target, links = below.readlink(), links + 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            here = Path("/") if target.is_absolute() else here
            left += reversed([one for one in target.parts if one != "/"])
        else:
            here = below
    return here


def _strange(path: Path) -> bool:
    """Whether something in a folder of mode 1777 is neither ours nor the folder's owner's."""
    folder = path.parent.stat()
    shared = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    return bool(shared) and path.lstat().st_uid not in (os.geteuid(), folder.st_uid)


def _on_disk(folder: Path) -> None:
    """Bring the name onto the disk too; the content is whole already where a file system cannot do that for a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
