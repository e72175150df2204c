"""Rollback of a port that is in use: it stays open until the engine restarts."""

import json
import os

from hardening.onhost.agent.comparing import compare
from hardening.onhost.agent.pending import saved_rules
from hardening.onhost.agent.undoing import loaded
from hardening.onhost.shared.files import read
from hardening.onhost.shared.listeners import listeners
from hardening.onhost.shared.texts import b64, shown, stamp


def still_used(host, tx, manifest, followers):
    """Return the record of a port that this transaction opened and something listens on by now; None where nothing does.

    The engine was restarted since: whoever closes that port cuts it off. `followers` are transactions that took the
    record away and will be undone first.
    """
    folder = os.path.join(host.state, "pending") + os.sep
    for index, entry in enumerate(manifest["entries"]):
        if not entry["path"].startswith(folder) or not entry["new"]:
            continue
        texts = [entry["path"]]
        for later in followers:
            rows = loaded(later)["entries"]
            texts += [later.path("old.%d" % n) for n, row in enumerate(rows) if row["path"] == entry["path"]]
        for text in texts:
            if os.path.isfile(text):
                record = json.loads(read(text).decode("utf-8"))
                if record.get("configured") in [one["port"] for one in listeners()]:
                    before = tx.path("old.%d" % index) if entry["old"] else ""
                    return {"path": entry["path"], "record": record, "before": before}
    return None


def keeping_open(host, manifest, entries, used, request):
    """Return the entries of a rollback that leaves the port in use open, with a new record of what then waits for a restart."""
    record = used["record"]
    back = record.get("back") or {"configured": record["previous"], "close": [], "saved": []}
    stays = set(host.place(saved["path"]) for saved in back["saved"] + saved_rules(record))
    if back["configured"] == record["configured"]:  # the file says so, too: nothing waits
        return [entry for entry in entries if entry["path"] not in stays]
    stays.add(os.path.join(host.state, "control-engine.json"))
    row = json.loads(read(used["before"]).decode("utf-8")) if used["before"] else {}
    ran = ["back: " + command["name"] for command in manifest["commands"]]
    port = record["configured"]
    row.update(
        name=record["name"],
        process=record.get("process", ""),
        configured=back["configured"],
        previous=port,
        since=stamp(),
        by=request.get("by") or "a rollback",
        left=[port] + [one for one in row.get("left", []) if one != back["configured"]],
        close=[one for one in back["close"] if one["name"] in ran] + row.get("close", []),
        saved=back["saved"] + saved_rules(row),
    )
    files = []
    if record.get("motd"):
        row["motd"] = record["motd"]
        evidence = "configured=%s running=%s restart pending since %s" % (
            row["configured"],
            port,
            row["since"],
        )
        files += with_line(host, row["motd"]["path"], row["motd"]["mark"], evidence)
    data = json.dumps(row, sort_keys=True, indent=1).encode("ascii") + b"\n"
    files.append({"path": "@state/pending/" + os.path.basename(shown(used["path"])), "content": b64(data)})
    files[-1]["mode"] = "0600"
    stays.update(host.place(one["path"]) for one in files)
    return [entry for entry in entries if entry["path"] not in stays] + compare(host, {"files": files})


def with_line(host, path, mark, text):
    """Return the plan's entry for a file with one line that begins with `mark`; none where there is no such file."""
    place, mark = host.place(path), mark.encode("utf-8")
    if not os.path.isfile(place):
        return []
    lines = [line for line in read(place).splitlines(True) if not line.startswith(mark)]
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return [{"path": path, "content": b64(b"".join(lines) + mark + text.encode("ascii") + b"\n")}]
