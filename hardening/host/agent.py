# -*- coding: utf-8 -*-
"""The agent: one file, standard library, Python 2.6 to 3.14, that changes a host as one transaction.

It is streamed over a connection (`hardening.host.stream`) or run where it was installed:

    agent.py facts|status|recover|rollback|confirm|watch [--root DIR] [--state DIR] [--id ID] [--boot] [--check] [--force]
    agent.py check|apply|verify < plan.json

A plan is a JSON object; every part is optional:

    label       a word for people
    files       [{path, content (Base64), mode "0644", owner, group, secontext, secret, mkdir, follow, expect_sha256,
                from}]               `from`: a file of this host whose content comes first; always a secret
    remove      [{path}]                 files and whole directories; a copy stays in the transaction
    commands    [{name, do, undo, check}]         `check` exiting 0 means it is so already
    validators  [{name, argv, timeout}]  run on the staged files in a mount namespace, and again once placed
    services    [{name, action, argv, paths, starts}]     after a change (of one of `paths`, where given); `starts`: one
                that does not run is started by its restart; else it is left stopped
    probes      [{kind, ...}]            tcp, tls, listen, absent, command, path; see PROBES
    settle      seconds to wait before the probes are asked a second time
    deadman     seconds within which `confirm` has to come, else everything is undone
    install     true: keep a copy of the agent and its boot-time recovery on the host
    keep        how many finished transactions stay available for rollback (20); `keep_days` (180) and `keep_mib`
                (2048) bound their age and what their copies take; the newest always stays
    follows     the transaction that this one finishes: it is undone together with that one

`@state/` at the start of a path means the agent's own directory. What happens on disk, in this order:

    lock, undo what an earlier run left half done, compare, ask the validators about the staged files,
    copies of what will be replaced (read back and compared), the guard process, journal "open",
    every new file beside its place, journal "staged", one rename each, journal "placed",
    validators, commands, services, probes, journal "committed" (or "applied": waiting for `confirm`).

Until "committed" is on disk, whoever comes next (the guard within a second, the boot, the next run) undoes it.

It is one file because it has to run where nothing is installed; its sections, in order:

    text, bytes, paths
    files
    what others may write to
    other programs
    probes
    the journal
    comparing
    the real program's judgement, before anything changed
    placing
    services that do not run
    undoing
    the guard
    what a plan needs
    verbs: check and apply
    which copies are kept
    verbs: confirm and rollback
    verbs: status
    what the host finishes by itself
    what filters
    verbs: facts and verify
    staying on the host, and leaving it
    the outside
"""

import base64
import calendar
import codecs
import ctypes
import difflib
import errno
import fcntl
import glob
import hashlib
import json
import os
import platform
import pwd
import grp
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import traceback
import zlib

VERSION = 1
STATE = "/var/lib/aspect-hardening"
MARK = "@@ASPECT@@"
PREFIX = ".aspect-hardening."
O_PATH = getattr(os, "O_PATH", 0o10000000)  # kernels before 2.6.39 pass over it
JOURNAL_ROOM = 16384  # written ahead, so that the journal of an undo needs no new space on a full disk
FINAL = ("committed", "rolledback", "undone")
STAGE_LIMIT = 32 * 1024 * 1024
DIFF_LIMIT = 65536
SETTLING = 1.5  # seconds in which a process that was dying when it got a reload is gone
OWED_LIMIT = 3600  # seconds for which the guard tries what an undo owes, besides the boot and the next run
SYSTEM = ["/"] + [
    "/" + name
    for name in "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var".split()
]
SYSTEM += ["/usr/" + name for name in "bin include lib lib64 libexec local sbin share src".split()]
SYSTEM += ["/var/" + name for name in "cache lib lock log mail run spool tmp".split()]
THROWN_AWAY = "look at it; a rollback with --force (aspect_force: true) throws that away"
DEAD = (1, 2, 3)  # what a status says of a service that does not run (LSB; systemd says 3)
PY3 = sys.version_info[0] >= 3
GET_MARKS = 0x80006601 | struct.calcsize("l") << 16  # FS_IOC_GETFLAGS
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18


class Refused(Exception):
    """The plan cannot be carried out; nothing was changed."""


class Failed(Exception):
    """Something went wrong after the first change; everything has to be undone."""


# -- text, bytes, paths ------------------------------------------------------------------------------


def native(text):
    """Return a path as this Python's file functions want it, whatever the locale is."""
    if PY3:
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        return os.fsdecode(raw)  # novermin: Python 3 alone comes here
    return text if isinstance(text, bytes) else ESCAPED.sub(_unescaped, text.encode("utf-8"))


def raw_path(path):
    """Return a path as the bytes that the C library wants."""
    if isinstance(path, bytes):
        return path
    return os.fsencode(path) if PY3 else path.encode("utf-8")  # novermin: Python 3 alone has it


def shown(path):
    """Return a path or a program's output as text that JSON can hold."""
    if PY3 or isinstance(path, bytes):
        return raw_path(path).decode("utf-8", "replace")
    return path


# how Python 2 writes what `kept` made of a single byte
ESCAPED = re.compile(b"\xed([\xb2\xb3])([\x80-\xbf])")


def _unescaped(match):
    high, low = bytearray(match.group(1) + match.group(2))
    return bytes(bytearray([(high & 3) << 6 | low & 63]))


def _escape(problem):
    wrong = bytearray(problem.object[problem.start : problem.end])
    text = "".join("\\udc%02x" % one for one in wrong)
    return text.encode("ascii").decode("unicode_escape"), problem.end


codecs.register_error("aspect-escape", _escape)


def kept(path):
    """Return a path as text of which `native` makes the same bytes again: names on old hosts need not be UTF-8."""
    return raw_path(path).decode("utf-8", "aspect-escape")


def b64(data):
    """Return Base64 text."""
    return base64.b64encode(data).decode("ascii")


def unb64(text):
    """Return the bytes of Base64 text."""
    return base64.b64decode(text.encode("ascii"))


def sha256(data):
    """Return the digest in hex."""
    return hashlib.sha256(data).hexdigest()


def clock():
    """Return seconds that no clock adjustment moves."""
    return os.times()[4]


def stamp():
    """Return the time, RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


# -- files -------------------------------------------------------------------------------------------


def read(path):
    """Return a file's bytes."""
    handle = open(path, "rb")
    try:
        return handle.read()
    finally:
        handle.close()


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
            clothe(descriptor, seen)
        os.fsync(descriptor)
    except (OSError, IOError):  # a full disk does not say of which file
        problem = sys.exc_info()[1]
        problem.filename = problem.filename or path
        raise
    finally:
        os.close(descriptor)


def sync_dir(path):
    """Force a directory's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path, data):
    """Write one of the agent's own files whole and durably."""
    temporary = path + ".new"
    gone(temporary)
    write(temporary, data)
    os.rename(temporary, path)
    sync_dir(os.path.dirname(path))


def gone(path):
    """Remove a file, a link or a tree that may be absent."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            os.unlink(path)
    except (OSError, IOError):  # a read-only file system says so of a name that it does not hold, too
        if sys.exc_info()[1].errno != errno.ENOENT and os.path.lexists(path):
            raise


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


def _libc():
    return ctypes.CDLL(None, use_errno=True)


def _of_xattr(verb, place):
    """Return the C library's function for a path or a descriptor, and that as it wants it."""
    if isinstance(place, int):
        return getattr(_libc(), "f%sxattr" % verb), place
    return getattr(_libc(), "l%sxattr" % verb), raw_path(place)


def xattrs(place):
    """Return extended attributes (SELinux context, ACLs, capabilities) of a path or descriptor as {name: bytes}."""
    try:
        (listed, raw), (got, _) = _of_xattr("list", place), _of_xattr("get", place)
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
    put, raw = _of_xattr("set", place)
    if put(raw, name.encode("ascii"), value, ctypes.c_size_t(len(value)), 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "cannot set %s: %s" % (name, os.strerror(code)))


def locked(path):
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


def ours(name):
    """Whether an extended attribute is somebody's word, and not the file system's or the policy's own."""
    return name.startswith(("user.", "system.posix_acl_")) or name == "security.capability"


def strip(place, seen):
    """Take away what a file has more than `seen`, such as the ACL that a folder hands down to a new file."""
    take, raw = _of_xattr("remove", place)
    for name in xattrs(place):
        if ours(name) and name not in seen.get("xattrs", {}):
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
        seen["kind"], seen["target"] = "link", kept(os.readlink(path))
    elif stat.S_ISDIR(status.st_mode):
        seen["kind"] = "dir"
    else:
        seen["kind"] = "special"
    return seen


def dress(path, seen):
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
        clothe(descriptor, seen)
    finally:
        os.close(descriptor)


def clothe(descriptor, seen):
    """Give what is open the owner, mode, attributes and time of `seen`; of a look it is given no more than it had."""
    if os.getuid() == 0:
        os.fchown(descriptor, seen["uid"], seen["gid"])
    if "mtime_ns" in seen or seen.get("bare"):
        strip(descriptor, seen)
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


def alike(one, other):
    """Like `same`, but for extended attributes, which the file system may have added by itself."""
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


# -- what others may write to --------------------------------------------------------------------------


def plain_file(path):
    """Return a plain file opened for reading: never what a link leads to, nor a pipe that nobody fills."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no plain file", path)
    return os.fdopen(descriptor, "rb")


def content(path):
    """Return the bytes of a plain file of which `look` has told."""
    handle = plain_file(path)
    try:
        return handle.read()
    finally:
        handle.close()


class Held(object):
    """A folder held open, reached without a link: whoever may write in it, or above it, cannot lead us elsewhere.

    A path is looked up anew by every call, and the product's own account may put a link into it between two of them.
    """

    def __init__(self, path, below=()):
        """`path` is taken to the end of its links once; of the names in `below` none may be one."""
        self.path = os.path.join(path, *below)
        self.descriptor = None
        if not os.path.isdir("/proc/self/fd"):
            return
        parts = [part for part in os.path.realpath(path).split("/") if part]
        self.descriptor = os.open("/", os.O_RDONLY | O_PATH | os.O_DIRECTORY)
        for part in parts + list(below):
            above = self.descriptor
            try:
                self.descriptor = os.open(
                    self.at(part), os.O_RDONLY | O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
                )
            except (OSError, IOError):
                sys.exc_info()[1].filename = self.path
                raise
            finally:
                os.close(above)

    def at(self, name):
        """Return a path of what has this name in it."""
        return os.path.join(
            self.path if self.descriptor is None else "/proc/self/fd/%d" % self.descriptor, name
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        """Let go of it; a problem is told by the name that people know."""
        name = getattr(problem, "filename", None)
        if self.descriptor is not None and name and native(name).startswith(self.at("")):
            problem.filename = os.path.join(self.path, native(name)[len(self.at("")) :])
        if self.descriptor is not None:
            os.close(self.descriptor)


def around(entry):
    """Return the folder of an entry, held: the one it was in when it was compared, where that is known."""
    real = entry.get("real")
    if not real:
        return Held(os.path.dirname(entry["path"]))
    return Held("/", [part for part in native(real).split("/") if part])


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
                clothe(descriptor, seen)
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
        clothe(descriptor, look(source))
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
            dress(there, seen)
        elif seen["kind"] == "file":
            write(there, content(here), seen=seen)
        else:
            raise Refused("%s is neither a file, a link nor a directory" % shown(here))


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


# -- other programs ----------------------------------------------------------------------------------


def which(name):
    """Return a program's path, looking in the system directories too; None when absent."""
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]:
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def run(argv, timeout=60):
    """Run a program without a shell; return (exit code, output). A daemon it leaves does not hold us up."""
    environment = dict(os.environ)
    environment["LC_ALL"] = "C"
    environment["PATH"] = environment.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    reader, writer = os.pipe()
    null = open(os.devnull, "rb")
    try:
        child = subprocess.Popen(
            [native(word) for word in argv],
            stdin=null,
            stdout=writer,
            stderr=writer,
            close_fds=True,
            preexec_fn=_fresh,
            cwd="/",
            env=environment,
        )
    except (OSError, IOError):
        os.close(reader)
        os.close(writer)
        return 127, "%s: %s" % (argv[0], sys.exc_info()[1].strerror)
    finally:
        null.close()
    os.close(writer)
    chunks, size, deadline = [], 0, clock() + timeout
    try:
        while True:
            ended = child.poll() is not None
            if select.select([reader], [], [], 0 if ended else 0.02)[0]:
                chunk = os.read(reader, 65536)
                size += len(chunk)
                if chunk and size < 262144:
                    chunks.append(chunk)
                if not chunk and ended:
                    break
                if not chunk:
                    time.sleep(0.01)
            elif ended:
                break
            if clock() > deadline:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return 124, shown(b"".join(chunks)) + "\nno answer within %s s" % timeout
    finally:
        os.close(reader)
    return child.returncode, shown(b"".join(chunks))


