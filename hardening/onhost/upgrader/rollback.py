"""Rolls the host back: paths, database, transactions, packages, services."""

import os
import sys

from hardening.onhost.agent.applying import carry_out
from hardening.onhost.agent.rollback import reversed_entries, undo_commands
from hardening.onhost.agent.undoing import loaded, recover, undo
from hardening.onhost.shared.errors import Failed, Refused
from hardening.onhost.shared.files import libc, remove
from hardening.onhost.shared.probes import probe_or_fail
from hardening.onhost.shared.processes import run
from hardening.onhost.upgrader.backup import is_below, packages
from hardening.onhost.upgrader.database import restore_database
from hardening.onhost.upgrader.leftovers import end_leftovers
from hardening.onhost.upgrader.record import best_copy
from hardening.onhost.upgrader.report import first_reason, upgrade_result
from hardening.onhost.upgrader.restoring import check_restored, restore_path
from hardening.onhost.upgrader.services import (
    await_down,
    filled_probes,
    is_up,
    leave_maintenance,
    recipe_command,
    run_or_fail,
    stopped_services,
)
from hardening.onhost.upgrader.tidying import tidy_upgrade
from hardening.onhost.upgrader.tree import changed_outside


def roll_back(host, up, why, boot=False):
    """Roll the host back from wherever it is; doing it twice is doing it once.

    At boot, before services start, only files are put back; the rest follows when services are up.
    """
    if up.state() == "rolled-back":
        return
    deep = up.reached("installing")
    up.record("rollingback", why=why[:1000], boot=boot)
    end_leftovers(up)
    for leaf in ("ballast", "work"):
        remove(up.path(leaf))
    problems, restored = [], []
    folder, before = best_copy(up)
    if deep and not boot:
        stop_again(up)
    if deep:
        restored, problems = restore_paths(host, before, folder)
    if boot:
        return
    if deep and before.get("dump"):
        start_before_restore(up, before)
        problems += restore_database(up, os.path.join(folder, "dump"), before["dump"])
    problems += undo_transactions(host, up)
    if deep and not problems:
        for number, one in enumerate(
            before["paths"]
        ):  # what the transactions put back may be older than the copy
            restore_path(host.place(one["path"]), one["entries"], os.path.join(folder, "path.%d" % number))
    if deep:
        problems += restore_packages(host, up, before)
    if up.reached("maintenance"):
        problems += restore_services(host, up, before or {"services": []}, deep)
    if deep and not problems:
        problems += check_restored(host, before)
    leftovers = changed_outside(host, up) if deep else None
    row = upgrade_result(host, up, before, "broken" if problems else "rolled-back")
    row.update(why=first_reason(up), problems=problems, restored=restored, leftovers=leftovers)
    row["database"] = bool(deep and before.get("dump"))
    up.keep_json("result.json", row)
    up.record("broken" if problems else "rolled-back", why=first_reason(up)[:1000], problems=problems[:20])
    if not problems:
        tidy_upgrade(host, up)


def stop_again(up):
    """Stop the services that the recipe wants stopped meanwhile."""
    for service in up.recipe()["services"]:
        if service["during"] == "stopped":
            run(recipe_command(up, service, "stop"), 180)
            await_down(up, service)


def restore_paths(host, before, folder):
    """Restore each declared path from its copy; return what was changed, and problems."""
    restored, problems = [], []
    for number, one in enumerate(before["paths"]):
        try:
            changed = restore_path(
                host.place(one["path"]), one["entries"], os.path.join(folder, "path.%d" % number)
            )
            restored.append({"path": one["path"], "changed": changed})
        except (OSError, IOError, Failed):
            problems.append("%s: %s" % (one["path"], sys.exc_info()[1]))
    libc().sync()
    return restored, problems


def start_before_restore(up, before):
    """Start what ran before and was not ours to stop, such as a database that the installer stopped: it has to be restored."""
    for service in stopped_services(up, before["services"]):
        if service["during"] == "running":
            run(recipe_command(up, service, "start"), 180)  # whether it came up is looked at in the end


def undo_transactions(host, up):
    """Undo the agent's transactions that were made since the upgrade began, newest first; return problems.

    The declared paths are back already and are left alone; so are the services that the recipe names.
    """
    problems = []
    recover(host)
    declared = [host.place(path) for path in up.recipe()["paths"]]
    ours = [service["name"] for service in up.recipe()["services"]]
    for tx in reversed(host.transactions()):
        if tx.name <= up.manifest()["last_tx"]:
            continue
        try:
            if tx.state() == "applied":
                problems += undo(tx, "the upgrade was rolled back")["problems"]
                continue
            manifest = loaded(tx)
            if tx.state() != "committed" or manifest.get("undoes"):
                continue
            entries = [e for e in reversed_entries(tx, manifest, True) if not is_below(e["path"], declared)]
            commands = undo_commands(manifest)
            services = [dict(s, paths=None) for s in manifest["services"] if s["name"] not in ours]
            plan = {
                "label": "rollback of " + manifest["label"],
                "undoes": tx.name,
                "by": up.name,
                "services": services,
            }
            if not entries and not commands:
                tx.record("undone", by=up.name)
                continue
            done = carry_out(host, plan, entries, commands)
            if done.get("failed"):
                problems.append("transaction %s: %s" % (tx.name, done.get("msg", "")))
        except (OSError, IOError, Refused, Failed):
            problems.append("transaction %s: %s" % (tx.name, sys.exc_info()[1]))
    return problems


def restore_packages(host, up, before):
    """Let the recipe's command lead the packages back where they differ; return problems."""
    argv = up.recipe().get("packages_restore")
    try:
        if packages(host, up) == before["packages"]:
            return []
        if argv:
            run(up.fill(argv), 1800)
            if packages(host, up) == before["packages"]:
                return []
            return ["the packages are not as they were"]
    except Failed:
        return [str(sys.exc_info()[1])]
    return []  # without a command the difference is in the report


def restore_services(host, up, before, deep):
    """Start what ran before, leave the maintenance mode, and look; return problems."""
    problems = []
    for service in up.recipe()["services"]:
        if service["name"] not in before["services"]:
            continue
        try:
            if deep and service["during"] == "running" and service["restart"] == "auto":
                run_or_fail(up, "restart %s" % service["name"], recipe_command(up, service, "restart"))
            elif not is_up(up, service):
                run_or_fail(up, "start %s" % service["name"], recipe_command(up, service, "start"))
        except Failed:
            problems.append(str(sys.exc_info()[1]))
    try:
        leave_maintenance(host, up)
        problems += ["%s does not run" % one["name"] for one in stopped_services(up, before["services"])]
        probe_or_fail(filled_probes(up, "probes_before"))
    except (Failed, OSError, IOError):
        problems.append(str(sys.exc_info()[1]))
    return problems
