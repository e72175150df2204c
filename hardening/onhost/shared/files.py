"""Reads and removes files and folders; links and pipes in their place do no harm."""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys

from hardening.onhost.shared.texts import PY3


def read(path):
    """Return a file's bytes."""
    handle = open(path, "rb")
    try:
        return handle.read()
    finally:
        handle.close()


def plain_file(path):
    """Return a plain file opened for reading: never what a link leads to, nor a pipe that nobody fills."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a plain file", path)
    return os.fdopen(descriptor, "rb")


def content(path):
    """Return the bytes of a plain file."""
    handle = plain_file(path)
    try:
        return handle.read()
    finally:
        handle.close()


def sync_dir(path):
    """Force a directory's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path):
    """Remove a file, a link or a tree that may be absent."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            os.unlink(path)
    except (OSError, IOError):  # a read-only file system says so of a name that it does not hold, too
        if sys.exc_info()[1].errno != errno.ENOENT and os.path.lexists(path):
            raise


def remove_tree(path):
    """Remove a directory and what is in it; Python 2's own way follows a link that is put in the place of a folder."""
    if PY3 or not os.path.isdir("/proc/self/fd"):
        shutil.rmtree(path)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in os.listdir("/proc/self/fd/%d" % descriptor):
            here = "/proc/self/fd/%d/%s" % (descriptor, name)
            if stat.S_ISDIR(os.lstat(here).st_mode):
                remove_tree(here)
            else:
                os.unlink(here)
    finally:
        os.close(descriptor)
    os.rmdir(path)


def make_dirs(path, mode=0o700):
    """Create the agent's own directory with its parents."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            make_dirs(parent, 0o755)
        try:
            os.mkdir(path, mode)
        except OSError:
            if not os.path.isdir(path):  # a run beside us may have been quicker
                raise
        sync_dir(parent)


def libc():
    """Return the C library."""
    return ctypes.CDLL(None, use_errno=True)


def is_absent(path):
    """Whether a path is not there; one that the disk cannot show just now is not absent."""
    try:
        os.lstat(path)
        return False
    except OSError:
        return sys.exc_info()[1].errno in (errno.ENOENT, errno.ENOTDIR)


def digest_of(path):
    """Return the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    handle = open(path, "rb")
    try:
        while True:
            chunk = handle.read(1 << 20)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
    finally:
        handle.close()
