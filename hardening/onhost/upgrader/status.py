"""The verb `status`: every upgrade of this host, and pending restarts."""

import calendar
import os
import time

from hardening.onhost.agent.pending import pending_ports
from hardening.onhost.shared.boot import boot_id, uptime
from hardening.onhost.shared.files import read
from hardening.onhost.shared.texts import shown
from hardening.onhost.upgrader.leftovers import process_began
from hardening.onhost.upgrader.locking import is_running
from hardening.onhost.upgrader.lost import lost_upgrade
from hardening.onhost.upgrader.record import installed_record, upgrades
from hardening.onhost.upgrader.release import version_of
from hardening.onhost.upgrader.report import first_reason


def upgrade_row(up):
    """Return what `status` says of one upgrade."""
    manifest, events = up.manifest() or {}, up.events()
    row = {"id": up.name, "state": up.state(), "product": manifest.get("product", "")}
    row.update(
        release=manifest.get("release", ""), by=manifest.get("by", ""), begun=manifest.get("begun", "")
    )
    row["sha256"] = manifest.get("bundle", {}).get("sha256", "")
    row["since"] = events[-1]["time"] if events else ""
    row["result"] = up.load_json("result.json", {})
    row["later"] = bool(row["state"] == "committed" and later_transactions(up))
    for line in reversed(events):
        if line.get("why"):
            row["why"] = first_reason(up)
            break
    return row


def later_transactions(up):
    """Return the transactions that were made after an upgrade was final, and still hold.

    What the host itself finished of the upgrade's own, such as an old port closed once the restart was seen, is none.
    """
    last, found = up.load_json("after.json", {}).get("last_tx", ""), []
    for tx in up.host.transactions():
        manifest = tx.manifest() or {}
        own = manifest.get("follows") and manifest["follows"] <= last
        if tx.name > last and tx.state() == "committed" and not manifest.get("undoes") and not own:
            found.append(tx.name)
    return found


def do_status(host, request):
    """Return every upgrade of this host, what runs, and which services still run what was before the upgrade."""
    rows = [upgrade_row(one) for one in upgrades(host)]
    rows += [lost_upgrade(host)] if lost_upgrade(host) else []
    answer = {"changed": False, "upgrades": rows, "alive": is_running(host), "record": installed_record(host)}
    answer["pending"] = pending_restarts(host)
    answer["pending"] += pending_ports(host)
    done = [one for one in upgrades(host) if one.state() == "committed"]
    answer["version"] = version_of(host, done[-1].recipe()) if done else ""
    if request.get("audited"):
        answer["audited"] = None
        if done:
            answer["audited"] = {
                "before": done[-1].manifest().get("audited"),
                "paths": done[-1].recipe()["paths"],
            }
    return answer


def pending_restarts(host):
    """Return the services that a person has to restart: they run since before the upgrade's files came."""
    rows, done = [], [one for one in upgrades(host) if one.state() in ("committed", "settled", "settling")]
    for up in done[-1:]:
        lines = [line for line in up.events() if line["event"] == "installed"]
        times = [line["time"] for line in lines]
        for service in up.recipe()["services"]:
            if service["restart"] != "manual" or service["during"] != "running" or not times:
                continue
            started = started_at(up, service)
            if started is None:
                continue
            since = calendar.timegm(time.strptime(times[0], "%Y-%m-%dT%H:%M:%SZ"))
            row = {"name": service["name"], "since": times[0], "by": up.manifest().get("by", "")}
            # the journal's times are whole seconds: who began within that second may have begun before the files came
            # and where the kernel's own count is known, no clock that was set since counts
            resolved = started[0] >= since + 1
            if lines[0].get("boot"):
                resolved = lines[0]["boot"] != boot_id() or started[1] >= lines[0]["ticks"]
            row.update(configured=up.manifest()["release"], running=["before"], resolved=resolved)
            rows.append(row)
    return rows


def started_at(up, service):
    """Return when a service's oldest process began, by the clock and by the kernel's ticks, or None where none is found.

    It is found by its process file, or by its name.
    """
    pids = []
    if service.get("pidfile"):
        try:
            pids = [int(read(up.host.place(service["pidfile"])).split()[0])]
        except (OSError, IOError, ValueError, IndexError):
            return None
    elif service.get("process"):
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and service["process"] in shown(read("/proc/%s/stat" % name)).split(")")[0]:
                    pids.append(int(name))
            except (OSError, IOError):
                continue
    found = []
    for pid in pids:
        since = process_began(pid)
        if since is not None:
            found.append((time.time() - uptime() + since / float(os.sysconf("SC_CLK_TCK")), since))
    return min(found) if found else None
