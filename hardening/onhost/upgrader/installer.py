"""Runs the bundle's installer and reads its log as it comes."""

import os
import select
import signal
import subprocess
import sys

from hardening.onhost.shared.boot import boot_id, ticks
from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import digest_of, remove
from hardening.onhost.shared.processes import environment, new_session
from hardening.onhost.shared.texts import clock, native, shown
from hardening.onhost.upgrader.database import LINE_ROOM, stop_line
from hardening.onhost.upgrader.leftovers import TOKEN, process_began
from hardening.onhost.upgrader.lost import TAKEN, has_record
from hardening.onhost.upgrader.orders import order_of
from hardening.onhost.upgrader.unpacking import unpack


def run_installer(host, up):
    """Unpack the bundle and run its installer, reading its log as it comes. Errors: Failed."""
    recipe, manifest = up.recipe(), up.manifest()
    if digest_of(up.path("bundle")) != manifest["bundle"]["sha256"]:
        raise Failed("the bundle on this host is no longer the one that was signed")
    os.mkdir(up.path("work"), 0o700)
    if recipe["unpack"]:
        unpack(up.path("bundle"), up.path("work"))
    variables = environment(LANG="C")
    variables["ASPECT_UPGRADE"] = str(up.name)
    variables[TOKEN] = native(manifest["token"])
    variables["ASPECT_ROOT"] = native(shown(host.root).rstrip("/"))
    variables["ASPECT_RELEASE"] = native(manifest["release"])
    up.record("installing")
    reader, writer = os.pipe()
    null = open(os.devnull, "rb")
    try:
        child = subprocess.Popen(
            [native(word) for word in up.fill(recipe["installer"])],
            stdin=null,
            stdout=writer,
            stderr=writer,
            close_fds=True,
            preexec_fn=new_session,
            cwd=up.path("work"),
            env=variables,
        )
    except (OSError, IOError):
        os.close(reader)
        raise Failed("the installer cannot be started: %s" % sys.exc_info()[1])
    finally:
        os.close(writer)
        null.close()
    session = {"pid": child.pid, "began": process_began(child.pid), "boot": boot_id()}
    try:
        up.keep_json("session", session)
        why = follow(up, child, reader)
    finally:
        os.close(reader)
        if child.poll() is None:
            end_group(child.pid)
            child.wait()
    up.keep_json("session", dict(session, ended=ticks()))
    if why:
        raise Failed(why)
    if child.returncode != 0:
        how = "exited %d" % child.returncode
        if child.returncode < 0:
            how = "was killed by signal %d" % -child.returncode
        raise Failed("the installer %s" % how)


def follow(up, child, reader):
    """Copy the installer's output to the log and read every line; return why it has to stop, or an empty text."""
    recipe = up.recipe()
    deadline, quiet = clock() + recipe["timeout"], clock()
    rest, number = b"", 0
    log = os.open(up.path("install.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        while True:
            ended = child.poll() is not None
            if select.select([reader], [], [], 0.1 if ended else 0.05)[0]:
                chunk, quiet = os.read(reader, 65536), clock()
                if not chunk:
                    child.wait()
                    return stopped_by(up, number + 1, rest)
                os.write(log, chunk)
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()[-LINE_ROOM:]
                for line in lines:
                    number += 1
                    why = stopped_by(up, number, line)
                    if why:
                        return why
            elif ended:
                return stopped_by(up, number + 1, rest)
            if clock() > deadline:
                return "the installer did not end within %d seconds" % recipe["timeout"]
            if clock() - quiet > recipe["silence"]:
                return "the installer said nothing for %d seconds" % recipe["silence"]
            if not has_record(up):
                return TAKEN
            order = order_of(up)
            if order is not None and order["do"] == "rollback":
                remove(up.path("order"))
                return order.get("why") or "the control machine asked for it"
    finally:
        os.fsync(log)
        os.close(log)


def stopped_by(up, number, line):
    """Return why a line of the installer's output stops the upgrade, or an empty text; a carriage return starts a new line."""
    for piece in line.split(b"\r"):
        known = stop_line(up, shown(piece[:8192]))
        if known:
            return "line %d of the installer's log stops the upgrade (log/%s)" % (number, known)
    return ""


def end_group(pid):
    """End a process group, at once."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass  # it is gone already