def _fresh():
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def init_system(root="/"):
    """Return `systemd` or `sysv`, by what runs, not by what is installed."""
    return "systemd" if os.path.isdir(os.path.join(root, "run/systemd/system")) else "sysv"


def service_argv(service):
    """Return the command for a service's action: the plan's own, or this host's init system's."""
    if service.get("argv"):
        return service["argv"]
    if init_system() == "systemd":
        return ["systemctl", service["action"], service["name"]]
    return [which("service") or "/sbin/service", service["name"], service["action"]]


def selinux():
    """Return `enforcing`, `permissive` or `disabled`."""
    for place in ("/sys/fs/selinux/enforce", "/selinux/enforce"):
        try:
            return "enforcing" if read(place).strip() == b"1" else "permissive"
        except (OSError, IOError):
            continue
    return "disabled"


def default_context(path):
    """Return the context the host's policy gives a new file at `path`, as bytes, or None."""
    if selinux() == "disabled" or not which("matchpathcon"):
        return None
    code, output = run(["matchpathcon", "-n", shown(path)], 20)
    word = output.strip()
    return None if code or not word or word == "<<none>>" else word.encode("ascii") + b"\0"


def listeners():
    """Return who listens on TCP: [{port, address, pid, process}], from /proc alone."""
    inodes = {}
    for table, width in (("/proc/net/tcp", 8), ("/proc/net/tcp6", 32)):
        try:
            lines = read(table).decode("ascii").splitlines()[1:]
        except (OSError, IOError):
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A":
                address, port = fields[1].split(":")
                raw = bytearray(base64.b16decode(address.encode("ascii")))
                if width == 8:
                    where = socket.inet_ntop(socket.AF_INET, bytes(raw[::-1]))
                else:
                    swapped = b"".join(bytes(raw[i : i + 4][::-1]) for i in range(0, 16, 4))
                    where = socket.inet_ntop(socket.AF_INET6, swapped)
                inodes[fields[9]] = {"port": int(port, 16), "address": where, "pid": None, "process": ""}
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            found = inodes.get(target[8:-1])
            if found is not None and found["pid"] is None:
                found["pid"] = int(link.split("/")[2])
                try:  # /proc/PID/comm came with Linux 2.6.33, CentOS 6 has 2.6.32
                    line = shown(read("/proc/%d/stat" % found["pid"]))
                    found["process"] = line[line.index("(") + 1 : line.rindex(")")]
                except (OSError, IOError):
                    pass  # it ended meanwhile
    return sorted(inodes.values(), key=lambda one: (one["port"], one["address"]))


# -- probes ------------------------------------------------------------------------------------------


def probe_tcp(probe):
    """`host`, `port`: a connection is accepted."""
    connection = socket.create_connection((probe.get("host", "127.0.0.1"), int(probe["port"])), 3)
    connection.close()


def probe_tls(probe):
    """`host`, `port`: a handshake with this host's own TLS library completes."""
    import ssl

    connection = socket.create_connection((probe.get("host", "127.0.0.1"), int(probe["port"])), 3)
    try:
        if hasattr(ssl, "SSLContext"):
            protocol = getattr(ssl, "PROTOCOL_TLS_CLIENT", None) or ssl.PROTOCOL_SSLv23
            context = ssl.SSLContext(protocol)  # novermin: older ones take the other way
            context.check_hostname = False  # novermin
            context.verify_mode = ssl.CERT_NONE  # the question is whether it answers, not who it is
            connection = context.wrap_socket(connection)
        else:
            connection = ssl.wrap_socket(connection)
    finally:
        connection.close()


def probe_listen(probe):
    """`port`, `process`: that port is listened on, by a process of that name where one is given."""
    for one in listeners():
        if one["port"] == int(probe["port"]) and probe.get("process", one["process"]) == one["process"]:
            return
    raise Failed("nobody%s listens on port %s" % (_named(probe), probe["port"]))


def probe_absent(probe):
    """`port`: nobody listens there."""
    if [one for one in listeners() if one["port"] == int(probe["port"])]:
        raise Failed("somebody listens on port %s" % probe["port"])


def probe_command(probe):
    """`argv`, `timeout`: the program exits 0."""
    code, output = run(probe["argv"], probe.get("timeout", 20))
    if code != 0:
        raise Failed("%s exited %d: %s" % (probe["argv"][0], code, output.strip()[-400:]))


def probe_path(probe):
    """`path`, `absent`: it exists (or does not)."""
    if os.path.lexists(native(probe["path"])) == bool(probe.get("absent")):
        raise Failed("%s %s" % (probe["path"], "exists" if probe.get("absent") else "does not exist"))


def _named(probe):
    return " named %s" % probe["process"] if probe.get("process") else ""


PROBES = {
    "tcp": probe_tcp,
    "tls": probe_tls,
    "listen": probe_listen,
    "absent": probe_absent,
    "command": probe_command,
    "path": probe_path,
}


def ask_probes(probes):
    """Ask every probe, each until it succeeds or its time is over; return one row per probe."""
    rows = []
    for probe in probes:
        deadline, problem = clock() + probe.get("wait", 5), ""
        while True:
            try:
                PROBES[probe["kind"]](probe)
                problem = ""
                break
            except (OSError, IOError, Failed, socket.error):
                problem = str(sys.exc_info()[1])
            if clock() >= deadline:
                break
            time.sleep(0.1)
        name = probe.get("name") or " ".join(
            str(probe[key]) for key in ("kind", "host", "port", "path", "process") if key in probe
        )
        rows.append({"name": name, "ok": not problem, "problem": problem})
    return rows


def held_before(probes):
    """Return the probes with whether each holds now: a rollback has to bring back what answered, and no more.

    A command is asked after a change alone, for nobody knows what it does.
    """
    rows = []
    for one in probes:
        if one["kind"] != "command":
            one = dict(one, held=ask_probes([dict(one, wait=0)])[0]["ok"])
        rows.append(one)
    return rows


# -- the journal -------------------------------------------------------------------------------------


class Transaction(object):
    """One transaction's directory: manifest, copies of what it replaces, journal."""

    def __init__(self, host, name):
        self.host = host
        self.name = name
        self.dir = os.path.join(host.state, "tx", native(name))

    def path(self, leaf):
        """Return the path of one of its files."""
        return os.path.join(self.dir, leaf)

    def create(self, manifest):
        """Lay down journal and manifest; copies come before."""
        write(self.path("journal"), b"\n" * JOURNAL_ROOM)
        replace(self.path("manifest"), json.dumps(manifest, sort_keys=True).encode("ascii"))
        sync_dir(self.dir)
        sync_dir(os.path.dirname(self.dir))

    def manifest(self):
        """Return the manifest, or None where the transaction never got that far."""
        try:
            return json.loads(read(self.path("manifest")).decode("ascii"))
        except (OSError, IOError):
            return None
        except ValueError:
            raise Refused(
                "the record of %s is damaged, and only a person can say what it changed: look at %s, then move that away"
                % (self.name, shown(self.dir))
            )

    def record(self, event, **detail):
        """Append one line to the journal and force it to disk."""
        line = dict(detail, event=event, time=stamp())
        data = json.dumps(line, sort_keys=True).encode("ascii") + b"\n"
        size = len(read(self.path("journal")).rstrip(b"\n\0"))
        if size:  # a line that a power cut tore ends here, whatever lies behind it
            data = b"\n" + data
        descriptor = os.open(self.path("journal"), os.O_WRONLY)
        try:
            os.lseek(descriptor, size, os.SEEK_SET)
            while data:  # a disk that fills up takes half of it
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def events(self):
        """Return the journal's lines; one torn by a power cut is as if it had not been written."""
        found = []
        try:
            lines = read(self.path("journal")).rstrip(b"\n\0").split(b"\n")
        except (OSError, IOError):
            return found
        for line in lines:
            try:
                found.append(json.loads(line.decode("ascii")))
            except ValueError:
                continue  # a line that a power cut tore
        return found

    def state(self):
        """Return `none`, `open`, `applied` or one of FINAL."""
        state = "none"
        for line in self.events():
            if line["event"] in ("open", "applied") + FINAL:
                state = line["event"]
        return state

    def owed(self):
        """Return the commands and services that an undo still owes; empty where it owes none."""
        return (self.events() or [{}])[-1].get("owed") or {}


