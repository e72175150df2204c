"""Undoes a transaction, from any point; doing it twice is doing it once."""

import calendar
import errno
import os
import shutil
import sys
import time

from hardening.onhost.agent.placing import held_folder, places_of, sync_all
from hardening.onhost.agent.services import is_down, restart_instead, run_services
from hardening.onhost.shared.copying import copy_tree, write
from hardening.onhost.shared.files import read, remove
from hardening.onhost.shared.metadata import apply_metadata, look, same
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import native, shown


def put_back(tx, index, entry):
    """Undo one entry, from whatever point it had reached; doing it twice is doing it once."""
    try:
        folder = held_folder(entry)
    except (OSError, IOError):  # the folder was to be made, or somebody took it away since
        if sys.exc_info()[1].errno != errno.ENOENT or entry["old"] is not None:
            raise
        return
    with folder:
        _put_back(tx, index, entry, folder)


def _put_back(tx, index, entry, folder):
    path, fresh, kept = places_of(tx, index, entry, folder)
    remove(fresh)
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
                remove(path)
            os.rename(kept, path)
    elif entry["old"] is None:
        remove(path)
    if not same(look(path), entry["old"]):
        from_copy(tx, index, entry, path, fresh)
        if not same(look(path), entry["old"]):
            raise OSError(errno.EIO, "is not as it was", path)


def from_copy(tx, index, entry, path, fresh):
    """Restore an entry from the transaction's copy; used when what was kept beside it is not there."""
    old, copy = entry["old"], tx.path("old.%d" % index)
    if old is None:
        return
    remove(fresh)
    if old["kind"] == "dir" and "tree" not in old:
        os.path.isdir(path) or os.mkdir(path, old["mode"])
        apply_metadata(path, old)
        return
    if old["kind"] == "file":
        write(fresh, read(copy), seen=old)
    elif old["kind"] == "link":
        os.symlink(native(old["target"]), fresh)
    else:
        copy_tree(copy, fresh)
    if old["kind"] == "dir":
        remove(path)
    os.rename(fresh, path)


def loaded(tx):
    """Return a transaction's manifest with its paths as they are on this machine."""
    manifest = tx.manifest() or {"entries": [], "commands": [], "services": []}
    for entry in manifest["entries"]:
        entry["path"] = tx.host.place(entry["path"])
    return manifest


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
            owed = finish_undo(tx, manifest, undo_work(manifest, events), boot)
            tx.record("rolled-back", why=why, owed=owed)
    except (OSError, IOError):
        problems.append(str(sys.exc_info()[1]))
    # without the final record the guard, the boot or the next run tries again
    return {"problems": problems, "owed": owed}


def undo_work(manifest, events):
    """Return the names of commands to undo and services to reload or restart: those that the journal says began."""
    began = [(line["event"], line["name"]) for line in events if line["event"] in ("command", "service")]
    commands = [c["name"] for c in reversed(manifest["commands"]) if ("command", c["name"]) in began]
    slept = [line["name"] for line in events if line["event"] == "service" and line.get("asleep")]
    return {
        "commands": commands,
        "services": [s["name"] for s in manifest["services"] if ("service", s["name"]) in began],
        "asleep": slept,
    }


def finish_undo(tx, manifest, names, boot=False):
    """Undo commands, reload or restart services; return what is still pending. At boot services are not up yet."""
    owed = {"commands": [], "services": []}
    for command in reversed(manifest["commands"]):
        if command["name"] in names["commands"] and command.get("undo"):
            if boot or run(command["undo"], command.get("timeout", 60))[0] != 0:
                owed["commands"].append(command["name"])
    for service in manifest["services"]:
        if service["name"] in names.get("asleep", ()) and not boot:
            run_services(tx.host, [dict(service, action="stop")])
        elif service["name"] in names["services"] and not boot:
            restarted = run_services(tx.host, [service])[0]["rc"] == 0 and not is_down(service)
            if not restarted and not restart_instead(tx.host, service):
                owed["services"].append(service["name"])
    return owed if owed["commands"] or owed["services"] else {}


def tidy(tx):
    """Remove what a committed transaction kept beside its files."""
    entries = loaded(tx)["entries"]
    for index, entry in enumerate(entries):
        try:
            folder = held_folder(entry)
        except (OSError, IOError):
            if sys.exc_info()[1].errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise
            continue  # it is gone, with everything in it
        with folder:
            path, fresh, kept = places_of(tx, index, entry, folder)
            remove(kept)
            remove(fresh)
            if entry["op"] == "rmdir":
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # somebody put something there since: it stays
    sync_all(entries)
    tx.record("tidy")


def seconds_left(tx):
    """Return the seconds that an applied transaction still waits for its confirmation, by the wall clock, or None."""
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
        state, events, owes = tx.state(), tx.events(), tx.pending_undo()
        if state == "none":
            shutil.rmtree(tx.dir)  # nothing had been changed when it ended
            rows.append({"id": tx.name, "did": "dropped"})
        elif state == "applied" and not boot and only is None and seconds_left(tx) is not None:
            rows.append({"id": tx.name, "did": "waits", "left": seconds_left(tx)})
        elif state in ("open", "applied"):
            result = undo(tx, "interrupted" if state == "open" else "not confirmed", boot)
            did = "undo failed" if result["problems"] else "undone"
            rows.append(dict(result, id=tx.name, did=did))
        elif state in ("committed", "undone") and not [e for e in events if e["event"] == "tidy"]:
            tidy(tx)
            rows.append({"id": tx.name, "did": "tidied"})
        elif state == "rolled-back" and owes and not boot:
            owed = finish_undo(tx, loaded(tx), owes)
            if owed != owes:
                tx.record("rolled-back", owed=owed, why="undo finished")
            rows.append({"id": tx.name, "did": "told services", "owed": owed})
    return rows
