"""The verb `look`: can this host be upgraded? Nothing is written."""

import os
import platform
import time

from hardening.onhost.agent.needs import nearest_folder
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.probes import ask_probes
from hardening.onhost.shared.processes import which
from hardening.onhost.upgrader.backup import through_links
from hardening.onhost.upgrader.locking import is_running
from hardening.onhost.upgrader.lost import lost_upgrade, lost_words
from hardening.onhost.upgrader.record import Upgrade, installed_record, unfinished
from hardening.onhost.upgrader.release import version_of
from hardening.onhost.upgrader.services import filled_probes, is_up
from hardening.onhost.upgrader.status import upgrade_row

BALLAST = 4 * 1024 * 1024  # given back before an undo, so that a full disk does not stop it


def do_look(host, request):
    """Say whether this host is fit for the upgrade; nothing is written."""
    recipe, problems = request["recipe"], []
    open_one = unfinished(host)
    answer = {"changed": False, "time": time.time(), "uid": os.getuid(), "python": platform.python_version()}
    answer.update(installed=version_of(host, recipe), record=installed_record(host), alive=is_running(host))
    answer["open"] = upgrade_row(open_one) if open_one else None
    declared, size = [], 0
    for path in recipe["paths"]:
        seen = listed_size(host.place(path))
        declared.append({"path": path, "bytes": seen, "present": seen is not None})
        size += seen or 0
    answer["paths"] = declared
    if declared and not [row for row in declared if row["present"]]:
        problems.append("none of the declared paths exists: is this a host of %s?" % recipe["name"])
    problems += through_links(host, recipe)
    need = size * (3 if recipe["backup_again"] else 2) + int(request.get("unpacked", 0))
    need += int(request.get("size", 0)) + BALLAST + recipe["headroom"] * 1048576
    answer["disk"], more = disk_problems(host, recipe, need)
    problems += more
    if os.getuid() != 0 and host.root == "/":
        problems.append("the agent is not root here; use become")
    answer["lost"] = lost_upgrade(host)
    problems += lost_words(host)
    for tx in host.transactions():
        if tx.state() in ("open", "applied"):
            problems.append("transaction %s is %s" % (tx.name, tx.state()))
    probe = Upgrade(host, "look")
    probe.manifest = lambda: {"recipe": recipe, "release": request.get("release", "")}
    answer["services"] = [{"name": s["name"], "up": is_up(probe, s)} for s in recipe["services"]]
    problems += missing_programs(probe, recipe, answer["services"])
    for name in ("probes_before", "checks"):
        for row in ask_probes(filled_probes(probe, name)):
            if not row["ok"]:
                problems.append("%s: %s" % (row["name"], row["problem"]))
    answer["problems"] = problems
    return answer


def disk_problems(host, recipe, need):
    """Return where the state lies and what is free there, and what forbids writing to it or to the declared paths."""
    problems = []
    for path in recipe["paths"]:
        if os.path.exists(host.place(path)) and os.statvfs(host.place(path)).f_flag & 1:
            problems.append("%s lies on a read-only file system: remount it first" % path)
    place = nearest_folder(host.state)
    disk, name = os.statvfs(place), plan_path(host, place)
    free = disk.f_bavail * disk.f_frsize
    if free < need:
        problems.append("%s has %d bytes free, %d are needed" % (name, free, need))
    if hasattr(disk, "f_flag") and disk.f_flag & 1:
        problems.append("%s is read-only" % name)
    return {"place": name, "free": free, "need": need}, problems


def missing_programs(probe, recipe, services):
    """Return a problem for each service that does not run and each program of the database that is absent."""
    problems = []
    for service, row in zip(recipe["services"], services):
        if not row["up"] and not service.get("optional"):
            problems.append("%s does not run" % row["name"])
    for word in ("dump", "restore") if recipe.get("database") else ():
        argv = probe.fill(recipe["database"][word])
        if not (os.path.isabs(argv[0]) and os.access(argv[0], os.X_OK)) and not which(argv[0]):
            problems.append("%s, the database's %s, is not on this host" % (argv[0], word))
    return problems


def listed_size(path):
    """Return the bytes below a path, or None when it is absent."""
    if not os.path.lexists(path):
        return None
    total = 0 if os.path.isdir(path) else os.lstat(path).st_size
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total