class Host(object):
    """Where things are on this host (or on a mounted image of one), and the lock."""

    def __init__(self, root="/", state=STATE):
        self.root = native(root)
        self.state = self.place(state)
        self.descriptor = None
        self.masks = []

    def place(self, path):
        """Return where a path of the plan is on this machine."""
        text = native(path)
        if text.startswith("@state/"):
            return os.path.join(self.state, text[7:])
        if not text.startswith("/") or ".." in text.split("/"):
            raise Refused("%s is not an absolute path" % shown(path))
        return os.path.normpath(os.path.join(self.root, text.lstrip("/")))

    def lock(self, wait=15):
        """Take the one lock; Refused when another run holds it for longer than `wait` seconds (None: for ever)."""
        make_dirs(self.state)
        make_dirs(os.path.join(self.state, "tx"))
        self.descriptor = os.open(os.path.join(self.state, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        if wait is None:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            return
        deadline = clock() + wait
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (OSError, IOError):
                if clock() > deadline:
                    raise Refused(
                        "another transaction is running on this host: look who else is at work on it, and run again"
                    )
                time.sleep(0.05)

    def unlock(self):
        """Give the lock back."""
        os.close(self.descriptor)
        self.descriptor = None

    def transactions(self):
        """Return every transaction, oldest first."""
        try:
            names = sorted(os.listdir(os.path.join(self.state, "tx")))
        except OSError:
            if sys.exc_info()[1].errno not in (errno.ENOENT, errno.ENOTDIR):
                raise  # what this account may not see is not nothing
            names = []
        return [Transaction(self, name) for name in names]

    def masked(self, output):
        """Return a program's output without the secrets of this plan."""
        for secret in self.masks:
            output = output.replace(secret, "[secret]")
        return output[-4000:]


# -- comparing ---------------------------------------------------------------------------------------


def number(name, kind):
    """Return the uid or gid of a name or number. Errors: Refused."""
    if isinstance(name, int):
        return name
    try:
        return pwd.getpwnam(name).pw_uid if kind == "owner" else grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdigit():
            return int(name)
        raise Refused("%s %s does not exist on this host" % (kind, name))


def content_of(host, item):
    """Return what a file of the plan should hold; a part that lies on this host need not travel."""
    start = read(host.place(item["from"])) if item.get("from") else b""
    return start + unb64(item["content"])


def wanted(host, item, path, old):
    """Return what a file of the plan should look like, and its content."""
    content = content_of(host, item)
    base = old or {
        "mode": 0o600 if item.get("secret") else 0o644,
        "uid": os.getuid(),
        "gid": os.getgid(),
        "xattrs": {},
    }
    new = {"kind": "file", "sha256": sha256(content), "size": len(content), "xattrs": dict(base["xattrs"])}
    new["mode"] = int(item["mode"], 8) if item.get("mode") else base["mode"]
    if item.get("secret") and new["mode"] & 0o007:
        raise Refused("%s holds a secret and would be readable by everybody" % shown(path))
    new["uid"] = number(item["owner"], "owner") if item.get("owner") is not None else base["uid"]
    new["gid"] = number(item["group"], "group") if item.get("group") is not None else base["gid"]
    if item.get("secontext") and selinux() != "disabled":
        new["xattrs"]["security.selinux"] = b64(item["secontext"].encode("ascii") + b"\0")
    elif old is None:
        context = default_context(path)
        if context:
            new["xattrs"]["security.selinux"] = b64(context)
    return new, content


def compare(host, plan):
    """Return the entries that differ from the plan: [{path, op, old, new, secret, content}]."""
    entries, seen_paths, made = [], set(), set()
    for item in plan.get("files", []):
        item = dict(item, secret=bool(item.get("secret") or item.get("from")))
        path = host.place(item["path"])
        if os.path.islink(path):
            if not item.get("follow"):
                raise Refused("%s is a symbolic link; name the file it leads to" % shown(path))
            path = os.path.realpath(path)
        if path in seen_paths:
            raise Refused("%s is in the plan twice" % shown(path))
        seen_paths.add(path)
        old = look(path)
        if old and old["kind"] != "file":
            raise Refused("%s is not a plain file" % shown(path))
        if "expect_sha256" in item and item["expect_sha256"] != (old or {}).get("sha256"):
            raise Refused("%s changed since it was read" % shown(path))
        if item.get("secret"):
            lines = [shown(line).strip() for line in content_of(host, item).splitlines()]
            host.masks.extend(sorted((line for line in lines if len(line) > 7), key=len, reverse=True))
        missing, parent = [], os.path.dirname(path)
        while not os.path.isdir(parent) and parent not in made:
            missing.insert(0, parent)
            parent = os.path.dirname(parent)
        own = path.startswith(host.state + "/")
        if missing and not (item.get("mkdir") or own):
            raise Refused("the directory %s does not exist" % shown(missing[-1]))
        for folder in missing:
            made.add(folder)
            mode = 0o700 if own else 0o755
            new = {"kind": "dir", "mode": mode, "uid": os.getuid(), "gid": os.getgid(), "xattrs": {}}
            entries.append({"path": folder, "op": "mkdir", "old": None, "new": new})
        new, content = wanted(host, item, path, old)
        if not same(old, new):
            entry = {"path": path, "op": "write", "old": old, "new": new, "content": content}
            entries.append(dict(entry, secret=item["secret"]))
    for item in plan.get("remove", []):
        path = host.place(item["path"])
        old = look(path)
        if old is None:
            continue
        if old["kind"] == "special" or (host.state + "/").startswith(path.rstrip("/") + "/"):
            raise Refused("%s cannot be removed" % shown(path))
        if _plan_path(host, path) in SYSTEM:
            raise Refused("%s cannot be removed: it is the system's own; name what is in it" % shown(path))
        if old["kind"] == "dir":
            old["tree"] = tree_digest(path)
        entries.append({"path": path, "op": "remove", "old": old, "new": None})
    if host.root == "/":  # links of an image lead out of it
        for entry in entries:
            entry["real"] = kept(os.path.realpath(os.path.dirname(entry["path"])))
    return entries


def described(host, entries):
    """Return what happens to each path, as check mode and the real run report it alike."""
    rows = []
    for entry in entries:
        old, new = entry["old"], entry["new"]
        row = {"path": _plan_path(host, entry["path"]), "op": entry["op"]}
        if entry["op"] == "write" and not entry.get("secret"):
            row["before"], row["after"] = old and old["sha256"], new["sha256"]
        for key, side in (("mode_before", old), ("mode_after", new)):
            row[key] = side and "%04o" % side["mode"]
        rows.append(row)
    return rows


def _plan_path(host, path):
    text = shown(path)
    root = shown(host.root).rstrip("/")
    return text[len(root) :] if root and text.startswith(root + "/") else text


def differences(host, entries):
    """Return one unified diff per entry, of the changed lines alone; a secret's content is never in it."""
    rows = []
    for entry in entries:
        old, new, path = entry["old"], entry["new"], _plan_path(host, entry["path"])
        lines = []
        for key in ("mode", "uid", "gid"):
            if old and new and old[key] != new[key]:
                form = "%04o" if key == "mode" else "%d"
                lines.append("# %s %s -> %s\n" % (key, form % old[key], form % new[key]))
        if entry.get("secret"):
            lines.append("# the content is a secret and is not shown\n")
        elif entry["op"] == "write":
            before, after = content(entry["path"]) if old else b"", entry["content"]
            if path.startswith(_plan_path(host, host.state) + "/pending/"):
                lines += record_lines(after)
            elif b"\0" in before or b"\0" in after:
                lines.append("# binary, %d -> %d bytes\n" % (len(before), len(after)))
            else:
                lines += difflib.unified_diff(
                    shown(before).splitlines(True),
                    shown(after).splitlines(True),
                    path if old else "/dev/null",
                    path,
                    n=0,  # the lines around a change may hold a password
                )
        elif entry["op"] == "remove":
            lines.append("# %s removed, a copy is kept\n" % old["kind"])
        elif entry["op"] == "mkdir":
            lines.append("# new directory\n")
        else:
            lines.append("# %s\n" % entry["op"])
        text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
        rows.append({"path": path, "text": text[:DIFF_LIMIT]})
    return rows


def record_lines(data):
    """Return what a record of a pending restart says, with one line for each command that runs once the restart is seen."""
    row = json.loads(data.decode("utf-8"))
    lines = [
        "+ restart pending: configured=%s, until now %s\n" % (row.get("configured"), row.get("previous"))
    ]
    return lines + ["+ once it is seen: %s\n" % shell_line(one["do"]) for one in row.get("close", [])]


def would_run(commands, services):
    """Return one diff of the commands that would run, one line each, as a shell would take them."""
    argvs = [one["do"] for one in commands] + [service_argv(one) for one in services]
    lines = ["+ %s\n" % shell_line(argv) for argv in argvs]
    return [{"path": "commands that would run", "text": "".join(lines)}] if lines else []


def shell_line(argv):
    """Return a command as a person would type it; of `sh -c` the words that the shell reads."""
    if [os.path.basename(argv[0])] + list(argv[1:2]) == ["sh", "-c"] and len(argv) == 3:
        return " ".join(argv[2].split("\n"))
    plain = re.compile("^[A-Za-z0-9_@%+=:,./-]+$")
    return " ".join(one if plain.match(one) else "'%s'" % one.replace("'", "'\\''") for one in argv)


# -- the real program's judgement, before anything changed -------------------------------------------


def _mount(source, target, kind, flags):
    source, target = raw_path(source or "none"), raw_path(target)
    if _libc().mount(source, target, kind, ctypes.c_ulong(flags), None) != 0:
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
            gone(target)
            write(target, entry["content"])
            os.chown(target, new["uid"], new["gid"])
            os.chmod(target, new["mode"])
            if target != path:
                _mount(target, path, None, MS_BIND)


def judge_staged(host, entries, validators):
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
                if _libc().unshare(CLONE_NEWNS) != 0:
                    raise OSError(ctypes.get_errno(), "no mount namespace")
                _mount(None, "/", None, MS_REC | MS_PRIVATE)
                _mount("tmpfs", corner, b"tmpfs", 0)
                _stage(corner, entries)
                answer["rows"] = judge(host, validators, "staged")
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


def judge(host, validators, stage):
    """Run the validators here and now."""
    rows = []
    for one in validators:
        code, output = run(one["argv"], one.get("timeout", 60))
        rows.append({"name": one["name"], "stage": stage, "rc": code, "output": host.masked(output)})
    return rows


def refuse_bad(rows, error):
    """Raise when a validator said no."""
    for row in rows:
        if row["rc"] != 0:
            raise error("%s says no to the %s files: %s" % (row["name"], row["stage"], row["output"].strip()))


# -- placing -----------------------------------------------------------------------------------------


def beside(tx, index, what):
    """Return the name, beside its place, of an entry's new file or of the old one being kept."""
    return "%s%s.%d.%s" % (PREFIX, native(tx.name), index, what)


def names(tx, index, entry, folder):
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
    with around(entry) as folder:
        path, fresh, _ = names(tx, index, entry, folder)
        if entry["op"] == "mkdir":
            os.mkdir(path, 0o700)
            dress(path, new)
        elif entry["op"] == "write":
            # of an old file it is given no more than that had
            write(fresh, entry["content"], seen=dict(new, bare=bool(entry["old"])))
        elif entry["op"] == "link":
            os.symlink(native(new["target"]), fresh)
            dress(fresh, new)
        elif entry["op"] == "tree":
            copy_tree(entry["source"], fresh)


def swap(tx, index, entry):
    """Put an entry in its place with one rename; the old one stays beside it until the commit."""
    if entry["op"] in ("mkdir", "rmdir"):
        return
    with around(entry) as folder:
        path, fresh, kept = names(tx, index, entry, folder)
        old = look(path)
        if not same(old, entry["old"]):
            raise Failed("%s was changed by somebody else meanwhile" % shown(entry["path"]))
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
                raise Failed("%s was changed by somebody else meanwhile" % shown(entry["path"]))


# -- services that do not run ------------------------------------------------------------------------


def asleep(service):
    """Whether the init system says in as many words that a service does not run. Errors: Refused, for one it does not know."""
    if service.get("argv"):
        return False
    if init_system() == "systemd":
        argv = ["systemctl", "show", "-p", "LoadState", "-p", "ActiveState", service["name"]]
        code, output = run(argv, 20)
        unknown = "LoadState=not-found" in output
        still = "ActiveState=inactive" in output or "ActiveState=failed" in output
    else:
        code, output = run(service_argv(dict(service, action="status")), 20)
        unknown = "unrecognized service" in output
        # a script that knows no status exits so, too
        still = code in (1, 3) and "usage" not in output.lower()
    if unknown:
        raise Refused("%s is no service of this host: look for its name there" % service["name"])
    return still


def sleepers(services, undoing=False):
    """Return the names of the services that do not run; one that is gone since is among those of an undo.

    Errors: Refused where a change would reload one: it cannot be told, and an undo would start it.
    """
    names = []
    for service in services:
        try:
            still = asleep(service)
        except Refused:
            if not undoing:
                raise
            still = True
        if still and service.get("action") == "reload" and not undoing:
            raise Refused(
                "%s does not run, so that it cannot be told: start it (%s), or leave it out"
                % (service["name"], start_of(service))
            )
        if still:
            names.append(service["name"])
    return names


def start_of(service):
    """Return the command that starts a service, for people."""
    return " ".join(service_argv(dict(service, action="start")))


def left_stopped(services, names, undoing=False):
    """Return the services that do not run and stay so, and what people are told of them."""
    left = [one for one in services if one["name"] in names and (undoing or not one.get("starts"))]
    said = ["%s does not run (%s)" % (one["name"], start_of(one)) for one in left]
    return [one["name"] for one in left], "not told, since " + ", ".join(said) if said else ""


def down(service):
    """Whether a service is down that has just been told: a reload may have reached a process that was dying."""
    if service.get("argv") or service.get("action") not in ("reload", "restart"):
        return False
    time.sleep(SETTLING)
    if service["action"] == "restart":
        return service["name"] in sleepers([service], undoing=True)
    asked = "is-active" if init_system() == "systemd" else "status"
    return run(service_argv(dict(service, action=asked)), 20)[0] in DEAD


def revived(host, service):
    """Whether a service that cannot be reloaded, most likely because the change killed it, could be restarted."""
    if service.get("argv") or service.get("action") != "reload":
        return False
    if init_system() == "systemd":  # which starts nothing that died five times in ten seconds
        run(["systemctl", "reset-failed", service["name"]])
    return run_services(host, [dict(service, action="restart")])[0]["rc"] == 0


# -- undoing -----------------------------------------------------------------------------------------


def put_back(tx, index, entry):
    """Undo one entry, from whatever point it had reached; doing it twice is doing it once."""
    try:
        folder = around(entry)
    except (OSError, IOError):  # the folder was to be made, or somebody took it away since
        if sys.exc_info()[1].errno != errno.ENOENT or entry["old"] is not None:
            raise
        return
    with folder:
        _put_back(tx, index, entry, folder)


def _put_back(tx, index, entry, folder):
    path, fresh, kept = names(tx, index, entry, folder)
    gone(fresh)
    if entry["op"] == "rmdir":
        return  # that happens after the commit
    if entry["op"] == "mkdir":
        try:
            os.rmdir(path)
        except OSError:
            if sys.exc_info()[1].errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise  # what somebody else put there stays, and its directory with it
        return
    if os.path.lexists(kept):
        if os.path.lexists(path) and os.path.samestat(os.lstat(kept), os.lstat(path)):
            os.unlink(kept)
        else:
            if os.path.isdir(path) and not os.path.islink(path):
                gone(path)
            os.rename(kept, path)
    elif entry["old"] is None:
        gone(path)
    if not same(look(path), entry["old"]):
        from_copy(tx, index, entry, path, fresh)
        if not same(look(path), entry["old"]):
            raise OSError(errno.EIO, "is not as it was", path)


def from_copy(tx, index, entry, path, fresh):
    """Restore an entry from the transaction's copy; used when what was kept beside it is not there."""
    old, copy = entry["old"], tx.path("old.%d" % index)
    if old is None:
        return
    gone(fresh)
    if old["kind"] == "dir" and "tree" not in old:
        os.path.isdir(path) or os.mkdir(path, old["mode"])
        dress(path, old)
        return
    if old["kind"] == "file":
        write(fresh, read(copy), seen=old)
    elif old["kind"] == "link":
        os.symlink(native(old["target"]), fresh)
    else:
        copy_tree(copy, fresh)
    if old["kind"] == "dir":
        gone(path)
    os.rename(fresh, path)


def sync_all(entries):
    """Force every directory that was touched to disk, once."""
    for folder in sorted(set(os.path.dirname(entry["path"]) for entry in entries)):
        if os.path.isdir(folder):
            sync_dir(folder)


def loaded(tx):
    """Return a transaction's manifest with its paths as they are on this machine."""
    manifest = tx.manifest() or {"entries": [], "commands": [], "services": []}
    for entry in manifest["entries"]:
        entry["path"] = tx.host.place(entry["path"])
    return manifest


def run_services(host, services):
    """Run each service's action; return one row each."""
    rows = []
    for service in services:
        argv = service_argv(service)
        code, output = run(argv, service.get("timeout", 90))
        row = {"name": service["name"], "action": service.get("action", ""), "rc": code}
        rows.append(dict(row, output=host.masked(output) if code else ""))
    return rows


def undo(tx, why, boot=False):
    """Undo a transaction whole: files, commands, services; return what could not be done."""
    manifest = loaded(tx)
    events, why, problems, owed = tx.events(), tx.host.masked(why)[:1000], [], {}
    try:
        if tx.state() == "applied":  # what is being undone cannot be confirmed any more
            tx.record("open", why=why)
    except (OSError, IOError):
        problems.append("%s: %s" % (shown(tx.path("journal")), sys.exc_info()[1]))
    for index, entry in reversed(list(enumerate(manifest["entries"]))):
        try:
            put_back(tx, index, entry)
        except (OSError, IOError):
            problems.append("%s: %s" % (shown(entry["path"]), sys.exc_info()[1]))
    try:
        sync_all(manifest["entries"])
        if not problems:
            owed = settle_debts(tx, manifest, debts(manifest, events), boot)
            tx.record("rolledback", why=why, owed=owed)
    except (OSError, IOError):
        problems.append(str(sys.exc_info()[1]))
    # without the final record the guard, the boot or the next run tries again
    return {"problems": problems, "owed": owed}


def debts(manifest, events):
    """Return the commands to undo and services to tell again, as names, from what the journal says began."""
    began = [(line["event"], line["name"]) for line in events if line["event"] in ("command", "service")]
    commands = [c["name"] for c in reversed(manifest["commands"]) if ("command", c["name"]) in began]
    slept = [line["name"] for line in events if line["event"] == "service" and line.get("asleep")]
    return {
        "commands": commands,
        "services": [s["name"] for s in manifest["services"] if ("service", s["name"]) in began],
        "asleep": slept,
    }


def settle_debts(tx, manifest, names, boot=False):
    """Undo commands and tell services; return what is still owed. At boot services are not up yet."""
    owed = {"commands": [], "services": []}
    for command in reversed(manifest["commands"]):
        if command["name"] in names["commands"] and command.get("undo"):
            if boot or run(command["undo"], command.get("timeout", 60))[0] != 0:
                owed["commands"].append(command["name"])
    for service in manifest["services"]:
        if service["name"] in names.get("asleep", ()) and not boot:
            run_services(tx.host, [dict(service, action="stop")])
        elif service["name"] in names["services"] and not boot:
            told = run_services(tx.host, [service])[0]["rc"] == 0 and not down(service)
            if not told and not revived(tx.host, service):
                owed["services"].append(service["name"])
    return owed if owed["commands"] or owed["services"] else {}


def tidy(tx):
    """Remove what a committed transaction kept beside its files."""
    entries = loaded(tx)["entries"]
    for index, entry in enumerate(entries):
        try:
            folder = around(entry)
        except (OSError, IOError):
            if sys.exc_info()[1].errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise
            continue  # it is no longer there, and nothing of ours with it
        with folder:
            path, fresh, kept = names(tx, index, entry, folder)
            gone(kept)
            gone(fresh)
            if entry["op"] == "rmdir":
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # somebody put something there since: it stays
    sync_all(entries)
    tx.record("tidy")


def left(tx):
    """Return the seconds that an applied transaction waits for its confirmation yet, by the wall clock; None: it does not."""
    for line in reversed(tx.events()):
        if line["event"] == "applied":
            began = calendar.timegm(time.strptime(line["time"], "%Y-%m-%dT%H:%M:%SZ"))
            gone_by = time.time() - began
            return int(line["seconds"] - gone_by) if 0 <= gone_by <= line["seconds"] else None
    return None


def recover(host, boot=False, only=None):
    """Finish or undo everything that an interruption left; the lock is held. Returns one row each."""
    rows = []
    for tx in host.transactions():
        if only is not None and tx.name != only:
            continue
        state, events, owes = tx.state(), tx.events(), tx.owed()
        if state == "none":
            shutil.rmtree(tx.dir)  # nothing had been changed when it ended
            rows.append({"id": tx.name, "did": "dropped"})
        elif state == "applied" and not boot and only is None and left(tx) is not None:
            rows.append({"id": tx.name, "did": "waits", "left": left(tx)})
        elif state in ("open", "applied"):
            result = undo(tx, "interrupted" if state == "open" else "not confirmed", boot)
            did = "undo failed" if result["problems"] else "undone"
            rows.append(dict(result, id=tx.name, did=did))
        elif state in ("committed", "undone") and not [e for e in events if e["event"] == "tidy"]:
            tidy(tx)
            rows.append({"id": tx.name, "did": "tidied"})
        elif state == "rolledback" and owes and not boot:
            owed = settle_debts(tx, loaded(tx), owes)
            if owed != owes:
                tx.record("rolledback", owed=owed, why="debts settled")
            rows.append({"id": tx.name, "did": "told services", "owed": owed})
    return rows


# -- the guard ---------------------------------------------------------------------------------------


def post_guard(host, tx, seconds):
    """Leave a process behind that undoes the transaction if this one dies, or if nobody confirms in time.

    What an undo could not make good (a service that does not start) it tries again for OWED_LIMIT seconds.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, 1024)
        os.chdir("/")
        _guard(Host(shown(host.root), _plan_path(host, host.state)), tx.name, seconds)
    finally:
        os._exit(0)


def _guard(host, name, seconds):
    deadline, pause, patience = None, 1, clock() + OWED_LIMIT
    tx = Transaction(host, name)
    while os.path.isdir(tx.dir):  # else the lock would bring back what an uninstall has removed
        host.lock(wait=None)
        state = tx.state()
        if not os.path.isdir(tx.dir):
            return
        if deadline is None and seconds:
            deadline = clock() + seconds
        if state == "applied" and clock() < deadline:
            host.unlock()
            time.sleep(min(0.5, max(0.05, deadline - clock())))
            continue
        recover(host, only=name)  # it may also have died between the commit and tidying up
        done = tx.state() in FINAL and (not tx.owed() or clock() > patience)
        if done or state == "none":
            return
        host.unlock()
        time.sleep(pause)
        pause = min(60, pause * 2)


# -- what a plan needs -------------------------------------------------------------------------------


def needed_commands(plan):
    """Return the commands of the plan that are not so already."""
    needed = []
    for command in plan.get("commands", []):
        if not command.get("check") or run(command["check"], command.get("timeout", 60))[0] != 0:
            needed.append(command)
    return needed


def concerned(host, plan, entries, commands):
    """Return the services that the changes concern."""
    changed = set(shown(entry["path"]) for entry in entries)
    found = []
    for service in plan.get("services", []):
        paths = service.get("paths")
        if paths is None or changed & set(shown(host.place(path)) for path in paths):
            found.append(service)
    return found if entries or commands else []


def standing(folder):
    """Return a folder, or the nearest one above it that is there."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def room(host, entries):
    """Refuse when a place cannot be written, or the disk has no room for the copies and the new files."""
    need = {}
    state = standing(host.state)  # check mode makes none
    for entry in entries:
        folder = standing(os.path.dirname(entry["path"]))
        if os.statvfs(folder).f_flag & 1:
            raise Refused("%s lies on a read-only file system: remount it first" % shown(entry["path"]))
        for place in (entry["path"], folder):
            if locked(place):
                raise Refused(
                    "%s is immutable or append-only: take that away first (chattr -i -a %s)"
                    % (shown(place), shown(place))
                )
        size = (entry["new"] or {}).get("size", 0) + 4096
        for place, bytes_ in ((folder, size), (state, (entry["old"] or {}).get("size", 0) + 4096)):
            device = os.stat(place).st_dev
            need[device] = (place, need.get(device, (place, JOURNAL_ROOM + 65536))[1] + bytes_)
    for place, bytes_ in need.values():
        free = os.statvfs(place)
        if free.f_bavail * free.f_frsize < bytes_:
            raise Refused("%s has no room for %d bytes: make room there first" % (shown(place), bytes_))


# -- verbs: check and apply --------------------------------------------------------------------------


def do_check(host, plan):
    """Say exactly what apply would do; nothing is written."""
    entries = compare(host, plan)
    commands = needed_commands(plan)
    services, left, said = concerned(host, plan, entries, commands), [], ""
    rows, why = judge_staged(host, entries, plan.get("validators", []))
    answer = {
        "changed": bool(entries or commands),
        "files": described(host, entries),
        "diff": differences(host, entries),
        "commands": [c["name"] for c in commands],
        "validators": rows,
        "not_staged": why,
        "state": "would-change" if entries or commands else "unchanged",
    }
    if plan.get("install"):
        answer["installed"] = install(host, dry=True)
        answer["changed"] = answer["changed"] or bool(answer["installed"])
    try:
        refuse_bad(rows, Refused)
        room(host, entries)
        left, said = left_stopped(services, sleepers(services))
    except Refused:
        answer.update(failed=True, state="refused", msg=str(sys.exc_info()[1]))
    told = [one for one in services if one["name"] not in left]
    answer["services"] = [{"name": one["name"], "action": one.get("action", "")} for one in told]
    answer["diff"] += would_run(commands, told)
    if left:
        answer.update(left_stopped=left, msg=said)
    return answer


def do_apply(host, plan):
    """Apply a plan as one transaction."""
    recovered = recover(host)
    refuse_unfinished(host, recovered)
    installed = install(host) if plan.get("install") else []
    entries = compare(host, plan)
    commands = needed_commands(plan)
    answer = carry_out(host, plan, entries, commands)
    answer.update(recovered=recovered, installed=installed)
    answer["changed"] = answer["changed"] or bool(installed)
    if answer["state"] in ("committed", "unchanged"):
        watch_on(host)
    return answer


def refuse_unfinished(host, recovered):
    """Refuse to go on over a transaction that is neither finished nor undone, by the rows of `recover`."""
    for row in recovered:
        who = "transaction %s%s" % (row["id"], told_of(host, row["id"]))
        if row["did"] == "undo failed":
            raise Refused(
                "%s could not be undone yet: %s; put that right, and the host undoes it by itself"
                % (who, "; ".join(row["problems"]))
            )
        if row["did"] == "waits":
            raise Refused(
                "%s still waits for its confirmation: another run is at work on this host, or lost its connection; "
                "without a word the host undoes it within %d seconds; to undo it at once: harden upgrade rollback --transaction %s"
                % (who, row["left"] + 1, row["id"])
            )
        if row["did"] == "nothing":
            raise Refused("%s is under way, or was cut off: ask again in a minute" % who)


def told_of(host, name):
    """Return what a transaction is and whose, as words in brackets."""
    manifest = Transaction(host, name).manifest() or {}
    words = [manifest.get("label") or "", manifest.get("by") and "by " + manifest["by"]]
    return " (%s)" % ", ".join(word for word in words if word) if any(words) else ""


def carry_out(host, plan, entries, commands):
    """Carry out what differs, or say that nothing does."""
    answer = {"changed": False, "state": "unchanged", "files": [], "diff": [], "services": [], "commands": []}
    if not entries and not commands:
        return answer
    services = concerned(host, plan, entries, commands)
    rows, why = judge_staged(host, entries, plan.get("validators", []))
    answer.update(validators=rows, not_staged=why, files=described(host, entries))
    answer.update(diff=differences(host, entries), commands=[c["name"] for c in commands])
    refuse_bad(rows, Refused)
    room(host, entries)
    undoing = bool(plan.get("undoes"))
    down_before = sleepers(services, undoing)
    left, said = left_stopped(services, down_before, undoing)
    tx = begin(host, plan, entries, commands, services)
    answer.update(tx=tx.name, changed=True)
    if left:
        answer.update(left_stopped=left, msg=said)
    try:
        tx.record("open")
        for index, entry in enumerate(entries):
            stage(tx, index, entry)
        sync_all(entries)
        tx.record("staged")
        for index, entry in enumerate(entries):
            swap(tx, index, entry)
        sync_all(entries)
        tx.record("placed")
        answer["validators"] += judge(host, plan.get("validators", []), "placed")
        refuse_bad(answer["validators"], Failed)
        told = [one for one in services if one["name"] not in left]
        act(host, tx, plan, commands, told, down_before, answer)
        if plan.get("deadman"):
            tx.record("applied", seconds=plan["deadman"])
            answer["state"] = "applied"
            return answer
        tx.record("committed")
        answer["state"] = "committed"
    except BaseException:
        problem = sys.exc_info()[1]
        result = undo(tx, str(problem) or problem.__class__.__name__)
        answer.update(failed=True, changed=False, owed=result["owed"], problems=result["problems"])
        answer["state"] = "broken" if result["problems"] else "rolledback"
        answer["msg"] = host.masked(str(problem) or problem.__class__.__name__) + (said and "; " + said)
        if not isinstance(problem, (OSError, IOError, Failed, socket.error, Stopped)):
            answer["msg"] += "\n" + host.masked(traceback.format_exc())
        return answer
    finish(host, tx, plan)
    return answer


def begin(host, plan, entries, commands, services):
    """Make copies, manifest and guard: everything that has to be there before the first change."""
    name = "%s-%s" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), shown(base64.b16encode(os.urandom(3))))
    newest = [tx.name for tx in host.transactions()][-1:]
    if newest and newest[0] >= name:  # two in one second, or a clock that went back: the order must hold
        name = newest[0].split("+")[0] + "+%04d" % (int((newest[0] + "+0").split("+")[1]) + 1)
    tx = Transaction(host, name)
    os.mkdir(tx.dir, 0o700)
    try:
        for index, entry in enumerate(entries):
            back_up(tx, index, entry)
        kept = [
            dict(
                (key, value)
                for key, value in dict(entry, path=_plan_path(host, entry["path"])).items()
                if key not in ("content", "source")
            )
            for entry in entries
        ]
        manifest = {
            "version": VERSION,
            "label": plan.get("label", ""),
            "created": stamp(),
            "boot": this_boot(),
            "by": plan.get("by", ""),
            "undoes": plan.get("undoes", ""),
            "follows": plan.get("follows", ""),
            "entries": kept,
            "commands": commands,
            "services": services,
        }
        manifest["validators"], manifest["probes"] = plan.get("validators", []), plan.get("probes", [])
        if not plan.get("undoes"):
            manifest["probes"] = held_before(manifest["probes"])
        tx.create(manifest)
        post_guard(host, tx, plan.get("deadman"))
    except BaseException:
        shutil.rmtree(tx.dir, True)
        if isinstance(sys.exc_info()[1], (OSError, IOError)):
            raise Refused("cannot make the copies: %s" % explained(sys.exc_info()[1]))
        raise
    return tx


