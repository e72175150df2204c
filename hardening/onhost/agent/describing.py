"""Describes changes for people: paths, differences, commands. No secret is shown."""

import difflib
import json
import os
import re

from hardening.onhost.agent.services import service_argv
from hardening.onhost.shared.files import content
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.texts import shown

DIFF_LIMIT = 65536


def described(host, entries):
    """Return what happens to each path, as check mode and the real run report it alike."""
    rows = []
    for entry in entries:
        old, new = entry["old"], entry["new"]
        row = {"path": plan_path(host, entry["path"]), "op": entry["op"]}
        if entry["op"] == "write" and not entry.get("secret"):
            row["before"], row["after"] = old and old["sha256"], new["sha256"]
        for key, side in (("mode_before", old), ("mode_after", new)):
            row[key] = side and "%04o" % side["mode"]
        rows.append(row)
    return rows


def differences(host, entries):
    """Return one unified diff per entry, of the changed lines alone; a secret's content is never in it."""
    rows = []
    for entry in entries:
        old, new, path = entry["old"], entry["new"], plan_path(host, entry["path"])
        lines = []
        for key in ("mode", "uid", "gid"):
            if old and new and old[key] != new[key]:
                form = "%04o" if key == "mode" else "%d"
                lines.append("# %s %s -> %s\n" % (key, form % old[key], form % new[key]))
        if entry.get("secret"):
            lines.append("# the content is a secret and is not shown\n")
        elif entry["op"] == "write":
            before, after = content(entry["path"]) if old else b"", entry["content"]
            if path.startswith(plan_path(host, host.state) + "/pending/"):
                lines += record_lines(after)
            elif b"\0" in before or b"\0" in after:
                lines.append("# binary, %d -> %d bytes\n" % (len(before), len(after)))
            else:
                lines += difflib.unified_diff(
                    shown(before).splitlines(True),
                    shown(after).splitlines(True),
                    path if old else "/dev/null",
                    path,
                    n=0,  # the lines around a change may hold a password
                )
        elif entry["op"] == "remove":
            lines.append("# %s removed, a copy is kept\n" % old["kind"])
        elif entry["op"] == "mkdir":
            lines.append("# new directory\n")
        else:
            lines.append("# %s\n" % entry["op"])
        text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
        rows.append({"path": path, "text": text[:DIFF_LIMIT]})
    return rows


def record_lines(data):
    """Return what a record of a pending restart says, with one line for each command that runs once the restart is seen."""
    row = json.loads(data.decode("utf-8"))
    lines = [
        "+ restart pending: configured=%s, until now %s\n" % (row.get("configured"), row.get("previous"))
    ]
    return lines + ["+ once it is seen: %s\n" % shell_line(one["do"]) for one in row.get("close", [])]


def would_run(commands, services):
    """Return one diff of the commands that would run, one line each, as a shell would take them."""
    argvs = [one["do"] for one in commands] + [service_argv(one) for one in services]
    lines = ["+ %s\n" % shell_line(argv) for argv in argvs]
    return [{"path": "commands that would run", "text": "".join(lines)}] if lines else []


def shell_line(argv):
    """Return a command as a person would type it; of `sh -c` the words that the shell reads."""
    if [os.path.basename(argv[0])] + list(argv[1:2]) == ["sh", "-c"] and len(argv) == 3:
        return " ".join(argv[2].split("\n"))
    plain = re.compile("^[A-Za-z0-9_@%+=:,./-]+$")
    return " ".join(one if plain.match(one) else "'%s'" % one.replace("'", "'\\''") for one in argv)
