"""The verb `status`."""

import sys

from hardening.onhost.agent.pending import is_installed, pending_ports
from hardening.onhost.agent.undoing import seconds_left
from hardening.onhost.shared.errors import Refused


def do_status(host, request):
    """Return the transactions, what is pending, and whether recovery at boot is installed."""
    rows = []
    for tx in host.transactions()[-int(request.get("last", 20)) :]:
        try:
            manifest = tx.manifest() or {}
        except Refused:  # the others are listed all the same
            manifest = {"label": str(sys.exc_info()[1])}
        events = tx.events()
        row = {"id": tx.name, "state": tx.state(), "label": manifest.get("label", "")}
        row.update(created=manifest.get("created", ""), by=manifest.get("by", ""))
        row["paths"] = [entry["path"] for entry in manifest.get("entries", [])]
        row["left"] = seconds_left(tx) if row["state"] == "applied" else None
        row["why"] = [line["why"] for line in events if line["event"] == "rolled-back"][:1]
        row["tidy"] = row["state"] == "rolled-back" or "tidy" in [line["event"] for line in events]
        row["owed"] = tx.pending_undo()
        rows.append(row)
    return {
        "changed": False,
        "transactions": rows,
        "pending": pending_ports(host),
        "installed": is_installed(host),
    }