def act(host, tx, plan, commands, services, down_before, answer):
    """Commands, services, probes: each is in the journal before it begins."""
    for command in commands:
        tx.record("command", name=command["name"])
        code, output = run(command["do"], command.get("timeout", 60))
        if code != 0:
            raise Failed("%s exited %d: %s" % (command["name"], code, host.masked(output).strip()))
    for service in services:
        tx.record("service", name=service["name"], asleep=service["name"] in down_before)
        row = run_services(host, [service])[0]
        answer["services"].append(row)
        if row["rc"] != 0:
            raise Failed(
                "%s %s exited %d: %s" % (row["name"], row["action"], row["rc"], row["output"].strip())
            )
    answer["probes"] = probe_or_fail(plan.get("probes", []))
    if plan.get("settle") and services:
        time.sleep(plan["settle"])
        answer["probes"] = probe_or_fail(plan.get("probes", []))


def probe_or_fail(probes):
    """Ask the probes; Failed names those that did not succeed."""
    rows = ask_probes(probes)
    bad = ["%s: %s" % (row["name"], row["problem"]) for row in rows if not row["ok"]]
    if bad:
        raise Failed("probe failed: " + "; ".join(bad))
    return rows


def finish(host, tx, plan):
    """After the commit: mark what was undone, drop what is not needed any more. A failure is for `recover`."""
    try:
        undoes = (tx.manifest() or {}).get("undoes")
        if undoes:
            Transaction(host, undoes).record("undone", by=tx.name)
        tidy(tx)
        finished = [one for one in host.transactions() if one.state() in FINAL]
        for one in outdated(finished, plan):
            shutil.rmtree(one.dir)
    except (OSError, IOError):
        pass


