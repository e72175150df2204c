"""Copies of the declared paths; each is read back."""

import json
import os

from hardening.onhost.shared.copying import copy_file, replace
from hardening.onhost.shared.errors import Failed
from hardening.onhost.shared.files import libc, read, remove
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.metadata import look
from hardening.onhost.shared.processes import run, which
from hardening.onhost.shared.texts import lossless, native, sha256, shown
from hardening.onhost.upgrader.database import dump
from hardening.onhost.upgrader.record import best_copy
from hardening.onhost.upgrader.release import version_of
from hardening.onhost.upgrader.services import running_services
from hardening.onhost.upgrader.tree import record_tree


def back_up_host(host, up, kind):
    """Copy the declared paths, dump the database, list packages and the tree; every copy is read back."""
    if kind == "cold" and not up.recipe()["backup_again"]:
        record_tree(host, up)
        return
    folder = up.path(kind)
    remove(folder)
    os.mkdir(folder, 0o700)
    index = []
    problems = through_links(host, up.recipe())
    if problems:
        raise Failed("; ".join(problems))
    for number, path in enumerate(up.recipe()["paths"]):
        index.append(
            {"path": path, "entries": copy_path(host.place(path), os.path.join(folder, "path.%d" % number))}
        )
    made = {"paths": index, "packages": packages(host, up), "services": running_services(up)}
    if kind == "cold":
        made["services"] = best_copy(up)[1]["services"]  # the maintenance mode has stopped them
    made["version"] = version_of(host, up.recipe())
    if up.recipe().get("database"):
        made["dump"] = dump(up, os.path.join(folder, "dump"))
    libc().sync()
    replace(os.path.join(folder, "index"), json.dumps(made, sort_keys=True).encode("ascii"))
    size = sum(row[1].get("size", 0) for one in index for row in one["entries"])
    up.record("copied", kind=kind, paths=len(index), bytes=size, dump=made.get("dump"))
    if kind == "cold":
        remove(up.path("hot"))
        record_tree(host, up)


def tree_rows(path):
    """Return everything at and below a path as [[relative name, look]], parents first; specials are left out."""
    seen = look(path)
    if seen is None or seen["kind"] == "special":
        return []
    rows = [["", seen]]
    if seen["kind"] != "dir":
        return rows
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(folders + names):
            here = os.path.join(folder, name)
            below = look(here)
            if below is not None and below["kind"] != "special":
                rows.append([lossless(os.path.relpath(here, path)), below])
    return rows


def through_links(host, recipe):
    """Return a problem for each declared path that is a link to something undeclared: only the link would be put back."""
    places = [(path, host.place(path)) for path in recipe["paths"]]
    whole = [os.path.realpath(place) for _, place in places if not os.path.islink(place)]
    problems = []
    for path, place in places:
        real = os.path.realpath(place)
        if os.path.islink(place) and not is_below(real, whole):
            problems.append(
                "%s is a symbolic link to %s, which would not be restored: add that to the recipe's paths"
                % (path, shown(plan_path(host, real)))
            )
    return problems


def copy_path(path, target):
    """Copy the contents of a path; return its listing. Errors: Failed when a copy does not match."""
    rows = tree_rows(path)
    if [row for row in rows if row[1]["kind"] == "file"]:
        os.mkdir(target, 0o700)
    for number, (name, seen) in enumerate(rows):
        if seen["kind"] == "file":
            place = os.path.join(target, "%d" % number)
            copy_file(os.path.join(path, native(name)) if name else path, place)
            again = sha256(read(place))
            if again != seen["sha256"]:
                raise Failed("the copy of %s does not match it" % shown_below(path, name))
    return rows


def shown_below(path, name):
    """Return a path below a declared path as text for reports, which a name that is not UTF-8 is not."""
    return shown(os.path.join(native(path), native(name)) if name else native(path))


def packages(host, up):
    """Return the installed packages, sorted, as this host's package manager names them."""
    argv = up.recipe().get("packages")
    if argv:
        code, output = run(up.fill(argv), 120)
    elif host.root != "/":
        return []
    elif which("rpm"):
        code, output = run(["rpm", "-qa"], 120)
    elif which("dpkg-query"):
        code, output = run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}\n"], 120)
    else:
        return []
    if code != 0:
        raise Failed("the list of packages could not be made (exit %d)" % code)
    return sorted(line for line in output.splitlines() if line.strip())


def is_below(path, folders):
    """Whether a path is one of the folders or lies in one."""
    return bool([one for one in folders if path == one or path.startswith(one.rstrip("/") + "/")])


def tree_of(path):
    """Return one digest over a declared path."""
    rows = [
        [row[0]] + [row[1].get(k) for k in ("kind", "mode", "uid", "gid", "sha256", "target")]
        for row in tree_rows(path)
    ]
    return sha256(json.dumps(rows, sort_keys=True).encode("ascii"))
