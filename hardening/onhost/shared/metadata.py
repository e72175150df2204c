"""Owner, mode, times and extended attributes of a path: read, compared and applied."""

import ctypes
import errno
import fcntl
import json
import os
import stat
import struct
import sys

from hardening.onhost.shared.files import content, libc
from hardening.onhost.shared.texts import PY3, b64, lossless, raw_path, sha256, shown, unb64

GET_MARKS = 0x80006601 | struct.calcsize("l") << 16  # FS_IOC_GETFLAGS


def _xattr_call(verb, place):
    """Return the C library's function for a path or a descriptor, and that as it wants it."""
    if isinstance(place, int):
        return getattr(libc(), "f%sxattr" % verb), place
    return getattr(libc(), "l%sxattr" % verb), raw_path(place)


def xattrs(place):
    """Return extended attributes (SELinux context, ACLs, capabilities) of a path or descriptor as {name: bytes}."""
    try:
        (listed, raw), (got, _) = _xattr_call("list", place), _xattr_call("get", place)
        names = ctypes.create_string_buffer(8192)
        size = listed(raw, names, ctypes.c_size_t(8192))
        found = {}
        for name in names.raw[: max(size, 0)].split(b"\0"):
            value = ctypes.create_string_buffer(65536)
            length = got(raw, name, value, ctypes.c_size_t(65536)) if name else -1
            if length >= 0:
                found[name.decode("ascii", "replace")] = value.raw[:length]
        return found
    except (AttributeError, OSError):
        return {}


def set_xattr(place, name, value):
    """Set one extended attribute."""
    put, raw = _xattr_call("set", place)
    if put(raw, name.encode("ascii"), value, ctypes.c_size_t(len(value)), 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "cannot set %s: %s" % (name, os.strerror(code)))


def is_immutable(path):
    """Whether a file or directory has been made immutable or append-only, where its file system has such marks."""
    if os.path.islink(path) or not (os.path.isfile(path) or os.path.isdir(path)):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        word = struct.unpack("l", fcntl.ioctl(descriptor, GET_MARKS, struct.pack("l", 0)))[0]
        return bool(word & 0x30)
    except (OSError, IOError):
        return False
    finally:
        os.close(descriptor)


def is_own_xattr(name):
    """Whether an extended attribute is somebody's word, and not the file system's or the policy's own."""
    return name.startswith(("user.", "system.posix_acl_")) or name == "security.capability"


def clear_xattrs(place, seen):
    """Take away what a file has more than `seen`, such as the ACL that a folder hands down to a new file."""
    take, raw = _xattr_call("remove", place)
    for name in xattrs(place):
        if is_own_xattr(name) and name not in seen.get("xattrs", {}):
            if take(raw, name.encode("ascii")) != 0:
                code = ctypes.get_errno()
                raise OSError(code, "cannot remove %s: %s" % (name, os.strerror(code)))


def look(path, digest=True):
    """Return what is at `path` (None: nothing): kind, owner, mode, time, attributes, size and digest."""
    try:
        status = os.lstat(path)
    except (OSError, IOError):
        if sys.exc_info()[1].errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise
    seen = {
        "mode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mtime_ns": getattr(status, "st_mtime_ns", int(status.st_mtime * 1e9)),
        "xattrs": dict((name, b64(value)) for name, value in xattrs(path).items()),
    }
    if stat.S_ISREG(status.st_mode):
        seen["kind"], seen["size"] = "file", status.st_size
        if digest:
            seen["sha256"] = sha256(content(path))
    elif stat.S_ISLNK(status.st_mode):
        seen["kind"], seen["target"] = "link", lossless(os.readlink(path))
    elif stat.S_ISDIR(status.st_mode):
        seen["kind"] = "dir"
    else:
        seen["kind"] = "special"
    return seen


def apply_metadata(path, seen):
    """Give a folder, a file or a link what `clothe` gives; never to what a link in its place leads to."""
    if seen["kind"] == "link":
        status = os.lstat(path)
        if os.getuid() == 0 and (status.st_uid, status.st_gid) != (seen["uid"], seen["gid"]):
            os.lchown(path, seen["uid"], seen["gid"])
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) != (seen["kind"] == "dir"):
            raise OSError(errno.EINVAL, "is not what it was", path)
        apply_fd_metadata(descriptor, seen)
    finally:
        os.close(descriptor)


def apply_fd_metadata(descriptor, seen):
    """Give what is open the owner, mode, attributes and time of `seen`; of a look it is given no more than it had."""
    if os.getuid() == 0:
        os.fchown(descriptor, seen["uid"], seen["gid"])
    if "mtime_ns" in seen or seen.get("bare"):
        clear_xattrs(descriptor, seen)
    os.fchmod(descriptor, seen["mode"])
    for name, value in sorted(seen.get("xattrs", {}).items()):
        if name not in ("security.ima", "security.evm"):
            set_xattr(descriptor, name, unb64(value))
    if "mtime_ns" in seen:
        moment = seen["mtime_ns"]
        if PY3:
            os.utime(descriptor, ns=(moment, moment))  # novermin: Python 3 alone comes here
        else:
            os.utime("/proc/self/fd/%d" % descriptor, (moment / 1e9, moment / 1e9))


def same(one, other):
    """Whether two looks are the same thing as far as an operator can tell."""
    if one is None or other is None:
        return one is None and other is None
    keys = ("kind", "mode", "uid", "gid", "sha256", "target", "xattrs")
    if one["kind"] == "link":
        keys = ("kind", "target")
    return [one.get(key) for key in keys] == [other.get(key) for key in keys]


def same_but_xattrs(one, other):
    """Like `same`, except extended attributes, which the file system may have added by itself."""
    return same(one and dict(one, xattrs={}), other and dict(other, xattrs={}))


def tree_digest(path):
    """Return one digest over everything below a directory: names, kinds, modes, owners, contents."""
    lines = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names + folders):
            here = os.path.join(folder, name)
            seen = look(here)
            lines.append(
                json.dumps(
                    [shown(os.path.relpath(here, path))]
                    + [seen.get(k) for k in ("kind", "mode", "uid", "gid", "sha256", "target")]
                )
            )
    return sha256("\n".join(lines).encode("utf-8"))