# -- which copies are kept ---------------------------------------------------------------------------


def outdated(finished, plan):
    """Return the transactions whose copies go: too many, too old or too large. The newest can always be undone."""
    keep, room = int(plan.get("keep", 20)), int(plan.get("keep_mib", 2048)) << 20
    longest = 86400 * float(plan.get("keep_days", 180))
    used, gone_ones = 0, []
    for number, one in enumerate(reversed(finished)):
        used += sum(
            weight(os.path.join(folder, name)) for folder, _, names in os.walk(one.dir) for name in names
        )
        if number and (number >= keep or used > room or age(one) > longest):
            gone_ones.append(one)
    return gone_ones


def age(tx):
    """Return the seconds since a transaction: of this boot by the kernel's own count, which nobody who sets the clock moves."""
    try:
        manifest = tx.manifest() or {}
    except Refused:  # damaged: a person has to look at it
        manifest = {}
    boot, ticking = this_boot()
    if boot and manifest.get("boot", [""])[0] == boot:
        return ticking - manifest["boot"][1]
    return time.time() - os.path.getmtime(tx.dir)


def this_boot():
    """Return what tells this boot from others, and the seconds since it."""
    try:
        name = shown(read("/proc/sys/kernel/random/boot_id")).strip()
        return name, int(float(read("/proc/uptime").split()[0]))
    except (OSError, IOError):
        return "", 0


def weight(path):
    """Return the bytes of a file; none where it has just gone."""
    try:
        return os.lstat(path).st_size
    except (OSError, IOError):
        return 0


# -- verbs: confirm and rollback ---------------------------------------------------------------------


def do_confirm(host, request):
    """The control machine came back on a new connection: make an applied transaction final."""
    tx = Transaction(host, request["id"])
    state = tx.state()
    if state == "committed":
        return {"state": state, "changed": False, "tx": tx.name}
    if state != "applied":
        why = [line["why"] for line in tx.events() if line.get("why")][:1]
        msg = "the confirmation came too late: %s is %s" % (tx.name, ": ".join([state] + why))
        return {"failed": True, "state": state, "tx": tx.name, "msg": msg}
    try:
        rows = probe_or_fail((tx.manifest() or {}).get("probes", []))
    except Failed:
        problem = str(sys.exc_info()[1])
        result = undo(tx, problem)
        state = "broken" if result["problems"] else "rolledback"
        return dict(result, failed=True, state=state, msg=problem, tx=tx.name)
    tx.record("committed")
    finish(host, tx, {})
    watch_on(host)
    return {"state": "committed", "changed": False, "tx": tx.name, "probes": rows}


def looked_over(host):
    """Return a row for each transaction that is not finished, as `recover` does, and change nothing."""
    rows = []
    for tx in host.transactions():
        state = tx.state()
        if state in ("open", "applied"):
            rows.append({"id": tx.name, "did": "nothing"})
            if state == "applied" and left(tx) is not None:
                rows[-1].update(did="waits", left=left(tx))
    return rows


