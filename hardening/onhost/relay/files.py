"""Files that survive a crash."""

import errno
import json
import os
import stat
import uuid

LONGEST_NOTE = 1 << 24  # bytes of what is noted of a mail or a delivery


def sync_folder(folder):
    """Write a folder's entries to disk."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durably(folder, name, data):
    """Write a file so that it is there, whole, when this returns."""
    hidden = os.path.join(folder, ".%s.%d.%s" % (name, os.getpid(), uuid.uuid4().hex[:8]))
    fd, whole = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), False
    try:
        try:
            view = data
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(hidden, os.path.join(folder, name))
        whole = True
    finally:
        if not whole:  # half a file takes the room of a whole one that is smaller
            remove(hidden)
    sync_folder(folder)


def read(path):
    """Return a file's content."""
    with open(path, "rb") as file:
        return file.read()


def read_note(path):
    """Return what the first line of one of the relay's files says. Errors: ValueError, also where a reader would wait or drown."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is not a file")
        try:
            return json.loads(file.readline(LONGEST_NOTE).decode("ascii"))
        except RuntimeError:  # brackets in brackets
            raise ValueError("it is nested too deep")


def remove(path):
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except OSError as problem:
        if problem.errno != errno.ENOENT:
            raise


def to_json(value):
    """Return a value as JSON in ASCII, always the same."""
    return json.dumps(value, sort_keys=True).encode("ascii")
