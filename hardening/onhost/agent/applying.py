"""Carries out a plan as one transaction, or says what it would do."""

import base64
import os
import shutil
import socket
import sys
import time
import traceback

from hardening.onhost.agent.comparing import compare
from hardening.onhost.agent.copies import outdated
from hardening.onhost.agent.describing import described, differences, would_run
from hardening.onhost.agent.guard import post_guard
from hardening.onhost.agent.installation import install
from hardening.onhost.agent.needs import affected_services, check_room, needed_commands
from hardening.onhost.agent.placing import back_up, stage, swap, sync_all
from hardening.onhost.agent.services import left_stopped, run_services, stopped_services
from hardening.onhost.agent.staging import refuse_invalid, run_validators, validate_staged
from hardening.onhost.agent.undoing import recover, tidy, undo
from hardening.onhost.agent.watching import watch_on
from hardening.onhost.shared.boot import this_boot
from hardening.onhost.shared.errors import Failed, Refused, Stopped, explained
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.journal import FINAL, Transaction, next_name
from hardening.onhost.shared.probes import held_before, probe_or_fail
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import shown, stamp

VERSION = 1


def do_check(host, plan):
    """Say exactly what apply would do; nothing is written."""
    entries = compare(host, plan)
    commands = needed_commands(plan)
    services, left, reason = affected_services(host, plan, entries, commands), [], ""
    rows, why = validate_staged(host, entries, plan.get("validators", []))
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
        refuse_invalid(rows, Refused)
        check_room(host, entries)
        left, reason = left_stopped(services, stopped_services(services))
    except Refused:
        answer.update(failed=True, state="refused", msg=str(sys.exc_info()[1]))
    running = [one for one in services if one["name"] not in left]
    answer["services"] = [{"name": one["name"], "action": one.get("action", "")} for one in running]
    answer["diff"] += would_run(commands, running)
    if left:
        answer.update(left_stopped=left, msg=reason)
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
        who = "transaction %s%s" % (row["id"], name_of(host, row["id"]))
        if row["did"] == "undo failed":
            raise Refused(
                "%s could not be undone yet: %s; fix that, and the host undoes it by itself"
                % (who, "; ".join(row["problems"]))
            )
        if row["did"] == "waits":
            raise Refused(
                "%s still waits for its confirmation: another run is at work on this host, or lost its connection; "
                "unless it is confirmed, the host undoes it within %d seconds; to undo it at once: harden upgrade rollback --transaction %s"
                % (who, row["left"] + 1, row["id"])
            )
        if row["did"] == "nothing":
            raise Refused("%s is under way, or was interrupted: ask again in a minute" % who)


def name_of(host, name):
    """Return what a transaction is and whose, as words in brackets."""
    manifest = Transaction(host, name).manifest() or {}
    words = [manifest.get("label") or "", manifest.get("by") and "by " + manifest["by"]]
    return " (%s)" % ", ".join(word for word in words if word) if any(words) else ""


def carry_out(host, plan, entries, commands):
    """Carry out what differs, or say that nothing does."""
    answer = {"changed": False, "state": "unchanged", "files": [], "diff": [], "services": [], "commands": []}
    if not entries and not commands:
        return answer
    services = affected_services(host, plan, entries, commands)
    rows, why = validate_staged(host, entries, plan.get("validators", []))
    answer.update(validators=rows, not_staged=why, files=described(host, entries))
    answer.update(diff=differences(host, entries), commands=[c["name"] for c in commands])
    refuse_invalid(rows, Refused)
    check_room(host, entries)
    undoing = bool(plan.get("undoes"))
    down_before = stopped_services(services, undoing)
    left, complaint = left_stopped(services, down_before, undoing)
    tx = begin(host, plan, entries, commands, services)
    answer.update(tx=tx.name, changed=True)
    if left:
        answer.update(left_stopped=left, msg=complaint)
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
        answer["validators"] += run_validators(host, plan.get("validators", []), "placed")
        refuse_invalid(answer["validators"], Failed)
        running = [one for one in services if one["name"] not in left]
        act(host, tx, plan, commands, running, down_before, answer)
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
        answer["state"] = "broken" if result["problems"] else "rolled-back"
        answer["msg"] = host.masked(str(problem) or problem.__class__.__name__) + (
            complaint and "; " + complaint
        )
        if not isinstance(problem, (OSError, IOError, Failed, socket.error, Stopped)):
            answer["msg"] += "\n" + host.masked(traceback.format_exc())
        return answer
    finish(host, tx, plan)
    return answer


def begin(host, plan, entries, commands, services):
    """Make copies, manifest and guard: everything that has to be there before the first change."""
    name = next_name(shown(base64.b16encode(os.urandom(3))), host.transactions())
    tx = Transaction(host, name)
    os.mkdir(tx.dir, 0o700)
    try:
        for index, entry in enumerate(entries):
            back_up(tx, index, entry)
        kept = [
            dict(
                (key, value)
                for key, value in dict(entry, path=plan_path(host, entry["path"])).items()
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