def do_rollback(host, request):
    """Undo the newest transaction (or the one named), as a transaction of its own."""
    rows = []
    if not request.get("id"):  # a look takes no lock, and leaves alone what another run may be doing
        rows = looked_over(host) if request.get("check") else recover(host)
        refuse_unfinished(host, rows)
    undoing = set(tx.name for tx in host.transactions() if (tx.manifest() or {}).get("undoes"))
    done = [
        tx
        for tx in host.transactions()
        if tx.state() == "committed"
        and tx.name not in undoing
        and (tx.manifest() or {}).get("follows") not in undoing  # what finished a rollback goes with it
    ]
    if request.get("id"):
        tx = Transaction(host, request["id"])
        if tx.state() == "applied":
            result = undo(tx, request.get("why", "asked for"))
            failed = bool(result["problems"])
            what = {"id": tx.name, "label": (tx.manifest() or {}).get("label", "")}
            state = "broken" if failed else "rolledback"
            return dict(result, failed=failed, changed=True, state=state, tx=tx.name, undoes=what)
        if tx.name not in [one.name for one in done]:
            if tx.state() in ("undone", "rolledback"):
                return {"changed": False, "state": tx.state(), "tx": tx.name}
            raise Refused("there is no transaction %s to undo" % tx.name)
    elif done:
        tx = done[-1]
    else:
        return {"changed": False, "state": "nothing", "recovered": rows, "msg": "nothing to undo"}
    ends = dict((one.name, (one.manifest() or {}).get("follows")) for one in done)
    if not request.get("id") and ends.get(tx.name) in ends:
        tx = Transaction(
            host, ends[tx.name]
        )  # what this host finished by itself is not what a person did last
    followers = [one for one in done if ends[one.name] == tx.name]
    for later in reversed(followers):
        if not request.get("check"):
            first = do_rollback(host, dict(request, id=later.name))
            if first.get("failed"):
                return first
    done = [one for one in done if ends[one.name] != tx.name]
    mine = set(entry["path"] for entry in loaded(tx)["entries"])
    for later in done:
        if later.name > tx.name and mine & set(entry["path"] for entry in loaded(later)["entries"]):
            raise Refused(
                "%s%s changed the same files later; undo it first (--transaction %s)"
                % (later.name, told_of(host, later.name), later.name)
            )
    manifest = loaded(tx)
    foreseen = bool(followers and request.get("check"))  # the files are not yet as this one left them
    entries = reversed_entries(tx, manifest, foreseen or bool(request.get("force")))
    commands = [
        {"name": c["name"], "do": c["undo"], "undo": c["do"]}
        for c in reversed(manifest["commands"])
        if c.get("undo")
    ]
    used = still_used(host, tx, manifest, followers if foreseen else [])
    if used:
        entries, commands = keeping_open(host, manifest, entries, used, request), []
    plan = dict((key, manifest[key]) for key in ("validators", "probes", "services"))
    plan.update(
        label="rollback of " + (manifest["label"] or tx.name), undoes=tx.name, by=request.get("by", "")
    )
    held = [p for p in plan["probes"] if p.get("held", p["kind"] in ("tcp", "tls", "command"))]
    plan["probes"] = request.get("probes", held)
    plan["services"] = [dict(service, paths=None) for service in plan["services"]]
    what = {"id": tx.name, "label": manifest["label"]}
    said = {"undoes": what}
    if used:
        said["msg"] = (
            "port %s stays open: something listens on it until the engine is restarted"
            % (used["record"]["configured"])
        )
    if request.get("check"):
        services = concerned(host, plan, entries, commands)
        return dict(
            said,
            changed=bool(entries or commands),
            files=described(host, entries),
            diff=differences(host, entries) + would_run(commands, services),
            state="would-change",
            tx=tx.name,
        )
    if not entries and not commands:
        tx.record("undone", by="nothing left to undo")
        return dict(said, changed=False, state="undone", tx=tx.name)
    answer = dict(said, **carry_out(host, plan, entries, commands))
    if answer["state"] == "committed":
        watch_on(host)
        answer["pending"] = [row for row in pending(host) if not row["resolved"]]
    return answer


def still_used(host, tx, manifest, followers):
    """Return the record of a port that this transaction opened and something listens on by now; None where nothing does.

    The engine was restarted since: whoever closes that port cuts it off. `followers` are transactions that took the
    record away and will be undone first.
    """
    folder = os.path.join(host.state, "pending") + os.sep
    for index, entry in enumerate(manifest["entries"]):
        if not entry["path"].startswith(folder) or not entry["new"]:
            continue
        texts = [entry["path"]]
        for later in followers:
            rows = loaded(later)["entries"]
            texts += [later.path("old.%d" % n) for n, row in enumerate(rows) if row["path"] == entry["path"]]
        for text in texts:
            if os.path.isfile(text):
                record = json.loads(read(text).decode("utf-8"))
                if record.get("configured") in [one["port"] for one in listeners()]:
                    before = tx.path("old.%d" % index) if entry["old"] else ""
                    return {"path": entry["path"], "record": record, "before": before}
    return None


def keeping_open(host, manifest, entries, used, request):
    """Return the entries of a rollback that leaves the port in use open, with a new record of what then waits for a restart."""
    record = used["record"]
    back = record.get("back") or {"configured": record["previous"], "close": [], "saved": []}
    stays = set(host.place(saved["path"]) for saved in back["saved"] + saved_rules(record))
    if back["configured"] == record["configured"]:  # the file says so, too: nothing waits
        return [entry for entry in entries if entry["path"] not in stays]
    stays.add(os.path.join(host.state, "control-engine.json"))
    row = json.loads(read(used["before"]).decode("utf-8")) if used["before"] else {}
    ran = ["back: " + command["name"] for command in manifest["commands"]]
    port = record["configured"]
    row.update(
        name=record["name"],
        process=record.get("process", ""),
        configured=back["configured"],
        previous=port,
        since=stamp(),
        by=request.get("by") or "a rollback",
        left=[port] + [one for one in row.get("left", []) if one != back["configured"]],
        close=[one for one in back["close"] if one["name"] in ran] + row.get("close", []),
        saved=back["saved"] + saved_rules(row),
    )
    files = []
    if record.get("motd"):
        row["motd"] = record["motd"]
        said = "configured=%s running=%s restart pending since %s" % (row["configured"], port, row["since"])
        files += with_line(host, row["motd"]["path"], row["motd"]["mark"], said)
    data = json.dumps(row, sort_keys=True, indent=1).encode("ascii") + b"\n"
    files.append({"path": "@state/pending/" + os.path.basename(shown(used["path"])), "content": b64(data)})
    files[-1]["mode"] = "0600"
    stays.update(host.place(one["path"]) for one in files)
    return [entry for entry in entries if entry["path"] not in stays] + compare(host, {"files": files})


def with_line(host, path, mark, text):
    """Return the plan's entry for a file with one line that begins with `mark`; none where there is no such file."""
    place, mark = host.place(path), mark.encode("utf-8")
    if not os.path.isfile(place):
        return []
    lines = [line for line in read(place).splitlines(True) if not line.startswith(mark)]
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return [{"path": path, "content": b64(b"".join(lines) + mark + text.encode("ascii") + b"\n")}]


def reversed_entries(tx, manifest, force):
    """Return the entries that lead back. Errors: Refused when somebody changed a file since."""
    entries = []
    for index, entry in reversed(list(enumerate(manifest["entries"]))):
        now, copy = look(entry["path"]), tx.path("old.%d" % index)
        if same(now, entry["old"]) and entry["op"] != "mkdir":
            continue
        if not alike(now, entry["new"]) and not force and entry["op"] not in ("mkdir", "rmdir"):
            raise Refused("%s was changed since; %s" % (shown(entry["path"]), THROWN_AWAY))
        step = {"path": entry["path"], "old": now, "new": entry["old"], "secret": entry.get("secret", False)}
        step["real"] = entry.get("real")
        old = entry["old"]
        if entry["op"] == "mkdir":
            if now is None:
                continue
            step["op"] = "rmdir"
        elif old is None:
            if now is None:
                continue
            step["op"] = "remove"
        elif old["kind"] == "file":
            step["op"], step["content"] = "write", whole_copy(tx, entry, copy)
        elif old["kind"] == "link":
            step["op"] = "link"
        else:
            step["op"], step["source"] = "tree", copy
            whole_copy(tx, entry, copy)
        entries.append(step)
    return entries


def whole_copy(tx, entry, copy):
    """Return the content of a kept copy (of a folder: nothing). Errors: Refused when it is not what was replaced."""
    old, content, problem = entry["old"], b"", "is gone"
    try:
        if old["kind"] == "file":
            content = read(copy)
            problem = "" if sha256(content) == old["sha256"] else "is damaged"
        elif "tree" not in old or os.path.isdir(copy):
            problem = "" if tree_digest(copy) == old.get("tree") else "is damaged"
    except (OSError, IOError):
        problem = "cannot be read (%s)" % (sys.exc_info()[1].strerror or "no reason was given")
        problem = "is gone" if sys.exc_info()[1].errno == errno.ENOENT else problem
    if problem:
        raise Refused(
            "the kept copy of %s %s: transaction %s cannot be undone and stays as it is"
            % (shown(entry["path"]), problem, tx.name)
        )
    return content


# -- verbs: status -----------------------------------------------------------------------------------


def pending(host):
    """Return what still needs a person: a port configured and not yet listened on, with what runs now."""
    rows, listening = [], None
    for path in sorted(glob.glob(os.path.join(host.state, "pending", "*.json"))):
        try:
            row = json.loads(read(path).decode("utf-8"))
        except (ValueError, OSError, IOError):
            continue
        listening = listeners() if listening is None else listening
        row.pop("saved", None)
        alone = row.pop("close", None) is not None and row.pop("motd", None) is not None
        row["closes"] = "this host" if alone and _installed(host) else "the next run"
        if os.path.exists(os.path.join(host.state, "watch.failed")):
            row["closes"] = "the next run: " + shown(read(os.path.join(host.state, "watch.failed"))).strip()
        name = row.get("process")
        ours = [one["port"] for one in listening if not name or one["process"] == name]
        watched = (row.get("configured"), row.get("previous"))
        row["running"] = sorted(set(port for port in ours if port in watched))
        row["resolved"] = row["running"] == [row.get("configured")]
        rows.append(row)
    return rows


def do_status(host, request):
    """Return the transactions, what is pending, and whether recovery at boot is installed."""
    rows = []
    for tx in host.transactions()[-int(request.get("last", 20)) :]:
        try:
            manifest = tx.manifest() or {}
        except Refused:  # the others are told all the same
            manifest = {"label": str(sys.exc_info()[1])}
        events = tx.events()
        row = {"id": tx.name, "state": tx.state(), "label": manifest.get("label", "")}
        row.update(created=manifest.get("created", ""), by=manifest.get("by", ""))
        row["paths"] = [entry["path"] for entry in manifest.get("entries", [])]
        row["left"] = left(tx) if row["state"] == "applied" else None
        row["why"] = [line["why"] for line in events if line["event"] == "rolledback"][:1]
        row["tidy"] = row["state"] == "rolledback" or "tidy" in [line["event"] for line in events]
        row["owed"] = tx.owed()
        rows.append(row)
    return {
        "changed": False,
        "transactions": rows,
        "pending": pending(host),
        "installed": _installed(host),
    }


# -- what the host finishes by itself ----------------------------------------------------------------

WATCH_TRIES = 3
COUNTERS = re.compile(b"^\\[[0-9]+:[0-9]+\\] ")  # what `iptables-save -c` puts in front of a rule
WATCH_LIMIT = 30 * 86400  # seconds for which a watching process stays; the next boot starts another


def _installed(host):
    return os.path.exists(os.path.join(host.state, "agent.py"))


def _records(host):
    """Return what waits for a restart and says what to do once it is seen: [(record, path)]."""
    found = []
    for path in sorted(glob.glob(os.path.join(host.state, "pending", "*.json"))):
        try:
            row = json.loads(read(path).decode("utf-8"))
        except (ValueError, OSError, IOError):
            continue
        if "close" in row:
            found.append((row, path))
    return found


def watch_on(host):
    """Let this host look every minute whether the restart has come, where something waits for it."""
    if not _installed(host) or not _records(host):
        return
    gone(os.path.join(host.state, "watch.failed"))  # a person was here since
    if host.root != "/":
        return
    if init_system() == "systemd":
        run(["systemctl", "enable", "aspect-watch.timer"])  # `enable --now` came after CentOS 7
        run(["systemctl", "start", "aspect-watch.timer"])
    elif os.path.exists("/etc/init.d/aspect-watch"):
        run([which("service") or "/sbin/service", "aspect-watch", "start"])


