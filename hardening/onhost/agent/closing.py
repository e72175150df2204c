"""The verb `watch`: closes the old port after the restart was seen."""

import os
import re
import sys
import time

from hardening.onhost.agent.applying import do_apply
from hardening.onhost.agent.pending import is_installed, pending_ports, pending_records, saved_rules
from hardening.onhost.agent.watching import watch_off
from hardening.onhost.shared.copying import replace
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import read, remove
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.texts import b64, clock, native, raw_path, sha256

WATCH_TRIES = 3
COUNTERS = re.compile(b"^\\[[0-9]+:[0-9]+\\] ")  # what `iptables-save -c` puts in front of a rule
WATCH_LIMIT = 30 * 86400  # seconds for which a watching process stays; the next boot starts another


def restarts_seen(host):
    """Return the pending rows whose restart has come: the process listens on the new port and no longer on the old."""
    return dict((row["name"], row) for row in pending_ports(host) if row["resolved"])


def watch_once(host, pause=1):
    """Finish what waited for a restart that has come, as a transaction of its own; seen twice, `pause` seconds apart."""
    records = pending_records(host)
    if not records:
        watch_off(host)
        return {"changed": False, "state": "nothing", "msg": "nothing waits for a restart"}
    first = restarts_seen(host)
    if first:
        time.sleep(pause)
    both = set(first) & set(restarts_seen(host))
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
    elif not pending_records(host):
        watch_off(host)
    return answer


def closing(host, ready):
    """Return the plan that finishes: what the records want closed, no record, no line for whoever logs in."""
    plan = dict((key, []) for key in ("files", "remove", "commands", "probes"))
    names = set(plan_path(host, path) for _, path in ready)
    for row, path in ready:
        plan["remove"].append({"path": plan_path(host, path)})
        plan["commands"] += row["close"]
        plan["probes"].append(
            {"kind": "listen", "port": row["configured"], "process": row.get("process", "")}
        )
        if row.get("motd"):
            mark = row["motd"]["mark"].encode("utf-8")
            plan["files"] += without_lines(
                host, row["motd"]["path"], lambda line, mark=mark: line.startswith(mark)
            )
        for saved in saved_rules(row):  # the firewall's rules for the next boot
            drop = set(raw_path(native(line)) for line in saved["drop"])
            plan["files"] += without_lines(
                host, saved["path"], lambda line, drop=drop: COUNTERS.sub(b"", line.strip()) in drop
            )
    plan["label"] = "the old port of " + ", ".join(row["name"] for row, _ in ready) + " is closed"
    plan["by"] = "this host, once the restart was seen"
    for tx in host.transactions():
        paths = set(entry["path"] for entry in (tx.manifest() or {}).get("entries", []))
        if tx.state() == "committed" and paths & names:
            plan["follows"] = tx.name
    return plan


def without_lines(host, path, goes):
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
        remove(place)
        replace(os.path.join(host.state, "watch.failed"), answer.get("msg", "").encode("utf-8")[:1000])
        watch_off(host)


def do_watch(host, request):
    """Look once, or with `stay` every so many seconds until nothing waits any more."""
    if not os.path.isdir(host.state):
        return {"changed": False, "state": "nothing", "msg": "no change was ever applied here"}
    answer, pause = watch_once(host), float(request.get("stay") or 0)
    deadline = clock() + WATCH_LIMIT
    while pause and clock() < deadline and is_installed(host) and pending_records(host):
        if host.descriptor is not None:
            host.unlock()
        if os.path.exists(os.path.join(host.state, "watch.failed")):
            break
        time.sleep(pause)
        answer = watch_once(host)
    return answer
