"""The result of an upgrade, before and after."""

from hardening.onhost.shared.texts import stamp
from hardening.onhost.upgrader.backup import packages
from hardening.onhost.upgrader.release import version_of


def upgrade_result(host, up, before, state):
    """Return what a report needs: before and after, stages with their times."""
    events = up.events()
    steps, last = [], None
    for line in events:
        if last is not None:
            steps.append({"stage": last["event"], "began": last["time"], "ended": line["time"]})
        last = line
    if last is not None:
        steps.append({"stage": last["event"], "began": last["time"], "ended": stamp()})
    row = {
        "state": state,
        "from": (before or {}).get("version", ""),
        "to": up.manifest()["release"],
        "steps": steps,
    }
    row["now"] = version_of(host, up.recipe())
    if before:
        now = packages(host, up)
        row["packages"] = {
            "added": sorted(set(now) - set(before["packages"])),
            "removed": sorted(set(before["packages"]) - set(now)),
        }
    return row


def first_reason(up):
    """Return the first reason for the rollback."""
    for line in up.events():
        if line["event"] == "rollingback":
            return line["why"]
    return ""
