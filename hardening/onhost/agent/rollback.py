"""Confirms a transaction, or rolls it back as a transaction of its own."""

import errno
import os
import sys

from hardening.onhost.agent.applying import carry_out, finish, name_of, refuse_unfinished
from hardening.onhost.agent.describing import described, differences, would_run
from hardening.onhost.agent.needs import affected_services
from hardening.onhost.agent.pending import pending_ports
from hardening.onhost.agent.ports import keeping_open, still_used
from hardening.onhost.agent.undoing import loaded, recover, seconds_left, undo
from hardening.onhost.agent.watching import watch_on
from hardening.onhost.shared.errors import THROWN_AWAY, Failed, Refused
from hardening.onhost.shared.files import read
from hardening.onhost.shared.journal import Transaction
from hardening.onhost.shared.metadata import look, same, same_but_xattrs, tree_digest
from hardening.onhost.shared.probes import probe_or_fail
from hardening.onhost.shared.texts import sha256, shown


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
        state = "broken" if result["problems"] else "rolled-back"
        return dict(result, failed=True, state=state, msg=problem, tx=tx.name)
    tx.record("committed")
    finish(host, tx, {})
    watch_on(host)
    return {"state": "committed", "changed": False, "tx": tx.name, "probes": rows}


def unfinished_rows(host):
    """Return a row for each transaction that is not finished, as `recover` does, and change nothing."""
    rows = []
    for tx in host.transactions():
        state = tx.state()
        if state in ("open", "applied"):
            rows.append({"id": tx.name, "did": "nothing"})
            if state == "applied" and seconds_left(tx) is not None:
                rows[-1].update(did="waits", left=seconds_left(tx))
    return rows


def do_rollback(host, request):
    """Undo the newest transaction (or the one named), as a transaction of its own."""
    rows = []
    if not request.get("id"):  # a look takes no lock, and leaves alone what another run may be doing
        rows = unfinished_rows(host) if request.get("check") else recover(host)
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
            state = "broken" if failed else "rolled-back"
            return dict(result, failed=failed, changed=True, state=state, tx=tx.name, undoes=what)
        if tx.name not in [one.name for one in done]:
            if tx.state() in ("undone", "rolled-back"):
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
                % (later.name, name_of(host, later.name), later.name)
            )
    manifest = loaded(tx)
    foreseen = bool(followers and request.get("check"))  # the files are not yet as this one left them
    entries = reversed_entries(tx, manifest, foreseen or bool(request.get("force")))
    commands = undo_commands(manifest)
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
    undone = {"undoes": what}
    if used:
        undone["msg"] = (
            "port %s stays open: something listens on it until the engine is restarted"
            % (used["record"]["configured"])
        )
    if request.get("check"):
        services = affected_services(host, plan, entries, commands)
        return dict(
            undone,
            changed=bool(entries or commands),
            files=described(host, entries),
            diff=differences(host, entries) + would_run(commands, services),
            state="would-change",
            tx=tx.name,
        )
    if not entries and not commands:
        tx.record("undone", by="nothing left to undo")
        return dict(undone, changed=False, state="undone", tx=tx.name)
    answer = dict(undone, **carry_out(host, plan, entries, commands))
    if answer["state"] == "committed":
        watch_on(host)
        answer["pending"] = [row for row in pending_ports(host) if not row["resolved"]]
    return answer


def undo_commands(manifest):
    """Return the commands that undo a transaction's commands, the last one first."""
    return [
        {"name": one["name"], "do": one["undo"], "undo": one["do"]}
        for one in reversed(manifest["commands"])
        if one.get("undo")
    ]


def reversed_entries(tx, manifest, force):
    """Return the entries that restore what was replaced. Errors: Refused if a file was changed since."""
    entries = []
    for index, entry in reversed(list(enumerate(manifest["entries"]))):
        now, copy = look(entry["path"]), tx.path("old.%d" % index)
        if same(now, entry["old"]) and entry["op"] != "mkdir":
            continue
        if not same_but_xattrs(now, entry["new"]) and not force and entry["op"] not in ("mkdir", "rmdir"):
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
