"""The programs that listen on TCP."""

import base64
import glob
import os
import socket

from hardening.onhost.shared.files import read
from hardening.onhost.shared.texts import shown


def listeners():
    """Return who listens on TCP: [{port, address, pid, process}], from /proc alone."""
    inodes = {}
    for table, width in (("/proc/net/tcp", 8), ("/proc/net/tcp6", 32)):
        try:
            lines = read(table).decode("ascii").splitlines()[1:]
        except (OSError, IOError):
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A":
                address, port = fields[1].split(":")
                raw = bytearray(base64.b16decode(address.encode("ascii")))
                if width == 8:
                    where = socket.inet_ntop(socket.AF_INET, bytes(raw[::-1]))
                else:
                    swapped = b"".join(bytes(raw[i : i + 4][::-1]) for i in range(0, 16, 4))
                    where = socket.inet_ntop(socket.AF_INET6, swapped)
                inodes[fields[9]] = {"port": int(port, 16), "address": where, "pid": None, "process": ""}
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            found = inodes.get(target[8:-1])
            if found is not None and found["pid"] is None:
                found["pid"] = int(link.split("/")[2])
                try:  # /proc/PID/comm came with Linux 2.6.33, CentOS 6 has 2.6.32
                    line = shown(read("/proc/%d/stat" % found["pid"]))
                    found["process"] = line[line.index("(") + 1 : line.rindex(")")]
                except (OSError, IOError):
                    pass  # it ended meanwhile
    return sorted(inodes.values(), key=lambda one: (one["port"], one["address"]))
