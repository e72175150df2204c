"""Dumps the database, checks the dump, and restores it."""

import hashlib
import os
import pwd
import re
import select
import signal
import subprocess
import sys

from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import remove
from hardening.onhost.shared.processes import environment, new_session
from hardening.onhost.shared.texts import clock, native, shown

LINE_ROOM = 65536
COUNTER = re.compile(b" AUTO_INCREMENT=[0-9]+")  # a restart of the database sets it back by itself


def stop_line(up, text):
    """Return the id of the known message that makes this line stop an upgrade, or None."""
    prefix, patterns = up.matchers()
    text = prefix.sub("", text, 1) if prefix is not None else text
    for name, pattern in patterns:
        if pattern.search(text):
            return name
    return None


def dump(up, path):
    """Dump the database to a file that is checked; return {size, sha256}. Errors: Failed."""
    database = up.recipe()["database"]
    code, output = run_with_file(up.fill(database["dump"]), None, path, database.get("timeout", 3600))
    for line in output.splitlines():
        known = stop_line(up, line)
        if known:
            raise Failed("the database dump is incomplete: its program said what log/%s means" % known)
    if code != 0:
        raise Failed("the database dump failed: %s exited %d" % (database["dump"][0], code))
    last, size = "", os.path.getsize(path)
    handle = open(path, "rb")
    try:
        handle.seek(max(0, size - LINE_ROOM))
        for line in handle.read().splitlines():
            last = line if line.strip() else last
    finally:
        handle.close()
    if not size or not re.search(database["complete"], shown(last) if last else ""):
        raise Failed("the database dump is incomplete: its last line is not the one of a whole dump")
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return {"size": size, "sha256": dump_digest(path, database)}


def dump_digest(path, database):
    """Return a digest of a dump without the lines that differ from dump to dump (times, host names)."""
    ignore = re.compile(database.get("ignore") or "^-- ")
    digest = hashlib.sha256()
    handle = open(path, "rb")
    try:
        for line in handle:
            if not ignore.search(shown(line)):
                digest.update(COUNTER.sub(b"", line))
    finally:
        handle.close()
    return digest.hexdigest()


def run_with_file(argv, source, target, timeout):
    """Run a program with a file on one side; return (exit code, what it said beside)."""
    home = pwd.getpwuid(os.getuid()).pw_dir  # where ~/.my.cnf lies, at boot too
    take = open(source or os.devnull, "rb")
    if target:
        remove(target)  # what an attempt that was cut off left
    give = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) if target else None
    reader, writer = os.pipe()
    try:
        child = subprocess.Popen(
            [native(word) for word in argv],
            stdin=take,
            stdout=writer if give is None else give,
            stderr=writer,
            close_fds=True,
            preexec_fn=new_session,
            cwd="/",
            env=environment(HOME=home),
        )
    except (OSError, IOError):
        os.close(reader)
        return 127, str(sys.exc_info()[1])
    finally:
        os.close(writer)
        take.close()
        if give is not None:
            os.close(give)
    chunks, deadline = [], clock() + timeout
    try:
        while True:
            ended = child.poll() is not None
            if select.select([reader], [], [], 0 if ended else 0.02)[0]:
                chunk = os.read(reader, 65536)
                if chunk and len(chunks) < 64:
                    chunks.append(chunk)
                if not chunk:
                    child.wait()
                    break
            elif ended:
                break
            if clock() > deadline:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return 124, "no end within %s s" % timeout
    finally:
        os.close(reader)
    return child.returncode, shown(b"".join(chunks))


def restore_database(up, path, kept):
    """Restore the dump where the database differs from it, and compare a new dump with it; return problems."""
    database = up.recipe()["database"]
    try:
        if dump(up, up.path("dump.now"))["sha256"] == kept["sha256"]:
            return []
    except Failed:
        pass  # whatever is there cannot be dumped: it is replaced
    finally:
        remove(up.path("dump.now"))
    if dump_digest(path, database) != kept["sha256"]:
        return ["the kept database dump is damaged"]
    code, output = run_with_file(up.fill(database["restore"]), path, None, database.get("timeout", 3600))
    for line in output.splitlines():
        if stop_line(up, line):
            return ["the database restore stopped: log/%s" % stop_line(up, line)]
    if code != 0:
        return ["the database restore failed: %s exited %d" % (database["restore"][0], code)]
    try:
        if dump(up, up.path("dump.now"))["sha256"] != kept["sha256"]:
            return ["the restored database is not what was dumped"]
    except Failed:
        return ["the restored database cannot be dumped: %s" % sys.exc_info()[1]]
    finally:
        remove(up.path("dump.now"))
    return []
