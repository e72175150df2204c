"""Lets the real program judge new files before anything changes, in a private mount namespace."""

import ctypes
import errno
import json
import os
import shutil
import stat
import sys

from hardening.onhost.shared.copying import write
from hardening.onhost.shared.files import libc, remove
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import raw_path, shown

STAGE_LIMIT = 32 * 1024 * 1024
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18


def _mount(source, target, kind, flags):
    source, target = raw_path(source or "none"), raw_path(target)
    if libc().mount(source, target, kind, ctypes.c_ulong(flags), None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), shown(target))


def _free_corner(entries, validators):
    words = " ".join([shown(e["path"]) for e in entries] + [" ".join(v["argv"]) for v in validators])
    for corner in ("/mnt", "/media", "/srv", "/opt"):
        if os.path.isdir(corner) and corner + "/" not in words:
            return corner
    raise OSError(errno.ENOENT, "no directory to stage in")


def _private(corner, path):
    """Refuse to touch anything that is not on the namespace's own file system."""
    if os.stat(os.path.dirname(path)).st_dev != os.stat(corner).st_dev:
        raise OSError(errno.EXDEV, "not staged", path)


def _stage_dir(corner, folder, counter, hidden):
    """Lay a private copy of one directory over it, so that new and removed entries can be shown."""
    copy = os.path.join(corner, "dir%d" % counter)
    os.mkdir(copy)
    total = 0
    for name in os.listdir(folder):
        here, there = os.path.join(folder, name), os.path.join(copy, name)
        status = os.lstat(here)
        if here in hidden:
            continue
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(here), there)
        elif stat.S_ISDIR(status.st_mode):
            os.mkdir(there)
            _mount(here, there, None, MS_BIND | MS_REC)
        elif stat.S_ISREG(status.st_mode):
            total += status.st_size
            if total > STAGE_LIMIT:
                raise OSError(errno.EFBIG, "too large to stage", folder)
            shutil.copyfile(here, there)
            os.chown(there, status.st_uid, status.st_gid)
            os.chmod(there, stat.S_IMODE(status.st_mode))
    shutil.copymode(folder, copy)
    _mount(copy, folder, None, MS_BIND | MS_REC)


def _stage(corner, entries):
    folders, counter = set(), 0
    hidden = set(entry["path"] for entry in entries if entry["op"] == "remove")
    for entry in entries:
        if entry["op"] == "write" and entry["old"]:
            continue
        parent = os.path.dirname(entry["path"])
        while not os.path.isdir(parent):
            parent = os.path.dirname(parent)
        folders.add(parent)
    for folder in sorted(folders, key=lambda path: (path.count("/"), path)):
        _stage_dir(corner, folder, counter, hidden)
        counter += 1
    for entry in entries:
        path, new = entry["path"], entry["new"]
        if entry["op"] == "mkdir" and not os.path.isdir(path):
            _private(corner, path)
            os.mkdir(path, new["mode"])
        elif entry["op"] == "write":
            target = path
            if entry["old"] and os.path.dirname(path) not in folders:
                target = os.path.join(corner, "file%d" % counter)
                counter += 1
            _private(corner, target)
            remove(target)
            write(target, entry["content"])
            os.chown(target, new["uid"], new["gid"])
            os.chmod(target, new["mode"])
            if target != path:
                _mount(target, path, None, MS_BIND)


def validate_staged(host, entries, validators):
    """Run the validators where they see the new files, in a mount namespace that nobody else sees.

    Returns one row per validator, or [] with the reason where the kernel or the rights do not allow it.
    """
    if not validators or not entries:
        return [], ""
    if [e for e in entries if e["op"] not in ("write", "mkdir", "remove")]:
        return [], "not staged"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = {"rows": [], "why": ""}
        try:
            try:
                os.close(reader)
                corner = _free_corner(entries, validators)
                if libc().unshare(CLONE_NEWNS) != 0:
                    raise OSError(ctypes.get_errno(), "no mount namespace")
                _mount(None, "/", None, MS_REC | MS_PRIVATE)
                _mount("tmpfs", corner, b"tmpfs", 0)
                _stage(corner, entries)
                answer["rows"] = run_validators(host, validators, "staged")
            except Exception:
                answer["why"] = str(sys.exc_info()[1])
            data = json.dumps(answer).encode("ascii")
            while data:
                data = data[os.write(writer, data) :]
        finally:
            os._exit(0)
    os.close(writer)
    chunks = []
    while True:
        chunk = os.read(reader, 65536)
        if not chunk:
            break
        chunks.append(chunk)
    os.close(reader)
    os.waitpid(child, 0)
    answer = json.loads(b"".join(chunks).decode("ascii") or '{"rows": [], "why": "it died"}')
    return answer["rows"], answer["why"]


def run_validators(host, validators, stage):
    """Run the validators here and now."""
    rows = []
    for one in validators:
        code, output = run(one["argv"], one.get("timeout", 60))
        rows.append({"name": one["name"], "stage": stage, "rc": code, "output": host.masked(output)})
    return rows


def refuse_invalid(rows, error):
    """Raise when a validator said no."""
    for row in rows:
        if row["rc"] != 0:
            raise error("%s rejects the %s files: %s" % (row["name"], row["stage"], row["output"].strip()))
