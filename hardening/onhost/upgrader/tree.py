"""The tree outside the declared paths, before and after the installer."""

import json
import os
import stat
import zlib

from hardening.onhost.shared.copying import replace
from hardening.onhost.shared.files import read
from hardening.onhost.shared.host import plan_path
from hardening.onhost.shared.texts import shown

NOISE = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/var/tmp",
    "/var/log",
    "/var/run",
    "/var/cache",
    "/var/lib/mysql",
)


def watched_paths(host, up):
    """Yield (path, short description) of everything that an installer might touch outside the declared paths."""
    recipe = up.recipe()
    skip = set(host.place(path) for path in tuple(recipe["noise"]) + tuple(recipe["paths"]))
    skip.update(host.place(path) for path in NOISE)
    if recipe["maintenance"].get("flag"):
        skip.add(host.place(recipe["maintenance"]["flag"]))
    skip.add(host.state)
    device = os.lstat(host.root).st_dev
    for folder, folders, names in os.walk(host.root):
        kept = []
        for name in folders:
            here = os.path.join(folder, name)
            try:
                if here not in skip and (os.path.islink(here) or os.lstat(here).st_dev == device):
                    kept.append(name)
            except OSError:
                continue
        folders[:] = kept
        for name in kept + names:
            here = os.path.join(folder, name)
            if here in skip:
                continue
            try:
                status = os.lstat(here)
            except OSError:
                continue
            kind = stat.S_IFMT(status.st_mode)
            row = [kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
            if stat.S_ISREG(status.st_mode):
                row += [status.st_size, int(status.st_mtime)]
            elif stat.S_ISLNK(status.st_mode):
                row.append(shown(os.readlink(here)))
            yield plan_path(host, here), row


def record_tree(host, up):
    """Write down the whole tree as it is before the installer runs."""
    text = json.dumps(dict(watched_paths(host, up)), sort_keys=True)
    replace(up.path("tree"), zlib.compress(text.encode("ascii"), 1))


def changed_outside(host, up):
    """Return what is different from before outside the declared paths: {added, removed, changed}, or None."""
    try:
        before = json.loads(zlib.decompress(read(up.path("tree"))).decode("ascii"))
    except (OSError, IOError, ValueError, zlib.error):
        return None
    now = dict(watched_paths(host, up))
    return {
        "added": sorted(set(now) - set(before)),
        "removed": sorted(set(before) - set(now)),
        "changed": sorted(path for path in now if path in before and now[path] != before[path]),
    }
