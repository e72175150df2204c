"""Restores declared paths from their copies."""

import os
import sys

from hardening.onhost.agent.placing import PREFIX
from hardening.onhost.shared.copying import copy_file
from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import make_dirs, remove
from hardening.onhost.shared.held import Held
from hardening.onhost.shared.metadata import (
    apply_metadata,
    is_immutable,
    is_own_xattr,
    look,
    same,
    same_but_xattrs,
)
from hardening.onhost.shared.texts import lossless, native, shown
from hardening.onhost.upgrader.backup import shown_below, tree_rows


def hold_below(path, below):
    """Hold a folder at or below a declared path: its account may put a link in the place of any of them meanwhile."""
    names = [os.path.basename(path)] + [one for one in below.split("/") if one not in ("", ".")]
    return Held(os.path.dirname(path), names)


def hold_parent(path, name):
    """Hold the folder that a declared path, or something below it, lies in."""
    return hold_below(path, os.path.dirname(native(name))) if name else Held(os.path.dirname(path))


def leaf_of(path, name):
    """Return the name of a declared path, or of something below it, in its folder."""
    return os.path.basename(native(name) or path)


def restore_path(path, entries, copies):
    """Make a declared path what it was: contents, owners, modes, times, attributes; return how many were changed.

    What is too much goes first, which frees a full disk; a file is replaced by rename, and one that is right stays.
    """
    wanted, changed = dict((row[0], row[1]) for row in entries), 0
    root_kind = wanted.get("", {}).get("kind")
    if os.path.isdir(os.path.dirname(path)):
        with hold_parent(path, "") as place:
            now = look(place.at(leaf_of(path, "")), digest=False)
            if now is not None and now["kind"] != "special" and now["kind"] != root_kind:
                remove(place.at(leaf_of(path, "")))
                changed += 1
    if root_kind is None:
        return changed
    if root_kind == "dir" and os.path.isdir(path):
        changed += remove_extra(path, wanted)
    if not os.path.isdir(os.path.dirname(path)):
        make_dirs(os.path.dirname(path), 0o755)
    for number, (name, want) in enumerate(entries):
        with hold_parent(path, name) as place:
            changed += restore_one(place, leaf_of(path, name), want, os.path.join(copies, "%d" % number))
    for name, want in reversed(entries):
        if want["kind"] == "dir":
            with hold_parent(path, name) as place:
                here = place.at(leaf_of(path, name))
                if not is_unchanged(look(here), want):
                    apply_metadata(here, want)
    return changed


def remove_extra(path, wanted):
    """Remove what is below a declared folder and was not there, or was of another kind; return how many."""
    changed = 0
    for folder, folders, names in os.walk(path, topdown=False):
        with hold_below(path, os.path.relpath(folder, path)) as place:
            for name in folders + names:
                here = place.at(name)
                seen = look(here, digest=False)
                want = wanted.get(lossless(os.path.relpath(os.path.join(folder, name), path)))
                if seen is None or seen["kind"] == "special":
                    continue
                if want is None or want["kind"] != seen["kind"]:
                    remove(here)
                    changed += 1
    return changed


def is_unchanged(now, want):
    """Whether it is so already, time included: what cannot be changed, as on a disk that is read-only, need not be."""
    return same(now, want) and (want["kind"] == "link" or now["mtime_ns"] // 1000 == want["mtime_ns"] // 1000)


def restore_one(place, leaf, want, copy):
    """Make one file, link or directory in a folder that is held what it was; return 1 when it was not."""
    here, fresh = place.at(leaf), place.at(PREFIX + "back")
    name, now = shown(os.path.join(place.path, leaf)), look(here)
    if want["kind"] == "dir":
        if now is None:
            os.mkdir(here, 0o700)
        return int(not same_but_xattrs(now, want))
    if is_unchanged(now, want):
        return 0
    remove(fresh)
    if want["kind"] == "link":
        os.symlink(native(want["target"]), fresh)
        apply_metadata(fresh, want)
    elif copy_file(copy, fresh, want) != want["sha256"]:
        remove(fresh)
        raise Failed("the kept copy of %s is damaged" % name)
    try:
        os.rename(fresh, here)
    except OSError:  # Python 2 does not say of which file
        word = "it is immutable or append-only, chattr -i -a it" if is_immutable(here) else ""
        word = word or sys.exc_info()[1].strerror
        raise Failed("%s cannot be restored: %s" % (name, word))
    return int(not same_but_xattrs(now, want))


def check_restored(host, before):
    """Look at every declared path once more; return what is not as it was."""
    problems = []
    for one in before["paths"]:
        now = dict((row[0], row[1]) for row in tree_rows(host.place(one["path"])))
        wanted = dict((row[0], row[1]) for row in one["entries"])
        for name in sorted(set(now) | set(wanted)):
            if not same(own_metadata(now.get(name)), own_metadata(wanted.get(name))):
                problems.append("%s is not as it was" % shown_below(one["path"], name))
    return problems


def own_metadata(seen):
    """Return a look without the attributes that a file system or its policy gives by itself."""
    return seen and dict(
        seen, xattrs=dict(pair for pair in seen.get("xattrs", {}).items() if is_own_xattr(pair[0]))
    )