def watch_off(host):
    """Nothing waits any more: the timer ends. A process that stays ends by itself."""
    if host.root == "/" and init_system() == "systemd" and _installed(host):
        run(["systemctl", "disable", "aspect-watch.timer"])
        run(["systemctl", "stop", "aspect-watch.timer"])


def _seen(host):
    """Return the pending rows whose restart has come: the process listens on the new port and no longer on the old."""
    return dict((row["name"], row) for row in pending(host) if row["resolved"])


def watch_once(host, pause=1):
    """Finish what waited for a restart that has come, as a transaction of its own; seen twice, `pause` seconds apart."""
    records = _records(host)
    if not records:
        watch_off(host)
        return {"changed": False, "state": "nothing", "msg": "nothing waits for a restart"}
    first = _seen(host)
    if first:
        time.sleep(pause)
    both = set(first) & set(_seen(host))
    ready = [pair for pair in records if pair[0].get("name") in both]
    if not ready:
        return {"changed": False, "state": "pending", "msg": "the restart has not come"}
    if os.path.exists(os.path.join(host.state, "upgrade-open")):
        return {"changed": False, "state": "busy", "msg": "an upgrade is not finished"}
    try:
        host.lock(wait=0)
    except Refused:
        return {"changed": False, "state": "busy", "msg": str(sys.exc_info()[1])}
    try:
        answer = do_apply(host, closing(host, ready))
    except (Refused, OSError, IOError):
        answer = {"failed": True, "changed": False, "state": "refused", "msg": str(sys.exc_info()[1])}
    if answer.get("failed"):
        tell_failure(host, answer)
    elif not _records(host):
        watch_off(host)
    return answer


def closing(host, ready):
    """Return the plan that finishes: what the records want closed, no record, no line for whoever logs in."""
    plan = dict((key, []) for key in ("files", "remove", "commands", "probes"))
    names = set(_plan_path(host, path) for _, path in ready)
    for row, path in ready:
        plan["remove"].append({"path": _plan_path(host, path)})
        plan["commands"] += row["close"]
        plan["probes"].append(
            {"kind": "listen", "port": row["configured"], "process": row.get("process", "")}
        )
        if row.get("motd"):
            mark = row["motd"]["mark"].encode("utf-8")
            plan["files"] += without(host, row["motd"]["path"], lambda line, mark=mark: line.startswith(mark))
        for saved in saved_rules(row):  # the firewall's rules for the next boot
            drop = set(raw_path(native(line)) for line in saved["drop"])
            plan["files"] += without(
                host, saved["path"], lambda line, drop=drop: COUNTERS.sub(b"", line.strip()) in drop
            )
    plan["label"] = "the old port of " + ", ".join(row["name"] for row, _ in ready) + " is closed"
    plan["by"] = "this host, once the restart was seen"
    for tx in host.transactions():
        paths = set(entry["path"] for entry in (tx.manifest() or {}).get("entries", []))
        if tx.state() == "committed" and paths & names:
            plan["follows"] = tx.name
    return plan


def saved_rules(row):
    """Return what a record says of the rules for the next boot: [{path, drop}]; an older record has one of them."""
    saved = row.get("saved") or []
    return saved if isinstance(saved, list) else [saved]


def without(host, path, goes):
    """Return the plan's entry for a file without some of its lines; none where it is as it should be."""
    place = host.place(path)
    if not os.path.isfile(place):
        return []
    data = read(place)
    kept = b"".join(line for line in data.splitlines(True) if not goes(line))
    if kept == data:
        return []
    return [{"path": path, "content": b64(kept), "expect_sha256": sha256(data)}]


def tell_failure(host, answer):
    """Remember why it could not be finished; after some tries the next run of a person has to."""
    place = os.path.join(host.state, "watch.tries")
    tries = int(read(place)) + 1 if os.path.exists(place) else 1
    replace(place, str(tries).encode("ascii"))
    if tries >= WATCH_TRIES:
        gone(place)
        replace(os.path.join(host.state, "watch.failed"), answer.get("msg", "").encode("utf-8")[:1000])
        watch_off(host)


def do_watch(host, request):
    """Look once, or with `stay` every so many seconds until nothing waits any more."""
    if not os.path.isdir(host.state):
        return {"changed": False, "state": "nothing", "msg": "nothing was ever applied here"}
    answer, pause = watch_once(host), float(request.get("stay") or 0)
    deadline = clock() + WATCH_LIMIT
    while pause and clock() < deadline and _installed(host) and _records(host):
        if host.descriptor is not None:
            host.unlock()
        if os.path.exists(os.path.join(host.state, "watch.failed")):
            break
        time.sleep(pause)
        answer = watch_once(host)
    return answer


# -- what filters ------------------------------------------------------------------------------------

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
ZONES = (
    ["--get-default-zone"],
    ["--list-all-zones"],
    ["--permanent", "--list-all-zones"],
    ["--list-all-policies"],
    ["--permanent", "--list-all-policies"],
    ["--permanent", "--direct", "--get-all-rules"],
    ["--permanent", "--direct", "--get-all-passthroughs"],
)


def filters():
    """Return what filters on this host, as the programs that set it print it; nothing is loaded or changed.

    `said` is {command: [exit code, output]}; `tables` are those of nftables, asked of the kernel itself, and `legacy`
    those of the older iptables. Either is null where the kernel does not say.
    """
    said = {}

    def ask(*argv):
        code, output = run(argv, 20)
        if len(output) >= 196608:  # `run` cuts what is longer
            code, output = 125, "more than can be read"
        said[" ".join(argv)] = [code, output]
        return output if code == 0 else ""

    running = bool(which("firewall-cmd")) and "running" in ask("firewall-cmd", "--state").split()
    if running:
        listed = "".join(ask("firewall-cmd", *words) for words in ZONES)
        waiting = re.findall(r"(?m)^ +services: (.*)$|service name=\"([^\"]+)\"", listed)
        waiting, seen = " ".join(" ".join(pair) for pair in waiting).split(), set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                for scope in ([], ["--permanent"]):
                    more = ask("firewall-cmd", *(scope + ["--info-service=" + name]))
                    waiting += " ".join(re.findall(r"(?m)^ +includes: (.*)$", more)).split()
    tables, legacy = nft_tables(), legacy_tables()
    if which("nft") and tables:
        ask("nft", "list", "ruleset")
    for name in ("iptables", "ip6tables"):
        if which(name):
            ask(name, "-V")
            ask(name + "-save")
        if legacy and legacy[name] and which(name + "-legacy-save"):
            ask(name + "-legacy-save")
    enabled = []
    if init_system() == "systemd":
        for name in ("firewalld", "nftables", "iptables", "ip6tables"):
            if run(["systemctl", "is-enabled", name + ".service"], 20)[1].strip() == "enabled":
                enabled.append(name)
    return {"firewalld": running, "tables": tables, "legacy": legacy, "said": said, "enabled": enabled}


def legacy_tables():
    """Return the loaded tables of the older iptables, by program; None where this account may not know."""
    found = {}
    for name, path in (("iptables", "ip_tables_names"), ("ip6tables", "ip6_tables_names")):
        try:
            found[name] = shown(read("/proc/net/" + path)).split()
        except (OSError, IOError):
            if sys.exc_info()[1].errno != errno.ENOENT:
                return None
            found[name] = []
    return found


def nft_tables():
    """Return [[family, name]] of every table of nftables, by netlink: it takes no program; None where the kernel refuses to say."""
    found = []
    try:
        link = socket.socket(16, socket.SOCK_RAW, 12)  # AF_NETLINK, NETLINK_NETFILTER
    except socket.error:
        return found  # a kernel without it filters nothing by it
    try:
        link.settimeout(5)
        asked = struct.pack("=IHHII", 20, 10 << 8 | 1, 0x301, 1, 0)  # NFT_MSG_GETTABLE, all of them
        link.sendto(asked + struct.pack("=BBH", 0, 0, 0), (0, 0))
        while True:
            data = link.recv(262144)
            while len(data) >= 16:
                size, kind = struct.unpack("=IH", data[:6])
                if kind == 3 or size < 16:
                    return found
                if kind == 2:
                    code = -struct.unpack("=i", data[16:20])[0]
                    return found if code in (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT) else None
                family, rest = bytearray(data[16:17])[0], data[20:size]
                while len(rest) >= 4:
                    length, name = struct.unpack("=HH", rest[:4])
                    if name & 0x3FFF == 1:
                        found.append([FAMILIES.get(family, str(family)), shown(rest[4:length].rstrip(b"\0"))])
                    rest = rest[max(length + 3 & ~3, 4) :]
                data = data[size + 3 & ~3 :]
    except (socket.error, socket.timeout):
        return None
    finally:
        link.close()


# -- verbs: facts and verify -------------------------------------------------------------------------

CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def certificates(host, paths):
    """Return the certificates in files; a private key in the same file is mentioned and stays here."""
    rows = []
    for path in paths:
        place = host.place(path)
        row = {"path": path, "link": os.path.islink(place), "key": False, "pem": ""}
        try:
            data = read(place) if os.path.getsize(place) <= 1048576 else b""
        except (OSError, IOError):
            data = b""
        row["key"] = b"PRIVATE KEY-----" in data
        row["pem"] = "".join(shown(block) + "\n" for block in CERTIFICATE.findall(data))
        if not row["key"]:
            row["sha256"] = sha256(data)
        rows.append(row)
    return rows


def not_closed(pattern):
    """Refuse to call absent what may lie in a folder that this account may not look into. Errors: OSError."""
    here = "/"
    for part in pattern.split("/"):
        wild = [c for c in "*?[" if c in part]
        if os.path.isdir(here) and not os.access(here, os.R_OK | os.X_OK if wild else os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), shown(here))
        if wild:
            return
        here = os.path.join(here, part)


def remembered(host):
    """Return what the last change of the engine's port left: where the engine keeps its port, and its process's name."""
    try:
        found = json.loads(read(os.path.join(host.state, "control-engine.json")).decode("ascii"))
        return dict((key, found[key]) for key in ("config", "key", "process"))
    except (ValueError, KeyError, OSError, IOError):
        return {}


def do_facts(host, request):
    """Return what a control machine needs to know, the files it asked for, and what programs say.

    `read`: paths or patterns (a link is read as the file it leads to); `run`: commands such as `nginx -v`;
    `certificates`: files of which only the certificates are read; `filters`: true for what filters here;
    `engine`: true for the control engine's file as well, where the last change of its port remembered that.
    """
    release = ""
    for name in ("etc/centos-release", "etc/redhat-release", "etc/os-release"):
        try:
            release = shown(read(os.path.join(host.root, name))).splitlines()[0]
            break
        except (OSError, IOError, IndexError):
            continue
    files, skipped = [], []
    engine = remembered(host) if request.get("engine") else {}
    for pattern in request.get("read", []) + [engine[key] for key in engine if key == "config"]:
        found = glob.glob(host.place(pattern))
        if not found:
            not_closed(host.place(pattern))
        for row in files:
            if row["real"] in [os.path.realpath(one) for one in found]:
                row["asked"].append(pattern)
        for path in sorted(set(os.path.realpath(one) for one in found) - set(row["real"] for row in files)):
            seen = look(path, digest=False)
            if os.path.isfile(path) and os.path.getsize(path) <= 1048576:
                data = read(path)
                row = {"path": _plan_path(host, path), "content": b64(data), "sha256": sha256(data)}
                files.append(dict(row, mode="%04o" % seen["mode"], real=path, asked=[pattern]))
            else:
                skipped.append(_plan_path(host, path))
    return {
        "changed": False,
        "python": platform.python_version(),
        "executable": sys.executable,
        "release": release,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "init": init_system(),
        "selinux": selinux(),
        "engine": engine,
        "filters": filters() if request.get("filters") and host.root == "/" else None,
        "uid": os.getuid(),
        "time": stamp(),
        "listeners": listeners(),
        "files": files,
        "said": [run(argv, 20)[1][:65536] for argv in request.get("run", [])],
        "skipped": skipped,
        "certificates": certificates(host, request.get("certificates", [])),
        "pending": pending(host),
    }


