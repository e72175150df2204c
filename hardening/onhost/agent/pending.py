"""Restarts that are pending: the records, and what runs now."""

import glob
import json
import os

from hardening.onhost.shared.files import read
from hardening.onhost.shared.listeners import listeners
from hardening.onhost.shared.texts import shown


def is_installed(host):
    """Whether the agent stays on this host."""
    return os.path.exists(os.path.join(host.state, "agent.pyz"))


def pending_records(host):
    """Return what waits for a restart and says what to do once it is seen: [(record, path)]."""
    found = []
    for path in sorted(glob.glob(os.path.join(host.state, "pending", "*.json"))):
        try:
            row = json.loads(read(path).decode("utf-8"))
        except (ValueError, OSError, IOError):
            continue
        if "close" in row:
            found.append((row, path))
    return found


def pending_ports(host):
    """Return what still needs a person: a port configured and not yet listened on, with what runs now."""
    rows, listening = [], None
    for path in sorted(glob.glob(os.path.join(host.state, "pending", "*.json"))):
        try:
            row = json.loads(read(path).decode("utf-8"))
        except (ValueError, OSError, IOError):
            continue
        listening = listeners() if listening is None else listening
        row.pop("saved", None)
        alone = row.pop("close", None) is not None and row.pop("motd", None) is not None
        row["closes"] = "this host" if alone and is_installed(host) else "the next run"
        if os.path.exists(os.path.join(host.state, "watch.failed")):
            row["closes"] = "the next run: " + shown(read(os.path.join(host.state, "watch.failed"))).strip()
        name = row.get("process")
        ours = [one["port"] for one in listening if not name or one["process"] == name]
        watched = (row.get("configured"), row.get("previous"))
        row["running"] = sorted(set(port for port in ours if port in watched))
        row["resolved"] = row["running"] == [row.get("configured")]
        rows.append(row)
    return rows


def saved_rules(row):
    """Return what a record says of the rules for the next boot: [{path, drop}]; an older record has one of them."""
    saved = row.get("saved") or []
    return saved if isinstance(saved, list) else [saved]
