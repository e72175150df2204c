"""The verb `order`: settle, commit or roll back."""

import errno
import os
import sys

from hardening.onhost.shared.errors import THROWN_AWAY, Failed, Refused
from hardening.onhost.shared.files import digest_of, remove
from hardening.onhost.shared.host import plan_path
from hardening.onhost.upgrader.backup import shown_below, tree_of
from hardening.onhost.upgrader.database import dump, dump_digest
from hardening.onhost.upgrader.locking import is_running, wait_until_idle
from hardening.onhost.upgrader.lost import upgrade_named
from hardening.onhost.upgrader.record import best_copy, upgrades
from hardening.onhost.upgrader.runner import DIED, spawn


def do_order(host, request):
    """Tell the runner: settle, commit or rollback; a rollback needs no living runner."""
    up = upgrade_named(host, request["id"])
    state = up.state()
    if state == "rolled-back" or (state == "committed" and request["do"] != "rollback"):
        return {"changed": False, "id": up.name, "state": state}
    would = {"changed": True, "id": up.name, "state": "would-change", "paths": up.recipe()["paths"]}
    if state != "committed" and request.get("check"):
        return would
    if state != "committed" and is_running(host):
        keep = dict((name, request[name]) for name in ("do", "why", "force") if name in request)
        up.keep_json("order", keep)
        return {"changed": True, "id": up.name, "state": state}
    if request["do"] != "rollback":
        spawn(host, up, DIED)
        return {
            "changed": True,
            "failed": True,
            "id": up.name,
            "state": state,
            "msg": DIED,
        }
    if state == "committed":
        if not wait_until_idle(host):
            raise Refused("the upgrade is final and its runner still tidies up; ask again in a minute")
        if [one for one in upgrades(host) if one.name > up.name and one.state() == "committed"]:
            raise Refused("a later upgrade is installed; roll that one back first")
        copies_or_refused(up)
        lost = since_commit(host, up)
        if lost and not request.get("force"):
            raise Refused("%s; %s" % ("; ".join(lost), THROWN_AWAY))
        if request.get("check"):
            return would
    spawn(host, up, request.get("why") or "asked for")
    return {"changed": True, "id": up.name, "state": state}


def copies_or_refused(up):
    """Check every kept copy before a finished upgrade is rolled back. Errors: Refused where one is gone or damaged."""
    folder, before = best_copy(up)
    problem = "" if before else "the copies of what it replaced are gone"
    for number, one in enumerate((before or {}).get("paths", [])):
        for index, (name, want) in enumerate(one["entries"]):
            copy = os.path.join(folder, "path.%d" % number, "%d" % index)
            if want["kind"] == "file" and not problem:
                problem = copy_problem(copy, want["sha256"], digest_of)
                problem = problem and "the kept copy of %s %s" % (shown_below(one["path"], name), problem)
    if before and before.get("dump") and not problem:
        database = up.recipe()["database"]
        problem = copy_problem(
            os.path.join(folder, "dump"),
            before["dump"]["sha256"],
            lambda path: dump_digest(path, database),
        )
        problem = problem and "the kept database dump %s" % problem
    if problem:
        raise Refused(
            "%s: upgrade %s cannot be rolled back, and the host stays as it is; restore it from your own backup"
            % (problem, up.name)
        )


def copy_problem(path, wanted, digest):
    """Return what is wrong with a kept file, or an empty text."""
    try:
        return "" if digest(path) == wanted else "is damaged"
    except (OSError, IOError):
        missing = sys.exc_info()[1].errno in (errno.ENOENT, errno.ENOTDIR)
        return "is gone" if missing else "cannot be read"


def changed_after(host, path, mark, most=5):
    """Return the names below a path that were touched after a file was written, as words; what is gone has no name."""
    began, found = os.lstat(mark).st_ctime, []
    for folder, folders, names in os.walk(host.place(path)):
        for name in sorted(folders + names):
            here = os.path.join(folder, name)
            try:
                if os.lstat(here).st_ctime > began:
                    found.append(plan_path(host, here))
            except OSError:
                continue  # it went meanwhile
    files = [one for one in found if not os.path.isdir(host.place(one))] or found
    more = ", and %d more" % (len(files) - most) if len(files) > most else ""
    return " (%s%s)" % (", ".join(files[:most]), more) if files else ""


def since_commit(host, up):
    """Return what changed since the upgrade was finished and would be lost."""
    after, lost = up.load_json("after.json", {}), []
    for path, digest in zip(up.recipe()["paths"], after.get("paths", [])):
        if tree_of(host.place(path)) != digest:
            lost.append(
                "%s was changed since the upgrade%s"
                % (path, changed_after(host, path, up.path("after.json")))
            )
    if after.get("dump"):
        spare = "%s/dump.check.%d" % (up.dir, os.getpid())
        try:
            if dump(up, spare)["sha256"] != after["dump"]:
                lost.append("the database was written to since the upgrade")
        except Failed:
            pass  # it cannot be dumped: going back is why we are here
        finally:
            remove(spare)
    return lost
