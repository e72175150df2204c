"""The verb `facts`: what a control machine needs to know of this host."""

import errno
import glob
import json
import os
import platform
import re
import sys

from hardening.onhost.agent.contexts import selinux
from hardening.onhost.agent.filters import filters
from hardening.onhost.agent.pending import pending_ports
from hardening.onhost.shared.closed import closed_folder
from hardening.onhost.shared.files import read
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.init import init_system
from hardening.onhost.shared.listeners import listeners
from hardening.onhost.shared.metadata import look
from hardening.onhost.shared.processes import run
from hardening.onhost.shared.texts import b64, sha256, shown, stamp

CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def certificates(host, paths):
    """Return the certificates in files; a private key in the same file is mentioned and stays here."""
    rows = []
    for path in paths:
        place = host.place(path)
        row = {"path": path, "link": os.path.islink(place), "key": False, "pem": ""}
        try:
            data = read(place) if os.path.getsize(place) <= 1048576 else b""
        except (OSError, IOError):
            data = b""
        row["key"] = b"PRIVATE KEY-----" in data
        row["pem"] = "".join(shown(block) + "\n" for block in CERTIFICATE.findall(data))
        if not row["key"]:
            row["sha256"] = sha256(data)
        rows.append(row)
    return rows


def refuse_closed_folder(pattern):
    """Refuse to call absent what may lie in a folder that this account may not look into. Errors: OSError."""
    folder = closed_folder(pattern)
    if folder:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), shown(folder))


def engine_record(host):
    """Return what the last change of the engine's port left: where the engine keeps its port, and its process's name."""
    try:
        found = json.loads(read(os.path.join(host.state, "control-engine.json")).decode("ascii"))
        return dict((key, found[key]) for key in ("config", "key", "process"))
    except (ValueError, KeyError, OSError, IOError):
        return {}


def do_facts(host, request):
    """Return what a control machine needs to know, the files it asked for, and what programs say.

    `read`: paths or patterns (a link is read as the file it leads to); `run`: commands such as `nginx -v`;
    `certificates`: files of which only the certificates are read; `filters`: true for what filters here;
    `engine`: true for the control engine's file as well, where the last change of its port remembered that.
    """
    release = ""
    for name in ("etc/centos-release", "etc/redhat-release", "etc/os-release"):
        try:
            release = shown(read(os.path.join(host.root, name))).splitlines()[0]
            break
        except (OSError, IOError, IndexError):
            continue
    files, skipped = [], []
    engine = engine_record(host) if request.get("engine") else {}
    for pattern in request.get("read", []) + [engine[key] for key in engine if key == "config"]:
        found = glob.glob(host.place(pattern))
        if not found:
            refuse_closed_folder(host.place(pattern))
        for row in files:
            if row["real"] in [os.path.realpath(one) for one in found]:
                row["asked"].append(pattern)
        for path in sorted(set(os.path.realpath(one) for one in found) - set(row["real"] for row in files)):
            seen = look(path, digest=False)
            if os.path.isfile(path) and os.path.getsize(path) <= 1048576:
                data = read(path)
                row = {"path": plan_path(host, path), "content": b64(data), "sha256": sha256(data)}
                files.append(dict(row, mode="%04o" % seen["mode"], real=path, asked=[pattern]))
            else:
                skipped.append(plan_path(host, path))
    return {
        "changed": False,
        "python": platform.python_version(),
        "executable": sys.executable,
        "release": release,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "init": init_system(),
        "selinux": selinux(),
        "engine": engine,
        "filters": filters() if request.get("filters") and host.root == "/" else None,
        "uid": os.getuid(),
        "time": stamp(),
        "listeners": listeners(),
        "files": files,
        "said": [run(argv, 20)[1][:65536] for argv in request.get("run", [])],
        "skipped": skipped,
        "certificates": certificates(host, request.get("certificates", [])),
        "pending": pending_ports(host),
    }
