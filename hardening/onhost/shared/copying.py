"""Writes and copies files whole and durably."""

import errno
import hashlib
import os
import sys

from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import content, plain_file, remove, sync_dir
from hardening.onhost.shared.metadata import apply_fd_metadata, apply_metadata, look
from hardening.onhost.shared.texts import shown


def write(path, data, mode=0o600, seen=None):
    """Write a new file and force it to disk; it never exists with a wider mode than `mode`, or than `seen` has it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = data
        while view:
            view = view[os.write(descriptor, view) :]
        if mode != 0o600:
            os.fchmod(descriptor, mode)
        if seen:
            apply_fd_metadata(descriptor, seen)
        os.fsync(descriptor)
    except (OSError, IOError):  # a full disk does not say of which file
        problem = sys.exc_info()[1]
        problem.filename = problem.filename or path
        raise
    finally:
        os.close(descriptor)


def replace(path, data):
    """Write one of the agent's own files whole and durably."""
    temporary = path + ".new"
    remove(temporary)
    write(temporary, data)
    os.rename(temporary, path)
    sync_dir(os.path.dirname(path))


def copy_file(source, target, seen=None):
    """Copy a plain file to a new one and return the digest; only what is as `seen` says is given its look."""
    digest, give = hashlib.sha256(), plain_file(source)
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            while True:
                data = give.read(1 << 20)
                if not data:
                    break
                digest.update(data)
                while data:
                    data = data[os.write(descriptor, data) :]
            if seen and seen["sha256"] == digest.hexdigest():
                apply_fd_metadata(descriptor, seen)
        finally:
            os.close(descriptor)
    finally:
        give.close()
    return digest.hexdigest()


def copy_tree(source, target):
    """Copy a directory with owners, modes, attributes and times, every file forced to disk."""
    os.mkdir(target, 0o700)
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise OSError(errno.EPERM, "is somebody else's", target)
        held = "/proc/self/fd/%d" % descriptor
        _copy_into(source, held if os.path.isdir(held) else target)
        apply_fd_metadata(descriptor, look(source))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_into(source, target):
    for name in sorted(os.listdir(source)):
        here, there = os.path.join(source, name), os.path.join(target, name)
        seen = look(here, digest=False)
        if seen["kind"] == "dir":
            copy_tree(here, there)
        elif seen["kind"] == "link":
            os.symlink(os.readlink(here), there)
            apply_metadata(there, seen)
        elif seen["kind"] == "file":
            write(there, content(here), seen=seen)
        else:
            raise Refused("%s is neither a file, a link nor a directory" % shown(here))
