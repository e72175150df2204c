"""The verb `list`: what is below the given paths."""

import base64
import errno
import json
import os
import re
import stat
import sys
import zlib

from hardening.onhost.collect.beginnings import begins, kind_of
from hardening.onhost.collect.paths import inside, matching, mounted, real, why
from hardening.onhost.collect.rules import Rules
from hardening.onhost.shared.closed import closed_folder
from hardening.onhost.shared.texts import native, shown

MOST_FILES = 300000
"""Files of one host that are listed."""
MOST_TOPS = 200
"""Folders outside the given ones to which links lead, and that are listed, too."""
LOCAL = frozenset(
    "rootfs ext2 ext3 ext4 xfs btrfs zfs jfs reiserfs f2fs bcachefs nilfs2 tmpfs ramfs overlay aufs vfat exfat ntfs ntfs3 "
    "fuseblk squashfs erofs iso9660 udf ubifs jffs2 yaffs2 cramfs".split()
)
"""Types of file systems that lie on the host itself."""
SYSTEM = re.compile(
    r"/(?:usr(?!/local(?:/|$))|lib\w*|bin|sbin|proc|sys|dev|run|boot|tmp|var/(?:lib|log|cache|run|tmp|lock|adm))(?:/|$)"
)
"""Where links are not followed to: the distribution's own programs, what runs, logs."""


class Listing(object):
    """Lists what is below the given paths."""

    def __init__(self, request):
        self.root = native(request.get("root") or "/").rstrip("/")
        self.mounts = mounted(self.root)
        self.given = [real(self.root, native(one)) for one in request.get("given", ())]
        whole = [real(self.root, native(one)) for one in request.get("whole", ())]
        self.rules = Rules(request.get("rules", ()), whole)
        self.rows, self.left, self.ruled, self.tops, self.full = [], {}, {}, [], False

    def answer(self, patterns, follow):
        """Return the rows of every path that these patterns mean, and of what links there lead to."""
        for pattern in patterns:
            found = matching(self.root, native(pattern))
            found = [path for path in found if path in self.mounts or os.path.lexists(self.root + path)]
            self.tops.extend(path for path in found if path not in self.tops)
            if not found:
                folder = closed_folder(self.root + native(pattern))
                if folder:
                    self.leave(folder[len(self.root) :], "cannot be listed: Permission denied")
        done = []
        for path in self.tops:  # it grows by what links lead to
            if not inside(path, done):
                done.append(path)
                for folder in above(path):
                    self.row(folder)
                self.walk(path, follow)
        packed = zlib.compress(
            json.dumps({"files": self.rows, "left": self.left, "ruled": self.ruled}).encode("ascii"), 1
        )
        return {"packed": base64.b64encode(packed).decode("ascii")}

    def row(self, path, kind="", seen=None):
        """Keep what is known of one path."""
        try:
            seen = seen or os.lstat(self.root + path)
            link = shown(os.readlink(self.root + path)) if stat.S_ISLNK(seen.st_mode) else ""
        except OSError:
            return
        self.rows.append([shown(path), seen.st_mode, seen.st_uid, seen.st_gid, seen.st_size, kind, link])

    def leave(self, path, reason):
        """Name what was not looked at."""
        self.left[shown(path)] = reason

    def by_rule(self, name, path, size):
        """Count what a rule leaves out."""
        count, total, first = self.ruled.get(name, (0, 0, shown(path)))
        self.ruled[name] = (count + 1, total + size, first)

    def walk(self, top, follow):
        """List a path and everything under it, without recursion: folders can be nested as deep as a name is long."""
        todo = [(top, ())]
        while todo:
            path, runtimes = todo.pop()
            if len(self.rows) >= MOST_FILES:
                self.leave(path, "more than %d files" % MOST_FILES)
                return
            mount = self.mounts.get(path)
            if (
                mount is not None
                and mount not in LOCAL
                and not any(inside(one, [path]) for one in self.given)
            ):
                self.leave(path, "another file system (%s)" % mount)
                continue
            try:
                seen = os.lstat(self.root + path)
            except OSError:
                if sys.exc_info()[1].errno != errno.ENOENT:
                    self.leave(path, why())
                continue
            if stat.S_ISDIR(seen.st_mode):
                self.row(path, seen=seen)
                try:
                    names = sorted(os.listdir(self.root + path))
                except OSError:
                    self.leave(path, why().replace("read", "listed"))
                    continue
                runtime = self.rules.runtime(self.root + path, names)
                if runtime is not None:
                    runtimes = ((path, runtime),) + runtimes  # noqa: RUF005 - Python 2.6 has no other way
                todo.extend((path.rstrip("/") + "/" + name, runtimes) for name in reversed(names))
            elif stat.S_ISLNK(seen.st_mode):
                self.row(path, seen=seen)
                if follow:
                    self.lead(path)
            elif stat.S_ISREG(seen.st_mode):
                self.file(path, seen, runtimes)
            elif stat.S_ISSOCK(seen.st_mode):
                self.by_rule("sockets", path, 0)
            else:
                self.leave(path, "is neither a file nor a folder")

    def file(self, path, seen, runtimes):
        """List a plain file, or count the rule that leaves it out."""
        place = self.root + path
        name = self.rules.by_path(path, place, runtimes)
        head = b""
        if name is None and seen.st_size:
            try:
                head = begins(place)
            except (OSError, IOError):
                self.row(path, seen=seen)
                self.leave(path, why())
                return
            name = self.rules.by_content(path, head)
        if name is not None:
            self.by_rule(name, path, seen.st_size)
        else:
            self.row(path, kind_of(head), seen)

    def lead(self, path):
        """Add what a link leads to outside of every given path, unless it is the distribution's own."""
        target = real(self.root, path)
        if not inside(target, self.tops) and not SYSTEM.match(target) and target != "/":
            if os.path.exists(self.root + target):
                if len(self.tops) < MOST_TOPS:
                    self.tops.append(target)
                else:
                    self.leave(target, "too many links lead to other folders")


def above(path):
    """Return the folders above a path, outermost first."""
    names = path.strip("/").split("/")[:-1]
    return ["/"] + ["/" + "/".join(names[: count + 1]) for count in range(len(names))]
