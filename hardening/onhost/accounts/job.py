"""The job, and the folder of a rotation, which outlives the plan's own files."""

import json
import os
import shutil
import sys

KEPT = 20


def loaded(path):
    """Return a JSON file."""
    handle = open(path, "rb")
    try:
        return json.loads(handle.read().decode("utf-8"))
    finally:
        handle.close()


def written(path, data):
    """Write a file whole that only its owner can read, from its first byte on."""
    new = path + ".new"
    if os.path.lexists(new):  # an earlier attempt was cut off
        os.remove(new)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(new, path)


def at_home(job):
    """Return whether the job is the copy that an undo uses."""
    return os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(job["path"])))) == "rotations"


def home(job):
    """Return the folder of this rotation, which outlives the plan's own files."""
    folder = os.path.dirname(os.path.abspath(job["path"]))
    return folder if at_home(job) else os.path.join(folder, "rotations", job["id"])


def settle(job):
    """Keep this program, the job and the store where an undo finds them; drop the oldest of such folders."""
    if at_home(job):
        return
    mine = home(job)
    rotations = os.path.dirname(mine)
    if not os.path.isdir(mine):
        os.makedirs(mine, 0o700)
    os.chmod(rotations, 0o700)
    for source, name in (
        (os.path.abspath(sys.argv[0]), "accounts.pyz"),
        (job["path"], "job.json"),
        (job["store"], "store.json"),
    ):
        if not os.path.exists(os.path.join(mine, name)):
            handle = open(source, "rb")
            try:
                written(os.path.join(mine, name), handle.read())
            finally:
                handle.close()
    all_of_them = sorted(
        os.listdir(rotations), key=lambda one: os.path.getmtime(os.path.join(rotations, one))
    )
    for one in all_of_them[:-KEPT]:
        shutil.rmtree(os.path.join(rotations, one), ignore_errors=True)
