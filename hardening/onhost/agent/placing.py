"""Writes each new file beside its place and swaps it in with one rename."""

import errno
import os
import sys

from hardening.onhost.shared.copying import copy_tree, write
from hardening.onhost.shared.errors import Failed, Refused
from hardening.onhost.shared.files import content, read, sync_dir
from hardening.onhost.shared.held import Held
from hardening.onhost.shared.metadata import apply_metadata, look, same, tree_digest
from hardening.onhost.shared.texts import native, sha256, shown

PREFIX = ".aspect-hardening."


def held_folder(entry):
    """Return the folder of an entry, held: the one it was in when it was compared, where that is known."""
    real = entry.get("real")
    if not real:
        return Held(os.path.dirname(entry["path"]))
    return Held("/", [part for part in native(real).split("/") if part])


def beside(tx, index, what):
    """Return the name, beside its place, of an entry's new file or of the old one being kept."""
    return "%s%s.%d.%s" % (PREFIX, native(tx.name), index, what)


def places_of(tx, index, entry, folder):
    """Return where an entry, its new file and the old one being kept are, in a folder that is held."""
    leaf = os.path.basename(entry["path"])
    return [folder.at(name) for name in (leaf, beside(tx, index, "new"), beside(tx, index, "old"))]


def back_up(tx, index, entry):
    """Copy what an entry replaces into the transaction, and read the copy back."""
    old, copy = entry["old"], tx.path("old.%d" % index)
    if not old or old["kind"] == "link":
        return
    if old["kind"] == "file":
        write(copy, content(entry["path"]))
        data = read(copy)
        if len(data) != old["size"] or sha256(data) != old["sha256"]:
            raise Refused("the copy of %s does not match it" % shown(entry["path"]))
    elif old["kind"] == "dir" and "tree" in old:
        copy_tree(entry["path"], copy)
        if tree_digest(copy) != old["tree"]:
            raise Refused("the copy of %s does not match it" % shown(entry["path"]))


def stage(tx, index, entry):
    """Write an entry's new file beside its place."""
    new = entry["new"]
    with held_folder(entry) as folder:
        path, fresh, _ = places_of(tx, index, entry, folder)
        if entry["op"] == "mkdir":
            os.mkdir(path, 0o700)
            apply_metadata(path, new)
        elif entry["op"] == "write":
            # of an old file it is given no more than that had
            write(fresh, entry["content"], seen=dict(new, bare=bool(entry["old"])))
        elif entry["op"] == "link":
            os.symlink(native(new["target"]), fresh)
            apply_metadata(fresh, new)
        elif entry["op"] == "tree":
            copy_tree(entry["source"], fresh)


def swap(tx, index, entry):
    """Put an entry in its place with one rename; the old one stays beside it until the commit."""
    if entry["op"] in ("mkdir", "rmdir"):
        return
    with held_folder(entry) as folder:
        path, fresh, kept = places_of(tx, index, entry, folder)
        old = look(path)
        if not same(old, entry["old"]):
            raise Failed("%s was changed by another program meanwhile" % shown(entry["path"]))
        if entry["op"] == "remove":
            os.rename(path, kept)
            return
        try:
            if old and old["kind"] == "file":
                try:
                    os.link(path, kept)
                except OSError:
                    if sys.exc_info()[1].errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                        raise  # on a file system without links the transaction's copy has to do
            elif old:
                os.rename(path, kept)
            os.rename(fresh, path)
        except OSError:  # Python 2 does not say of which file
            problem = sys.exc_info()[1]
            word = problem.strerror
            if problem.errno in (errno.EXDEV, errno.EBUSY):
                word = "a mount point of its own"
            raise Failed("%s cannot be replaced: %s" % (shown(entry["path"]), word))
        if entry["op"] == "write":
            now, new = look(path) or {}, entry["new"]
            if (now.get("kind"), now.get("sha256")) != ("file", new["sha256"]):
                raise Failed("%s was changed by another program meanwhile" % shown(entry["path"]))


def sync_all(entries):
    """Force every directory that was touched to disk, once."""
    for folder in sorted(set(os.path.dirname(entry["path"]) for entry in entries)):
        if os.path.isdir(folder):
            sync_dir(folder)
