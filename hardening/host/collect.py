"""Reads chosen roots of a host for the detectors of the control machine: Python 2.6 to 3.14, standard library only.

Streamed like the agent, as one program on standard input; nothing is written on the host. One request is answered with as
many files as fit, and where to go on, so that neither side ever holds much. Runs on Python 2.6: no annotations, no f-strings.
"""

import base64
import glob
import json
import os
import stat
import sys
import zlib

MARK = "@@ASPECT@@"


def native(text):
    """Return a path as this Python's file functions want it, whatever the locale is."""
    if sys.version_info[0] == 2:
        return text.encode("utf-8")
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))  # novermin: Python 3 alone comes here


def shown(path):
    """Return a path as text that JSON can carry."""
    if isinstance(path, bytes):
        return path.decode("utf-8", "replace")
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def walk(top):
    """Say a path and everything under it, sorted, links not followed; and of each why what is in it cannot be listed."""
    names, why = [], None
    try:
        if stat.S_ISDIR(os.lstat(top).st_mode):
            names = sorted(os.listdir(top))
    except OSError:
        why = sys.exc_info()[1].strerror
    yield top, why
    for name in names:
        for found in walk(os.path.join(top, name)):
            yield found


def above(path):
    """Say the folders above a path, outermost first."""
    parts = path.strip("/").split("/")[:-1]
    return ["/"] + ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def about(root, path, largest):
    """Return what is known of one path, with its content where it is a file of a size that travels."""
    place = root.rstrip("/") + path
    seen = os.lstat(place)
    row = {"path": shown(path), "mode": seen.st_mode, "uid": seen.st_uid, "gid": seen.st_gid, "size": seen.st_size,
           "mtime": int(seen.st_mtime)}  # fmt: skip
    if stat.S_ISLNK(seen.st_mode):
        row["link"] = shown(os.readlink(place))
    elif stat.S_ISREG(seen.st_mode):
        if seen.st_size > largest:
            row["left"] = "larger than %d bytes" % largest
            return row
        try:
            source = open(place, "rb")
            try:
                data = source.read(largest + 1)
            finally:
                source.close()
        except (OSError, IOError):
            row["left"] = "cannot be read: %s" % sys.exc_info()[1].strerror
            return row
        row["data"] = base64.b64encode(zlib.compress(data, 1)).decode("ascii")
    return row


def closed(pattern):
    """Return the folder in which nobody knows what there is, for this account may not look into it, or nothing."""
    here = "/"
    for part in pattern.split("/"):
        wild = [c for c in "*?[" if c in part]
        if os.path.isdir(here) and not os.access(here, os.R_OK | os.X_OK if wild else os.X_OK):
            return [here]
        if wild:
            break
        here = os.path.join(here, part)
    return []


def answer_to(request):
    """Return the next files of the roots: rows, and the path to go on behind, or None at the end."""
    root = native(request.get("root") or "/")
    after, most, largest = request.get("after"), request["most"], request["largest"]
    started, size, rows, folders = after is None, 0, [], set()
    tops = []
    for pattern in request["roots"]:
        whole = root.rstrip("/") + native(pattern)
        for found in sorted(glob.glob(whole)) or closed(whole):
            path = found[len(root.rstrip("/")) :]
            if not any(path == top or path.startswith(top + "/") for top in tops):
                tops.append(path)
    for top in tops:
        for place, why in walk(root.rstrip("/") + top):
            path = place[len(root.rstrip("/")) :]
            if not started:
                started = shown(path) == after
                continue
            for folder in above(path):
                if folder not in folders:
                    folders.add(folder)
                    try:
                        rows.append(about(root, folder, 0))
                    except OSError:
                        continue
            if path in folders:
                continue
            try:
                row = about(root, path, largest)
            except OSError:
                continue  # gone meanwhile
            if why is not None:
                row["left"] = "cannot be listed: %s" % why
            rows.append(row)
            size += len(row.get("data", "")) + 200
            if size > most:
                return {"files": rows, "next": shown(path)}
    if not started:
        return {"files": rows, "next": None, "lost": after}
    return {"files": rows, "next": None}


def main():
    """Answer the request that was streamed along."""
    request = json.loads(zlib.decompress(base64.b64decode(globals()["REQUEST"])).decode("ascii"))
    sys.stdout.write("\n%s%s\n" % (MARK, json.dumps(answer_to(request))))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
