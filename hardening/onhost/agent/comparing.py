"""Compares a plan with the host: the entries that differ."""

import grp
import os
import pwd

from hardening.onhost.agent.contexts import default_context, selinux
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import read
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.metadata import look, same, tree_digest
from hardening.onhost.shared.texts import b64, lossless, sha256, shown, unb64

SYSTEM = ["/"] + [
    "/" + name
    for name in "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var".split()
]
SYSTEM += ["/usr/" + name for name in "bin include lib lib64 libexec local sbin share src".split()]
SYSTEM += ["/var/" + name for name in "cache lib lock log mail run spool tmp".split()]


def id_of(name, kind):
    """Return the uid or gid of a name or number. Errors: Refused."""
    if isinstance(name, int):
        return name
    try:
        return pwd.getpwnam(name).pw_uid if kind == "owner" else grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdigit():
            return int(name)
        raise Refused("%s %s does not exist on this host" % (kind, name))


def content_of(host, item):
    """Return what a file of the plan should hold; a part that lies on this host need not travel."""
    start = read(host.place(item["from"])) if item.get("from") else b""
    return start + unb64(item["content"])


def desired(host, item, path, old):
    """Return what a file of the plan should look like, and its content."""
    content = content_of(host, item)
    base = old or {
        "mode": 0o600 if item.get("secret") else 0o644,
        "uid": os.getuid(),
        "gid": os.getgid(),
        "xattrs": {},
    }
    new = {"kind": "file", "sha256": sha256(content), "size": len(content), "xattrs": dict(base["xattrs"])}
    new["mode"] = int(item["mode"], 8) if item.get("mode") else base["mode"]
    if item.get("secret") and new["mode"] & 0o007:
        raise Refused("%s holds a secret and would be readable by everybody" % shown(path))
    new["uid"] = id_of(item["owner"], "owner") if item.get("owner") is not None else base["uid"]
    new["gid"] = id_of(item["group"], "group") if item.get("group") is not None else base["gid"]
    if item.get("secontext") and selinux() != "disabled":
        new["xattrs"]["security.selinux"] = b64(item["secontext"].encode("ascii") + b"\0")
    elif old is None:
        context = default_context(path)
        if context:
            new["xattrs"]["security.selinux"] = b64(context)
    return new, content


def followed(host, item):
    """Return the path of a file of the plan, behind a link that may be followed. Errors: Refused."""
    path = host.place(item["path"])
    if os.path.islink(path):
        if not item.get("follow"):
            raise Refused("%s is a symbolic link; name the file it leads to" % shown(path))
        path = os.path.realpath(path)
    return path


def missing_folders(host, item, path, made):
    """Return the entries that make the folders above a file, and add them to `made`. Errors: Refused."""
    missing, parent = [], os.path.dirname(path)
    while not os.path.isdir(parent) and parent not in made:
        missing.insert(0, parent)
        parent = os.path.dirname(parent)
    own = path.startswith(host.state + "/")
    if missing and not (item.get("mkdir") or own):
        raise Refused("the directory %s does not exist" % shown(missing[-1]))
    made.update(missing)
    look_like = {"kind": "dir", "mode": 0o700 if own else 0o755, "uid": os.getuid(), "gid": os.getgid()}
    return [
        {"path": folder, "op": "mkdir", "old": None, "new": dict(look_like, xattrs={})} for folder in missing
    ]


def removable(host, path):
    """Return what is to be removed as it is now, or None where nothing is there. Errors: Refused."""
    old = look(path)
    if old is None:
        return None
    if old["kind"] == "special" or (host.state + "/").startswith(path.rstrip("/") + "/"):
        raise Refused("%s cannot be removed" % shown(path))
    if plan_path(host, path) in SYSTEM:
        raise Refused("%s cannot be removed: it belongs to the system; name the files in it" % shown(path))
    if old["kind"] == "dir":
        old["tree"] = tree_digest(path)
    return old


def compare(host, plan):
    """Return the entries that differ from the plan: [{path, op, old, new, secret, content}]."""
    entries, seen_paths, made = [], set(), set()
    for item in plan.get("files", []):
        item = dict(item, secret=bool(item.get("secret") or item.get("from")))
        path = followed(host, item)
        if path in seen_paths:
            raise Refused("%s is twice in the plan" % shown(path))
        seen_paths.add(path)
        old = look(path)
        if old and old["kind"] != "file":
            raise Refused("%s is not a plain file" % shown(path))
        if "expect_sha256" in item and item["expect_sha256"] != (old or {}).get("sha256"):
            raise Refused("%s changed since it was read" % shown(path))
        if item.get("secret"):
            lines = [shown(line).strip() for line in content_of(host, item).splitlines()]
            host.masks.extend(sorted((line for line in lines if len(line) > 7), key=len, reverse=True))
        entries += missing_folders(host, item, path, made)
        new, content = desired(host, item, path, old)
        if not same(old, new):
            entry = {"path": path, "op": "write", "old": old, "new": new, "content": content}
            entries.append(dict(entry, secret=item["secret"]))
    for item in plan.get("remove", []):
        path = host.place(item["path"])
        old = removable(host, path)
        if old is not None:
            entries.append({"path": path, "op": "remove", "old": old, "new": None})
    if host.root == "/":  # links of an image lead out of it
        for entry in entries:
            entry["real"] = lossless(os.path.realpath(os.path.dirname(entry["path"])))
    return entries