def do_verify(host, plan):
    """Say whether the host is as the plan wants it: files, commands, validators, probes. Nothing is changed."""
    entries = compare(host, plan)
    problems = ["%s is not as planned" % _plan_path(host, entry["path"]) for entry in entries]
    problems += ["%s is not so" % command["name"] for command in needed_commands(plan)]
    rows = judge(host, plan.get("validators", []), "placed")
    problems += ["%s says no: %s" % (r["name"], r["output"].strip()) for r in rows if r["rc"] != 0]
    probes = ask_probes(plan.get("probes", []))
    problems += ["probe failed: %s: %s" % (r["name"], r["problem"]) for r in probes if not r["ok"]]
    waiting = [row for row in pending(host) if not row["resolved"]]
    answer = {"changed": False, "problems": problems, "pending": waiting, "probes": probes}
    answer.update(validators=rows, failed=bool(problems), state="as-planned" if not problems else "drifted")
    if problems:
        answer["msg"] = "; ".join(problems)
    return answer


# -- staying on the host, and leaving it -------------------------------------------------------------

UNIT = """[Unit]
Description=Undo an interrupted hardening transaction (%(what)s)
DefaultDependencies=no
After=local-fs.target%(after)s
Before=%(before)s
ConditionPathExists=%(state)s/tx

[Service]
Type=oneshot
ExecStart=%(python)s %(state)s/agent.py recover --state %(state)s%(flag)s

[Install]
WantedBy=%(wanted)s
"""

WATCH_UNIT = """[Unit]
Description=Close the port that a restarted engine has left (hardening)
ConditionPathExists=%(state)s/pending

[Service]
Type=oneshot
ExecStart=%(python)s %(state)s/agent.py watch --state %(state)s
"""

WATCH_TIMER = """[Unit]
Description=Look every minute whether the engine was restarted (hardening)

[Timer]
OnActiveSec=20
OnUnitInactiveSec=60
AccuracySec=5

[Install]
WantedBy=timers.target
"""

WATCH_SCRIPT = """#!/bin/sh
# chkconfig: 2345 99 01
# description: close the port that a restarted engine has left (hardening)
### BEGIN INIT INFO
# Provides: aspect-watch
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: close the port that a restarted engine has left
### END INIT INFO
mine=%(state)s/watch.pid
runs() { test -f $mine && grep -q agent.py "/proc/$(cat $mine)/cmdline" 2>/dev/null; }
case "$1" in
  start)
    if test -d %(state)s/pending && ! runs; then
      %(python)s %(state)s/agent.py watch --state %(state)s --stay 30 </dev/null >/dev/null 2>&1 &
      echo $! >$mine
    fi ;;
  stop) if runs; then kill "$(cat $mine)"; fi; rm -f $mine ;;
  status) runs ;;
  *) : ;;
esac
"""

SCRIPT = """#!/bin/sh
# chkconfig: 2345 %(order)s 99
# description: undo an interrupted hardening transaction (%(what)s)
### BEGIN INIT INFO
# Provides: %(name)s
# Required-Start: $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
# Short-Description: undo an interrupted hardening transaction
### END INIT INFO
case "$1" in
  start) %(python)s %(state)s/agent.py recover --state %(state)s%(flag)s >/dev/null || exit 1 ;;
  *) : ;;
esac
"""


def boot_files(host, state):
    """Return {path: (content, mode)} of the boot-time recovery for this host's init system."""
    base = {"python": sys.executable, "state": state}
    early = dict(base, what="files, before services start", flag=" --boot", name="aspect-recover", order="01")
    late = dict(base, what="services and commands", flag="", name="aspect-settle", order="99")
    early.update(after="", before="basic.target", wanted="basic.target")
    late.update(after=" multi-user.target", before="shutdown.target", wanted="multi-user.target")
    files = {}
    for one in (early, late):
        if init_system(host.root) == "systemd":
            files["/etc/systemd/system/%s.service" % one["name"]] = ((UNIT % one).encode("ascii"), 0o644)
        else:
            files["/etc/init.d/%s" % one["name"]] = ((SCRIPT % one).encode("ascii"), 0o755)
    if init_system(host.root) == "systemd":
        files["/etc/systemd/system/aspect-watch.service"] = ((WATCH_UNIT % base).encode("ascii"), 0o644)
        files["/etc/systemd/system/aspect-watch.timer"] = (WATCH_TIMER.encode("ascii"), 0o644)
    else:
        files["/etc/init.d/aspect-watch"] = ((WATCH_SCRIPT % base).encode("ascii"), 0o755)
    return files


def install(host, dry=False):
    """Keep a copy of the agent and its boot-time recovery on the host; return the paths (to be) written."""
    source = globals().get("SOURCE")
    if source is None:
        source = read(os.path.abspath(__file__))
    files = {os.path.join(host.state, "agent.py"): (source, 0o700)}
    for path, pair in boot_files(host, _plan_path(host, host.state)).items():
        files[host.place(path)] = pair
    changed = [path for path in sorted(files) if not os.path.exists(path) or read(path) != files[path][0]]
    if dry:
        return [_plan_path(host, path) for path in changed]
    for path in changed:
        make_dirs(os.path.dirname(path), 0o755)
        replace(path, files[path][0])
        os.chmod(path, files[path][1])
    if changed and host.root == "/":
        for name in ("aspect-recover", "aspect-settle", "aspect-watch"):
            if init_system() == "systemd":
                if name != "aspect-watch":  # its timer runs only while something waits
                    run(["systemctl", "enable", name + ".service"])
            elif which("chkconfig"):
                run(["chkconfig", "--add", name])
            elif which("update-rc.d"):
                run(["update-rc.d", name, "defaults"])
    return [_plan_path(host, path) for path in changed]


def do_uninstall(host, request):
    """Remove agent, boot-time recovery, journals and kept copies; the configuration stays as it is."""
    open_ones = [tx.name for tx in host.transactions() if tx.state() in ("open", "applied")]
    if open_ones:
        raise Refused("transaction %s is not finished" % open_ones[0])
    if os.path.exists(os.path.join(host.state, "upgrade-open")):
        raise Refused("an upgrade is not finished")
    paths = []
    for path in ("/etc/systemd/system/%s.service", "/etc/init.d/%s"):
        for name in ("aspect-recover", "aspect-settle", "aspect-watch"):
            paths.append((name, host.place(path % name)))
    paths.insert(0, ("aspect-watch", host.place("/etc/systemd/system/aspect-watch.timer")))
    present = [pair for pair in paths if os.path.lexists(pair[1])]
    if request.get("check"):
        return {
            "changed": bool(present) or os.path.isdir(host.state),
            "paths": [shown(p) for _, p in present],
        }
    for name, path in present:
        if host.root == "/" and path.endswith((".service", ".timer")):
            run(["systemctl", "disable", os.path.basename(path)])
            if name == "aspect-watch":
                run(["systemctl", "stop", os.path.basename(path)])
        elif host.root == "/":
            if name == "aspect-watch":
                run([path, "stop"])
            run(["chkconfig", "--del", name] if which("chkconfig") else ["update-rc.d", "-f", name, "remove"])
        gone(path)
    shutil.rmtree(host.state)
    return {"changed": True, "state": "uninstalled", "paths": [shown(path) for _, path in present]}


# -- the outside -------------------------------------------------------------------------------------


class Stopped(Exception):
    """A signal asked us to end; it is treated like any other failure."""


def _stop(signal_number, frame):
    raise Stopped("stopped by signal %d" % signal_number)


VERBS = {
    "facts": (do_facts, False),
    "status": (do_status, False),
    "check": (do_check, False),
    "verify": (do_verify, False),
    "watch": (do_watch, False),
    "apply": (do_apply, True),
    "confirm": (do_confirm, True),
    "rollback": (do_rollback, True),
    "uninstall": (do_uninstall, True),
    "recover": (lambda host, request: {"recovered": recover(host, bool(request.get("boot")))}, True),
}


def explained(problem):
    """Return what the system refused, and what helps where that is known."""
    help_ = ""
    if problem.errno in (errno.EACCES, errno.EPERM) and os.getuid() != 0:
        help_ = " (uid %d is not root here: become root, ansible_become: true)" % os.getuid()
    elif problem.errno in (errno.ENOSPC, errno.EDQUOT):
        help_ = " (make room there first)"
    return "%s%s" % (problem, help_)


def answer_to(request):
    """Return the answer to one request; every failure is an answer too."""
    verb = request.get("verb")
    base = {"verb": verb, "agent": VERSION, "python": platform.python_version(), "failed": False}
    if verb not in VERBS:
        return dict(base, failed=True, state="refused", changed=False, msg="unknown verb %s" % verb)
    function, locks = VERBS[verb]
    if verb in ("rollback", "uninstall") and request.get("check"):
        locks = False  # check mode writes nothing, not even the lock
    host = None
    try:
        host = Host(request.get("root") or "/", request.get("state") or STATE)
        if locks:
            if verb in ("recover", "rollback", "confirm", "uninstall") and not os.path.isdir(host.state):
                return dict(
                    base, changed=False, state="nothing", recovered=[], msg="nothing was ever applied here"
                )
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _stop)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            host.lock()
        plan = request.get("plan", request) if verb in ("apply", "check", "verify") else request
        return dict(base, **dict((str(key), value) for key, value in function(host, plan).items()))
    except Refused:
        said = str(sys.exc_info()[1])
        said = host.masked(said) if host is not None else said  # a directory that cannot be ours
        return dict(base, failed=True, changed=False, state="refused", msg=said)
    except (OSError, IOError):
        said = explained(sys.exc_info()[1])
        return dict(base, failed=True, changed=False, state="refused", msg=said)
    except (KeyError, TypeError, ValueError):
        detail = traceback.format_exc().strip().splitlines()
        message = "the request is not well formed: %s (%s)" % (sys.exc_info()[1], detail[-3].strip())
        return dict(base, failed=True, changed=False, state="refused", msg=message)


def main():
    """Answer the request that was streamed along, or the one on the command line."""
    if "REQUEST" in globals():
        request = json.loads(zlib.decompress(unb64(globals()["REQUEST"])).decode("ascii"))
        answer = json.dumps(answer_to(request), sort_keys=True)
        sys.stdout.write("\n%s%s\n" % (MARK, answer))
        sys.stdout.flush()
        return 0
    words = sys.argv[1:]
    request = {"verb": words.pop(0) if words else "status"}
    while words:
        word = words.pop(0).lstrip("-")
        request[word] = True if word in ("boot", "check", "force") else words.pop(0)
    if request["verb"] in ("apply", "check", "verify"):
        request["plan"] = json.loads(shown(sys.stdin.read()))
    answer = answer_to(request)
    sys.stdout.write(json.dumps(answer, sort_keys=True, indent=1) + "\n")
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "upgrade.py")
    if request["verb"] == "recover" and os.path.exists(beside):
        sys.stdout.flush()
        os.closerange(3, 1024)  # the lock is one of them, and the upgrade around the transactions wants it
        os.execv(sys.executable, [sys.executable, beside] + sys.argv[1:])  # noqa: S606 - our own file
    return 6 if answer["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
